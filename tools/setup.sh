#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing. Does nothing, and needs no rights, when all are there.
set -euo pipefail

packages=(
  g++ make cmake ninja-build ccache pkg-config
  libtorch-dev libgloo-dev libopenblas-dev libopenblas0-openmp libdnnl-dev
  libcli11-dev libfmt-dev libspdlog-dev nlohmann-json3-dev libyaml-cpp-dev
  libutf8proc-dev libsoxr-dev libxxhash-dev zlib1g-dev libpugixml-dev
  libdcmtk-dev libbiosig-dev libflac-dev libcairo2-dev
  libgtest-dev libgmock-dev
)
case "${1:-}" in
  --lint) packages+=(clang-format clang-tidy) ;;
  --fuzz) packages+=(clang libclang-rt-dev) ;;
  --bench) packages+=(libbenchmark-dev) ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

echo "installing: ${missing[*]}"
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "run as root, or install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
