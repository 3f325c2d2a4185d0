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
# Not `npm ci`: it wants every optional package of every platform in the lock file, also those a
# registry does not carry. The lock file decides the versions all the same, and is put back as it
# was, whatever npm adds to it.
kept=$(mktemp)
cp package-lock.json "$kept"
installed=1
npm install --omit=optional --ignore-scripts --no-audit --no-fund || installed=0
cp "$kept" package-lock.json
rm -f "$kept"
if [ "$installed" = 0 ]; then
  echo "setup: npm install failed in tests/npm; MEMAGENT_SKIP_NPM=1 goes on without its comparisons" >&2
  exit 1
fi
cp package-lock.json "$stamp"
