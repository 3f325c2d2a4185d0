#!/bin/sh
# Runs the fuzz targets of tests/fuzz, each for some minutes, and says what each did. Builds them
# first (preset `fuzz`: clang, address and undefined-behaviour sanitizers).
#
#   tools/fuzz.sh [TARGET...]     all of them, or those named: gguf, remote, tokenizer_json, ...
#
# FUZZ_SECONDS: of each target (600). JOBS: targets at once (all cores). What has been found
# interesting is kept in build/fuzz/corpus and built on the next time; an input that fails is kept in
# build/fuzz/findings. Ends with 1 if there is one.
set -eu
cd "$(dirname "$0")/.."
build=build/fuzz
corpus=$build/corpus
findings=$build/findings

if [ "${1:-}" = --one ]; then
  target=$2
  dictionary=tests/fuzz/$target.dict
  set -- -max_total_time="${FUZZ_SECONDS:-600}" -rss_limit_mb=2048 -max_len=262144 -print_final_stats=1 \
    -artifact_prefix="$findings/$target-"
  if [ -e "$dictionary" ]; then set -- "$@" -dict="$dictionary"; fi
  log=$findings/$target.log
  if "$build/tests/fuzz/${target}_fuzz" "$@" "$corpus/$target" > "$log" 2>&1; then
    sed -n "s/^stat::number_of_executed_units: *\([0-9]*\)/fuzz: $target: clean, \1 inputs/p" "$log"
    exit 0
  fi
  echo "fuzz: $target: FAULT, see $log"
  exit 1
fi

[ $# -gt 0 ] || set -- $(ls tests/fuzz/*_fuzz.cc | sed 's|.*/||; s|_fuzz.cc$||')
for target; do
  [ -e "tests/fuzz/${target}_fuzz.cc" ] || { echo "fuzz: no target '$target'" >&2; exit 2; }
done
tools/setup.sh fuzz
launcher=$(command -v ccache || true)
[ -f "$build/build.ninja" ] || cmake --preset fuzz ${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER=ccache}
echo "$@" | tr ' ' '\n' | sed 's|$|_fuzz|' | xargs ninja -C "$build"${JOBS:+ -j$JOBS}
mkdir -p "$findings"
for target; do mkdir -p "$corpus/$target"; done

# Something whole to begin with.
first() { mkdir -p "$corpus/$1"; cat > "$corpus/$1/first"; }
first gguf < tests/train/data/tiny-smoke-warm-start.gguf
first tokenizer_json < recipes/nano/tokenizer.json
echo '{"id":"1","question":"Who?","answers":["Ann"],"documents":[{"title":"Ann","text":"Ann did."}]}' |
  first data_set
header='{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}   '
{ printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header"; head -c 16 /dev/zero; } | first safetensors

echo "fuzz: $# targets, ${FUZZ_SECONDS:-600} s each, ${JOBS:-$(nproc)} at once"
failed=0
echo "$@" | tr ' ' '\n' | xargs -P "${JOBS:-$(nproc)}" -n 1 tools/fuzz.sh --one || failed=1
[ "$failed" = 0 ] || { echo "fuzz: there are findings, see above" >&2; exit 1; }
echo "fuzz: all clean"
