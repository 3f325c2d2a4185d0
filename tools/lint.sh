#!/bin/sh
# Formatting and static analysis of our own sources: clang-format on everything git tracks,
# clang-tidy on what the release build compiles, several files at once, a line for each. Changes no
# source; lists every finding, and fails if there is one.
#
#   tools/lint.sh [FILE...]         only these files
#   tools/lint.sh --since COMMIT    only what differs from COMMIT, uncommitted changes included
#
# Left out of clang-tidy, with a line: what includes LibTorch, whose headers clang 14 takes for
# wrong as C++20 (docs/decisions/build.md).
# A file that was clean is not looked at again until something it is compiled from changes: its text
# after preprocessing, the flags or .clang-tidy. What was clean is kept in build/lint.
# JOBS: files at once (all cores). LINT_SECONDS: the most one file may take (900).
set -eu
cd "$(dirname "$0")/.."
build=build/release
known=build/lint

# One source, with findings if there are any, then its line. Whoever runs it counts the failures.
if [ "${1:-}" = --one ]; then
  file=$2
  began=$(date +%s)
  # The compiler's own line for this file, to preprocess instead of to compile, comments kept: some
  # silence the linter.
  flags=$(sed -n 's|^  "command": "\(.*\)",*$|\1|p' "$build/compile_commands.json" |
    grep -F -- " $PWD/$file" | head -n 1 | sed 's|\\"|"|g; s| -o [^ ]*||; s| -c | -E -C |')
  text=$(mktemp)
  trap 'rm -f "$text"' EXIT
  (cd "$build" && eval "$flags") > "$text" 2>/dev/null
  if grep -q '^# .*/ATen/core/ivalue' "$text"; then
    echo "lint:  left out      $file: includes LibTorch"
    exit 0
  fi
  stamp=$({ clang-tidy -p "$build" --dump-config "$file"; clang-tidy --version; echo "$flags"
            cat "$text"; } 2>/dev/null | sha256sum | cut -c 1-40)
  if [ -e "$known/$stamp" ]; then
    echo "lint:  clean before  $file"
    exit 0
  fi
  result=0
  findings=$(timeout "${LINT_SECONDS:-900}" clang-tidy --quiet -p "$build" "$file" 2>/dev/null) ||
    result=$?
  took=$(($(date +%s) - began))
  if [ "$result" = 0 ] && [ -z "$findings" ]; then
    : > "$known/$stamp"
    printf 'lint: %5d s clean  %s\n' "$took" "$file"
    exit 0
  fi
  [ "$result" != 124 ] || findings="$file: not done after ${LINT_SECONDS:-900} s (LINT_SECONDS)"
  printf 'lint: %5d s FAULT  %s\n%s\n' "$took" "$file" "${findings:-clang-tidy: exit code $result}"
  exit 1
fi

# A header has no flags of its own: it is looked at from the source of its name, or else from the
# first one that includes it.
sources_of_headers() {
  while read -r header; do
    if [ -f "${header%.h}.cc" ]; then
      echo "${header%.h}.cc"
    else
      name=${header#include/}
      git grep -l -F "#include \"${name#src/}\"" -- '*.cc' | head -n 1
    fi
  done
}

case "${1:-}" in
  --since)
    [ $# = 2 ] || { echo "lint: --since needs one commit" >&2; exit 2; }
    files=$(git diff --name-only --diff-filter=d "$2" -- '*.h' '*.cc' '*.cu' '*.cuh'
            git ls-files --others --exclude-standard '*.h' '*.cc' '*.cu' '*.cuh')
    sources=$(echo "$files" | grep '\.cc$' || true
              echo "$files" | grep '\.h$' | sources_of_headers || true)
    ;;
  '') files=$(git ls-files '*.h' '*.cc' '*.cu' '*.cuh'); sources=$(echo "$files" | grep '\.cc$') ;;
  *) files=$(printf '%s\n' "$@")
     sources=$(echo "$files" | grep '\.cc$' || true
               echo "$files" | grep '\.h$' | sources_of_headers || true) ;;
esac
if [ -z "$files" ]; then
  echo "lint: nothing to look at"
  exit 0
fi

failed=0
echo "lint: clang-format on $(echo "$files" | wc -l) files"
echo "$files" | xargs clang-format --dry-run --Werror || failed=1

# Only files of the compilation database have flags to be parsed with.
mkdir -p "$known"
sources=$(echo "$sources" | sort -u | while read -r file; do
  [ -n "$file" ] || continue
  grep -q "\"file\": \"$PWD/$file\"" "$build/compile_commands.json" || continue
  echo "$file"
done)
if [ -n "$sources" ]; then
  echo "lint: clang-tidy on $(echo "$sources" | wc -l) files"
  echo "$sources" | xargs -P "${JOBS:-$(nproc)}" -n 1 tools/lint.sh --one || failed=1
fi
[ "$failed" = 0 ] || { echo "lint: there are findings, see above" >&2; exit 1; }
