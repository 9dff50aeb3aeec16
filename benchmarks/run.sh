#!/usr/bin/env bash
# Measures a keyed count at parallelism 2 in one worker and in two, beside a hand-written single-threaded loop.
#   usage: benchmarks/run.sh [--records N] [--keys K] [--runs R]
# Timings are reported, never judged; a wrong checksum fails the run.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bin=$root/build/release/bin
records=100000000 keys=1000000 runs=3
while [ $# -gt 0 ]; do
  case $1 in
    --records) records=$2; shift 2 ;;
    --keys) keys=$2; shift 2 ;;
    --runs) runs=$2; shift 2 ;;
    *) sed -n '2,4p' "$0"; exit 2 ;;
  esac
done
for program in weir weir-jobmanager weir-taskmanager weir-worker keyed_count_loop; do
  [ -x "$bin/$program" ] || { echo "benchmarks: $bin/$program is missing, build the release preset first"; exit 1; }
done
work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  pids=()
}
trap 'stop; rm -rf "$work"' EXIT

# Waits until a file holds a line that matches, and prints the part that sed picks.
line_of() {
  for _ in $(seq 200); do
    grep -q "$2" "$1" 2>/dev/null && { grep -m1 "$2" "$1" | sed -E "$3"; return; }
    sleep 0.05
  done
  echo "benchmarks: no line '$2' in $1:" >&2; tail -n 5 "$1" >&2; exit 1
}

start_cluster() { # TaskManagers, slots each
  rm -rf "$work/cluster"; mkdir -p "$work/cluster"
  common=(-D io.tmp.dirs="$work/cluster" -D execution.checkpointing.dir="$work/cluster/checkpoints" -D metrics.reporter.prom.port=0 -D env.log.dir="$work/cluster/log")
  "$bin/weir-jobmanager" -D jobmanager.rpc.port=0 "${common[@]}" >"$work/cluster/jm.out" 2>&1 &
  pids+=($!)
  address=$(line_of "$work/cluster/jm.out" 'JobManager listens on' 's/.*listens on ([^ ]+) .*/\1/')
  for i in $(seq "$1"); do
    "$bin/weir-taskmanager" -D jobmanager.rpc.port="${address##*:}" -D taskmanager.resource-id="tm-$i" -D taskmanager.numberOfTaskSlots="$2" \
      -D taskmanager.memory.process.size=8g "${common[@]}" >"$work/cluster/tm-$i.out" 2>&1 &
    pids+=($!)
    line_of "$work/cluster/tm-$i.out" 'listens on' 's/x/x/' >/dev/null
  done
}

measure() { # name
  expected=$("$bin/keyed_count_loop" 1 1 >/dev/null; "$bin/keyed_count_loop" "$records" "$keys" | sed -E 's/.*records\/s, //')
  local rates=()
  for run in $(seq "$runs"); do
    rm -rf "$work/out"
    result=$("$bin/weir" run -m "$address" -p 2 "$root/build/release/benchmarks/keyed_count.so" --records "$records" --keys "$keys" --output "$work/out")
    actual=$(cat "$work"/out/part-*)
    [ "$actual" = "$expected" ] || { echo "$1: wrong result '$actual', expected '$expected'"; exit 1; }
    rates+=("$(awk -v n="$records" '/Job Runtime/ { printf "%.1f", n / $3 / 1000 }' <<<"$result")")
  done
  printf '%-28s %s million records/s (runs: %s)\n' "$1" "$(printf '%s\n' "${rates[@]}" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')" "${rates[*]}"
}

echo "keyed count: $records records, $keys keys, parallelism 2, exactly-once, checkpoint every 1 s, $(nproc) cores"
"$bin/keyed_count_loop" "$records" "$keys" | sed 's/^/hand-written loop, 1 thread:  /'
start_cluster 1 2; measure "one worker"; stop
start_cluster 2 1; measure "two workers over TCP"; stop
