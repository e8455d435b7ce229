#!/usr/bin/env bash
# The runs behind docs/results.md: DERI and MERL on a PTB-XL store, the same budget, three seeds each; then zero-shot on the test
# split. Usage: tools/ptbxl_small.sh STORE OUT [extra deri pretrain options]. What is there already is kept, a killed run goes on.
set -euo pipefail

store=$1
out=$2
shift 2
deri=${DERI:-build/release/bin/deri}
config=$(dirname "$0")/../configs/ptbxl-small.yaml
mkdir -p "$out"

for seed in 1 2 3; do
  for kind in deri merl; do
    stride=$([[ $kind == merl ]] && echo 1 || echo 3)
    run=$out/$kind-$seed
    "$deri" pretrain --config "$config" --data "$store" --out "$run" --resume --set seed=$seed --set model.kind=$kind \
      --set model.downconv_stride="$stride" "$@"
    "$deri" zeroshot --model "$run/best" --data "$store" --labels super,sub,form,rhythm --seed $seed --json "$run/zeroshot.json"
  done
done
