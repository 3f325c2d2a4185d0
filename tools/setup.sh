#!/bin/sh
# Installs from Debian what the build, the tests and the linters need and is not there yet.
#
#   tools/setup.sh          compiler, libraries, test tools
#   tools/setup.sh program  of the above what the program alone needs, without training and tests
#   tools/setup.sh test     all of the above, and what some tests are skipped without: Chromium for
#                           web pages, PostgreSQL for shared stores, systemd for its unit
#   tools/setup.sh lint     the first, clang-format and clang-tidy
#   tools/setup.sh fuzz     the first, clang with libFuzzer
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
  libsqlite3-dev libpq-dev
'
rest='
  libtorch-dev libgloo-dev libopenblas-openmp-dev
  libgtest-dev libgmock-dev libbenchmark-dev
'
optional=
[ "${1:-}" = program ] || packages="$packages $rest"
case "${1:-}" in
  '' | program) ;;
  test) optional='chromium postgresql systemd' ;;
  lint) packages="$packages clang-format clang-tidy" ;;
  fuzz) packages="$packages clang" ;;
  *) echo "setup: unknown part '$1': choose program, test, lint, fuzz or nothing" >&2; exit 2 ;;
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

wanted=
for name in $optional; do installed "$name" || wanted="$wanted $name"; done

[ -n "$missing$wanted" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null; then
    as_root=sudo
  elif [ -n "$missing" ]; then
    echo "setup: these Debian packages are missing and neither root nor sudo is at hand:$missing" >&2
    exit 1
  fi
fi
# shellcheck disable=SC2086  # lists of words
apt_install() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}
echo "setup: installing from Debian:$missing$wanted"
if [ -n "$missing" ]; then
  $as_root apt-get update -q
  # shellcheck disable=SC2086
  apt_install $missing
else
  $as_root apt-get update -q || true
fi
for name in $wanted; do
  apt_install "$name" || echo "setup: no $name; what needs it is skipped" >&2
done
