#!/bin/sh
# Formatting and static analysis of our own sources: clang-format on everything git tracks,
# clang-tidy on what the release build compiles. Changes nothing; fails on the first kind of
# finding after listing all of them.
#
#   tools/lint.sh [FILE...]     only these files
set -eu
cd "$(dirname "$0")/.."
build=build/release
if [ $# -gt 0 ]; then files=$*; else files=$(git ls-files '*.h' '*.cc'); fi

echo "lint: clang-format"
echo "$files" | tr ' ' '\n' | xargs clang-format --dry-run --Werror

# Only files of the compilation database have flags to be parsed with.
sources=$(echo "$files" | tr ' ' '\n' | grep '\.cc$' | while read -r file; do
  if grep -q "\"file\": \"$PWD/$file\"" "$build/compile_commands.json"; then echo "$file"; fi
done)
[ -n "$sources" ] || exit 0
echo "lint: clang-tidy on $(echo "$sources" | wc -l) files"
echo "$sources" | xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p "$build" 2>/dev/null
