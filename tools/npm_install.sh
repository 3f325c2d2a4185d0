#!/bin/sh
# Installs the npm packages of a folder, once per package-lock.json.
#
#   tools/npm_install.sh web         what the program's pages are made of and built with
#   tools/npm_install.sh tests/npm   what tests compare against
#
# Leaves everything under FOLDER/node_modules, which git ignores, and needs the network only when
# the lock file changed. MEMAGENT_SKIP_NPM=1 turns it off: comparisons are then skipped, and the
# build has to be configured with -DMEMAGENT_WEB=OFF.
set -eu
folder=${1:?which folder: web or tests/npm}
cd "$(dirname "$0")/../$folder" 2>/dev/null || exit 0
[ -f package-lock.json ] || exit 0
[ "${MEMAGENT_SKIP_NPM:-0}" = 1 ] && exit 0
stamp=node_modules/.installed-package-lock.json
cmp -s package-lock.json "$stamp" && exit 0
echo "setup: installing the npm packages of $folder"
# Not `npm ci`: it wants every optional package of every platform in the lock file, also those a
# registry does not carry. The lock file decides the versions all the same, and is put back as it
# was, whatever npm adds to it. What else a folder wants is in its .npmrc.
kept=$(mktemp)
cp package-lock.json "$kept"
installed=1
npm install --prefer-offline --no-audit --no-fund || installed=0
cp "$kept" package-lock.json
rm -f "$kept"
if [ "$installed" = 0 ]; then
  echo "setup: npm install failed in $folder; MEMAGENT_SKIP_NPM=1 goes on without" >&2
  exit 1
fi
cp package-lock.json "$stamp"
