#!/bin/sh
# Installs the npm packages that tests compare against (tests/npm), once per package-lock.json.
#
# Leaves everything under tests/npm/node_modules, which git ignores, and needs the network only
# when the lock file changed. MEMAGENT_SKIP_NPM=1 turns it off: the comparisons are then skipped.
set -eu
cd "$(dirname "$0")/../tests/npm" 2>/dev/null || exit 0
[ -f package-lock.json ] || exit 0
[ "${MEMAGENT_SKIP_NPM:-0}" = 1 ] && exit 0
stamp=node_modules/.installed-package-lock.json
cmp -s package-lock.json "$stamp" && exit 0
echo "setup: installing the npm packages of tests/npm"
if ! npm ci --omit=optional --ignore-scripts --no-audit --no-fund; then
  echo "setup: npm ci failed in tests/npm; MEMAGENT_SKIP_NPM=1 goes on without its comparisons" >&2
  exit 1
fi
cp package-lock.json "$stamp"
