#!/bin/sh
# What models/nano/README.md reports, from rows of the test split. Run from the project's root after
# `make build`; stopped, it goes on where it was. An hour with AVX-512, some five without.
#
#   recipes/nano/evaluate.sh [MODEL] [FOLDER]
#
# Rows that are done are kept in build/evaluate, or EVALUATE_WORK: another one for another model.
set -eu
model=${1:-builtin:nano}
folder=${2:-models/nano}
work=${EVALUATE_WORK:-build/evaluate}
evaluate() { # NAME ROWS_IN TASKS LENGTHS ROWS [FLAGS...]
  name=$1 rows_in=$2 tasks=$3 lengths=$4 rows=$5
  shift 5
  build/release/memagent eval --model "$model" --tasks "$tasks" --lengths "$lengths" --samples "$rows" \
    --max-in-flight 8 --traces none --out "$work/$rows_in" --json "$folder/$name.json" "$@"
}
mkdir -p "$work"
# Rows that are read alike are kept together: what one of these reads, another need not.
all=niah,vt,relay,reworded,qa_1,world_unanswerable
evaluate eval once "$all" 1K,8K,64K 32
evaluate eval-hops-once once world_bridge_2,qa_2 8K 32
evaluate eval-512k once "$all" 512K 4
evaluate eval-lengths once niah_single_2,niah_multikey_1,vt,relay 1K,8K,64K,512K,3.5M 32,32,32,1,1 \
  --html "$work/eval-lengths.html"
evaluate eval-alike once alike 8K 48
# The second paragraph may come before the first, which says what to look for in it: read twice.
evaluate eval-hops twice world_bridge_2,qa_2 1K,8K,64K 32 --passes 2
# The same weights without a memory, and rewriting it all after each section, which they have not learnt.
evaluate eval-methods methods niah,vt,relay 1K,8K 8 --method memory,full,truncate-middle,retrieve
evaluate eval-overwrite overwrite niah,vt,relay 1K,8K 8 --policy overwrite
# What it was not trained on: sections of other sizes, and other prose around the needles.
cat README.md docs/*.md docs/*/*.md >"$work/haystack.txt"
other() { # NAME [FLAGS...]
  name=$1
  shift
  evaluate "eval-$name" "$name" niah_single_2,niah_multikey_1,niah_multiquery,relay 8K 32 "$@"
}
for tokens in 64 128 160 192 256 384; do other "sections-$tokens" --section-tokens "$tokens"; done
other haystack --haystack "$work/haystack.txt"
evaluate eval-hops-512k twice world_bridge_2 512K 4 --passes 2
