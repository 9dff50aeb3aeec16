#!/usr/bin/env bash
# Installs what Weir needs to build, test and run its quickstart on Debian 12, by name and only what is missing.
# As root, or through sudo. Why each package is there: docs/dependencies.md.
set -euo pipefail

packages=(
  # Build
  g++ cmake ninja-build pkg-config ccache lld git ca-certificates
  # base
  libfmt-dev libspdlog-dev libxxhash-dev libyaml-cpp-dev prometheus-cpp-dev libssl-dev
  # runtime, state
  libboost1.81-dev libboost-context1.81-dev librocksdb-dev
  # proto
  libprotobuf-dev protobuf-compiler libgrpc++-dev protobuf-compiler-grpc
  # taskmanager, client
  libjemalloc-dev libbackward-cpp-dev libdw-dev libcli11-dev nlohmann-json3-dev
  # tests
  libgtest-dev libgmock-dev
  # deploy, quickstart
  procps util-linux hostname jq
)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing, and installing them takes root or sudo: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
apt_get() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
apt_get update
apt_get install -y --no-install-recommends "${missing[@]}"
