#!/bin/sh
# Unpacks Debian packages into build/debian without installing them: programs that tests start
# themselves, and that would start a service of their own where they are installed.
#
#   tools/unpack_debian.sh nginx caddy
#
# Does nothing for what is there already; where there is no network or no Debian, says so and goes
# on: what needs them is skipped.
set -eu
cd "$(dirname "$0")/.."
[ "${MEMAGENT_SKIP_SETUP:-0}" = 1 ] && exit 0
command -v apt-get >/dev/null && command -v dpkg >/dev/null || exit 0
folder=$PWD/build/debian
for package in "$@"; do
  [ -e "$folder/$package.unpacked" ] && continue
  work=$(mktemp -d)
  if (cd "$work" && apt-get download -q "$package" >log 2>&1 && dpkg -x "$package"_*.deb root); then
    mkdir -p "$folder"
    cp -a "$work/root/." "$folder/"
    touch "$folder/$package.unpacked"
    echo "setup: unpacked $package into build/debian"
  else
    echo "setup: no $package; what needs it is skipped" >&2
  fi
  rm -rf "$work"
done
