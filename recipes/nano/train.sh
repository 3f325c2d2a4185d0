#!/bin/sh
# The runs of memagent-nano, in order, each from the model that the one before it left, in build/nano. Run from the
# project's root after `make build`; stopped, it goes on where it was, and what is done is not done again.
#
#   recipes/nano/train.sh [FLAGS...]         # of `memagent train`, for every run: --threads 1
#
# Every recipe is run to its end, also those that were stopped before it (models/nano/README.md): some 185 million
# tokens before `plenty`, ten hours or more on two cores. `plenty` and `more` are 332 million and for a GPU
# (docs/training.md); without one, take `device` and `compute` out of the two recipes, and days.
set -eu
memagent=build/release/memagent
work=build/nano
run() { # sft|rl NAME [FLAGS...]
  kind=$1 name=$2
  shift 2
  if [ -f "$work/$name/done" ]; then
    echo "$name: is done"
    return
  fi
  resume=
  if [ -d "$work/$name" ]; then resume=--resume; fi
  echo "$name: recipes/nano/$name.toml in $work/$name${resume:+, going on}"
  "$memagent" train "$kind" --recipe "recipes/nano/$name.toml" --out "$work/$name" ${resume:+"$resume"} "$@"
  : >"$work/$name/done"
}
run sft sft "$@"
run sft further "$@"
run rl rl "$@"
for name in apart add spell sure finish slips hold copies again names words world twice chains deeper plenty more \
    clutter; do
  run sft "$name" "$@"
done
# What clutter.toml taught, and what it lost of what `more` had polished.
if [ ! -f "$work/mix/model.gguf" ]; then
  echo "mix: a quarter of more, three quarters of clutter"
  mkdir -p "$work/mix"
  "$memagent" model mix "$work/more/model.gguf" "$work/clutter/model.gguf" "$work/mix/model.gguf" --share 0.75
fi
run sft settle "$@"
# By the answers alone: what takes two paragraphs, then everything that is not always answered rightly.
run rl hops-rl --weights "$work/settle/model.gguf" "$@"
run rl answers-rl "$@"
run rl longer-rl "$@"
"$memagent" model quantize "$work/longer-rl/model.gguf" "$work/longer-rl/q8_0.gguf" Q8_0
"$memagent" model note "$work/longer-rl/q8_0.gguf" "$work/memagent-nano.gguf" --section-tokens 160
