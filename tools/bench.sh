#!/bin/sh
# `make bench`: tokens per second of this machine on a random-weight model, as one line of JSON.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/demo
model=build/demo/nano.gguf
[ -f "$model" ] || build/release/memagent model init nano "$model" --type Q8_0
exec build/release/memagent bench --model "$model" --json
