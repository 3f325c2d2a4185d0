#!/bin/sh
# `make demo`: a random-weight model reads a generated document of about a million tokens.
#
# It shows that a document of any length is read at a steady rate in steady memory. Random weights
# know nothing, so what is answered means nothing.
set -eu
cd "$(dirname "$0")/.."
memagent=$PWD/build/release/memagent
folder=build/demo
mkdir -p "$folder"
cd "$folder"
[ -f nano.gguf ] || "$memagent" model init nano nano.gguf --type Q8_0
[ -f document.txt ] || { ../../tools/make_document.sh 2400000 >document.partial
                         mv document.partial document.txt; }
question='What is the code word of the harbour master?'
echo "A model with random weights reads $(wc -c <document.txt) bytes and is asked:"
echo "  $question"
echo "Its answer means nothing: what this shows is the reading."
"$memagent" ask --model nano.gguf -q "$question" \
  --memory-tokens 32 --output-tokens 32 --question-tokens 64 --section-tokens 2000 document.txt
