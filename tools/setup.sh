#!/bin/sh
# Installs from Debian what the build, the tests and the linters need and is not there yet.
#
#   tools/setup.sh          compiler, libraries, test tools
#   tools/setup.sh lint     the above, clang-format and clang-tidy
#   tools/setup.sh fuzz     the above, clang with libFuzzer
#
# Asks dpkg first, so that it needs no network and no rights when nothing is missing. Knows nothing
# about the build itself. MEMAGENT_SKIP_SETUP=1 turns it off for systems that are not Debian.
set -eu

[ "${MEMAGENT_SKIP_SETUP:-0}" = 1 ] && exit 0

# "a|b": either will do, the first is installed. Reasons for each: docs/decisions/.
packages='
  make git ca-certificates
  cmake ninja-build g++ pkg-config|pkgconf
  libcli11-dev nlohmann-json3-dev libfmt-dev libspdlog-dev libtomlplusplus-dev
  libpcre2-dev libutf8proc-dev libsentencepiece-dev libhwy-dev zlib1g-dev
  libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev libcpp-httplib-dev libssl-dev
  libsqlite3-dev
  libtorch-dev libopenblas-openmp-dev
  libgtest-dev libgmock-dev libbenchmark-dev
'
case "${1:-}" in
  '') ;;
  lint) packages="$packages clang-format clang-tidy" ;;
  fuzz) packages="$packages clang" ;;
  *) echo "setup: unknown part '$1': choose lint, fuzz or nothing" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: not a Debian system: install the counterparts of these packages," \
       "then set MEMAGENT_SKIP_SETUP=1:" >&2
  echo "$packages nodejs npm" | xargs >&2
  exit 1
fi

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

missing=
for entry in $packages; do
  found=
  for name in $(echo "$entry" | tr '|' ' '); do
    if installed "$name"; then found=1; break; fi
  done
  [ -n "$found" ] || missing="$missing ${entry%%|*}"
done
# Node.js often comes from elsewhere than Debian; the command is what counts.
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: these Debian packages are missing and neither root nor sudo is at hand:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
echo "setup: installing from Debian:$missing"
$as_root apt-get update -q
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
