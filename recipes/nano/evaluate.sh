#!/bin/sh
# What models/nano/README.md reports, from rows of the test split. Run from the project's root after
# `make build`; stopped, it goes on where it was. About half an hour on two cores.
#
#   recipes/nano/evaluate.sh [MODEL] [FOLDER]
set -eu
model=${1:-builtin:nano}
folder=${2:-models/nano}
evaluate() { # NAME TASKS LENGTHS ROWS [FLAGS...]
  name=$1 tasks=$2 lengths=$3 rows=$4
  shift 4
  build/release/memagent eval --model "$model" --tasks "$tasks" --lengths "$lengths" \
    --samples "$rows" --out "build/evaluate/$name" --json "$folder/$name.json" "$@"
}
mkdir -p build/evaluate
evaluate eval niah,vt,relay 1K,8K,64K 16 --method memory,truncate-middle,retrieve --html build/evaluate/eval.html
evaluate eval-alike alike 8K 12
evaluate eval-512k niah,vt,relay 512K 4
evaluate eval-3.5m niah_single_2,niah_multikey_1,vt,relay 3.5M 1
