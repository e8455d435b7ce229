#!/usr/bin/env bash
# tools/fuzz.sh [SECONDS [TARGET...]]: builds the libFuzzer targets under AddressSanitizer and UndefinedBehaviorSanitizer and runs each
# for SECONDS (20), as many at a time as there are cores. The corpus stays in build/fuzz/corpus and grows from run to run; it begins
# with tests/fuzz/inputs and, where they are at hand, the samples of ../shared. Exit 1 on a finding, which is then
# in build/fuzz/findings: mend it, and add the file to tests/fuzz/inputs/TARGET.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
shift || true
targets=("$@")
if ((${#targets[@]} == 0)); then mapfile -t targets < <(ls tests/fuzz/inputs); fi

mkdir -p build
cmake --preset fuzz > build/fuzz-configure.log 2>&1 || { cat build/fuzz-configure.log; exit 1; }
cmake --build build/fuzz --target "${targets[@]/#/fuzz_}"

corpus=build/fuzz/corpus
findings=build/fuzz/findings
shared=../shared
separator=$'\x1e'
mkdir -p "$findings"
for target in "${targets[@]}"; do
  mkdir -p "$corpus/$target"
  if [[ -d tests/fuzz/inputs/$target ]]; then cp -f tests/fuzz/inputs/"$target"/* "$corpus/$target/"; fi
done

# Samples of at most 16 kB: larger inputs only slow the search.
add() {
  local target=$1 name
  shift
  [[ -d $corpus/$target ]] || return 0
  for file in "$@"; do
    [[ -f $file ]] || continue
    name=$(basename "$file")
    head -c 16384 "$file" > "$corpus/$target/seed-$name"
  done
}
# A WFDB input is a record's header, a segment's, and the signal bytes, with separators between.
if [[ -d $shared && -d $corpus/wfdb ]]; then
  for header in "$shared"/data/formats/wfdb-variants/*.hea "$shared"/data/ptbxl/records100/00000/0000[1-3]_lr.hea; do
    signals=$(awk '!/^#/ && NF > 1 && seen++ { print $1; exit }' "$header")
    { cat "$header"; printf '%s' "$separator"; cat "$header"; printf '%s' "$separator"
      head -c 4096 "$(dirname "$header")/$signals" 2> /dev/null || true; } > "$corpus/wfdb/seed-$(basename "$header")"
  done
fi
add mat "$shared"/data/cpsc2018/native/*.mat "$shared"/data/csn/JS0000[1-4].mat "$shared"/data/formats/wfdb-variants/*.mat
add xml "$shared"/data/formats/{aecg,muse}/*.xml
add table "$shared"/data/ptbxl/*.csv "$shared"/data/splits/published/*/*.csv "$shared"/data/cpsc2018/native/*.csv
add vocabulary "$shared"/tokenizers/*/vocab.txt

run() {
  local target=$1
  "build/fuzz/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$findings/$target-" "$corpus/$target" > "build/fuzz/$target.log" 2>&1 ||
    { echo "$target: FINDING, see build/fuzz/$target.log" >&2; tail -40 "build/fuzz/$target.log" >&2; return 1; }
  echo "$target: $(awk '/number_of_executed_units/ { print $2 }' "build/fuzz/$target.log") inputs in ${seconds} s, no finding"
}
export -f run
export seconds corpus findings
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run {}'
