#!/bin/sh
# What models/nano/README.md reports, from rows of the test split. Run from the project's root after
# `make build`; stopped, it goes on where it was. About an hour on two cores.
#
#   recipes/nano/evaluate.sh [MODEL] [FOLDER]
#
# Rows that are done are kept in build/evaluate, or EVALUATE_WORK: another one for another model.
set -eu
model=${1:-builtin:nano}
folder=${2:-models/nano}
work=${EVALUATE_WORK:-build/evaluate}
evaluate() { # NAME TASKS LENGTHS ROWS [FLAGS...]
  name=$1 tasks=$2 lengths=$3 rows=$4
  shift 4
  build/release/memagent eval --model "$model" --tasks "$tasks" --lengths "$lengths" \
    --samples "$rows" --out "$work/$name" --json "$folder/$name.json" "$@"
}
mkdir -p "$work"
evaluate eval niah,vt,relay,reworded,qa_1,world_unanswerable 1K,8K,64K 32 --traces none
# The second paragraph may come before the first, which says what to look for in it: read twice.
evaluate eval-hops world_bridge_2,qa_2 1K,8K,64K 32 --passes 2 --traces none
evaluate eval-hops-once world_bridge_2,qa_2 8K 32 --traces none
evaluate eval-alike alike 8K 48 --traces none
# The same weights without a memory, and rewriting it all after each section, which they have not learnt.
evaluate eval-methods niah,vt,relay 1K,8K 8 --method memory,full,truncate-middle,retrieve --traces none
evaluate eval-overwrite niah,vt,relay 1K,8K 8 --policy overwrite --traces none
# What it was not trained on: sections of other sizes, and other prose around the needles.
cat README.md docs/*.md docs/*/*.md >"$work/haystack.txt"
other() { # NAME [FLAGS...]
  name=$1
  shift
  evaluate "eval-$name" niah_single_2,niah_multikey_1,niah_multiquery,relay 8K 32 --traces none "$@"
}
for tokens in 64 128 192 256 384; do other "sections-$tokens" --section-tokens "$tokens"; done
other haystack --haystack "$work/haystack.txt"
evaluate eval-512k niah,vt,relay,reworded,qa_1,world_unanswerable 512K 4 --traces none
evaluate eval-hops-512k world_bridge_2 512K 4 --passes 2 --traces none
evaluate eval-lengths niah_single_2,niah_multikey_1,vt,relay 1K,8K,64K,512K,3.5M 64,64,64,16,8 --traces none \
  --html "$work/eval-lengths.html"
