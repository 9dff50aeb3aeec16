#!/usr/bin/env bash
# Runs Apache Flink on workloads of the suite, with the harness in $WEIR_PEERS/flink; weir-bench --peer flink calls it.
#
#   flink.sh up        fetches Flink and builds the harness when that was not done yet, then starts a pinned cluster
#   flink.sh run JOB   runs one job of the harness, such as wc:n=20000000,k=1000000, and prints its RESULT line
#   flink.sh down      ends the cluster
#
# WEIR_PEERS: directory of the harnesses. WEIR_PEERS_WORK: where Flink and its work files are kept, about 700 MB.
set -euo pipefail
harness=${WEIR_PEERS:?directory of the harnesses}/flink
export WORK=${WEIR_PEERS_WORK:-${TMPDIR:-/tmp}/weir-peers}/flink
# A fixed young generation: with the default, full collections come in the middle of a run.
export HEAP=${HEAP:-4800} YOUNG=${YOUNG:-2400}

[[ -x $harness/cluster.sh ]] || { echo "flink.sh: no harness in $harness" >&2; exit 1; }
case ${1:-} in
  up)
    mkdir -p "$WORK"
    if [[ ! -f $WORK/harness.jar ]]; then
      for program in java javac pip; do
        command -v "$program" >/dev/null || { echo "flink.sh: $program is missing" >&2; exit 1; }
      done
      "$harness/setup.sh" >&2
    fi
    "$harness/cluster.sh" down >/dev/null 2>&1 || true # What an earlier run left.
    exec "$harness/cluster.sh" up ;;
  run)
    "$harness/drive.sh" "${2:?a job}" 2>"$WORK/log/drive.err" | grep -m1 '^RESULT' || { tail -n 5 "$WORK/log/drive.err" >&2; exit 1; } ;;
  down) exec "$harness/cluster.sh" down ;;
  *) sed -n '2,8p' "$0"; exit 2 ;;
esac
