#!/bin/sh
# `make demo`: memagent-nano, the model that comes with the program, reads a generated document of a
# million tokens, and is asked for a number that stands in it by way of another name: two places, far
# apart, that only a memory brings together. `tools/demo.sh SEED` hides others in another document.
set -eu
cd "$(dirname "$0")/.."
memagent=$PWD/build/release/memagent
seed=${1:-0}
folder=build/demo/relay-$seed
mkdir -p "$folder"
cd "$folder"
synth() {
  "$memagent" synth --task relay --tokens 1M --model builtin:nano --seed "$seed" --quiet "$@"
}
[ -f row.json ] || { synth | sed 's/"context":.*//' >row.partial && mv row.partial row.json; }
[ -f document.txt ] || { synth --text >document.partial && mv document.partial document.txt; }
question=$(sed 's/.*"question":"\([^"]*\)".*/\1/' row.json)
expected=$(sed 's/.*"answers":\["\([^"]*\)".*/\1/' row.json)
echo "memagent-nano (2 million parameters, inside the program) reads $(wc -c <document.txt) bytes and is asked:"
echo "  $question"
answer=$("$memagent" ask -q "$question" --watch document.txt)
echo "Its answer, from a memory of at most 256 tokens:"
echo "  $answer"
case $answer in
  *"$expected"*) echo "That is what the document says." ;;
  *) echo "The document says $expected." ;;
esac
