#!/bin/sh
# Makes recipes/nano/tokenizer.json: a byte-level BPE vocabulary of 2,048 tokens from generated text
# of the training split, in which no name or number of the test split occurs. Run from the project's
# root after `make build`; the same commit gives the same file.
set -eu
memagent=build/release/memagent
corpus=$(mktemp -d)
trap 'rm -r "$corpus"' EXIT

# Documents, each task's in proportion to what there is to learn in its words.
for task in niah_single_2:40 niah_multikey_2:12 niah_multikey_3:2 niah_single_1:1 vt:2 cwe:10 fwe:2 \
    world_bridge_2:60 world_comparison:60; do
  "$memagent" synth --task "${task%:*}" --tokens "${task#*:}K" --split train --text --quiet \
    --out "$corpus/$(echo "$task" | tr : -).txt"
done
# Questions, and what is noted of facts.
"$memagent" synth --task all --tokens 4K --split train --count 60 --quiet |
  grep -oE '"(question|note)":"[^"]*"' | sed 's/^"[a-z]*":"//; s/"$//' > "$corpus/questions.txt"
# The words around them.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
  printf "keep\nupdate\nstop\nreply\nmemory none\n" >> "$corpus/prompts.txt"
  sed -n "s/{[a-z]*}//g; /^'''$/d; /^#/d; /=/d; /^\[/d; p" recipes/nano/prompts.toml >> "$corpus/prompts.txt"
done
"$memagent" tokenizer train --vocab-size 2048 --special '<|endoftext|>' \
  --output recipes/nano/tokenizer.json "$corpus"/*.txt
