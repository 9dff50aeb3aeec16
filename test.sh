#!/usr/bin/env bash
# Installs packages, builds everything and runs every test; fails if one fails, is disabled or is not registered.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'END'
Usage: ./test.sh [--full] [--preset P] [arguments for ctest]

  --full      the long property runs too: twenty times as many seeds
  --preset P  release (default), debug, asan or tsan, see CMakePresets.json
  -h, --help  this text

Example: ./test.sh --preset asan -R base_test
END
}

full=false
preset=release
ctest_arguments=()
while (($# > 0)); do
  case $1 in
    --full) full=true ;;
    --preset)
      (($# >= 2)) || { usage >&2; exit 1; }
      preset=$2
      shift ;;
    -h | --help) usage; exit 0 ;;
    *) ctest_arguments+=("$1") ;;
  esac
  shift
done

deploy/install-packages.sh

# Always said, or a run with --full would leave its number of seeds in the cache.
seeds=(-U WEIR_SIM_SEEDS)
if $full; then
  seeds=(-D WEIR_SIM_SEEDS=200000)
fi
cmake --preset "$preset" "${seeds[@]}"
cmake --build --preset "$preset"

exec ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j2 "${ctest_arguments[@]}"
