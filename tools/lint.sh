#!/usr/bin/env bash
# Checks formatting, that each stage includes only stages before it, and clang-tidy's findings where it can look. Exit 1 on any.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t sources < <(git ls-files '*.cpp' '*.hpp')
clang-format --dry-run --Werror "${sources[@]}"
echo "format: ${#sources[@]} files"

# A folder uses only the folders to its left.
stages=(base ecg text data nn model eval train experiment app)
for i in "${!stages[@]}"; do
  for later in "${stages[@]:i+1}"; do
    if grep -n "#include \"deri/$later/" "src/deri/${stages[i]}/"*; then
      echo "stage ${stages[i]} must not include from $later (docs/architecture.md)" >&2
      exit 1
    fi
  done
  # libtorch belongs to nn and what comes after it
  if ((i < 4)) && grep -nE '#include <(torch|ATen|c10)/' "src/deri/${stages[i]}/"*; then
    echo "stage ${stages[i]} must not include libtorch" >&2
    exit 1
  fi
done
echo "stages: in order"

mkdir -p build
cmake --preset tidy > build/tidy-configure.log 2>&1 || { cat build/tidy-configure.log; exit 1; }
# Sources that include libtorch are compiled in groups (Unity/) and left out here: Debian 12's clang cannot read libtorch 1.13's
# headers as C++20. g++ compiles them with -Wall -Wextra -Wpedantic -Werror.
grep -o '"file": "[^"]*"' build/tidy/compile_commands.json | cut -d'"' -f4 | grep -v /Unity/ |
  xargs -P "$(nproc)" -n 1 clang-tidy -p build/tidy --quiet --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option 2> build/tidy.log ||
  { grep -v 'warnings generated' build/tidy.log >&2 || true; exit 1; }
echo "clang-tidy: no findings"
