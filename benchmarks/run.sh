#!/usr/bin/env bash
# Builds the release preset and measures: benchmarks/run.sh [WORKLOAD...] [--json FILE] [--seed N] [--events N] ...
# Workloads and options: benchmarks/README.md, or --list and --help.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
[[ -f build/release/build.ninja ]] || cmake --preset release >&2
cmake --build --preset release --target weir-bench >&2
cd "$OLDPWD"
exec "$root/build/release/bin/weir-bench" "$@"
