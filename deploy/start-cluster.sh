#!/usr/bin/env bash
# Starts the JobManagers of conf/masters, then the TaskManagers of conf/workers, all at once. One that does not start, or a
# host that does not answer, keeps no other from starting; the exit code is 1 then.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/config.sh"

code=0
echo "Starting cluster."
read_hosts masters
on_hosts jobmanager.sh start || code=1
# TaskManagers wait for a JobManager whose host comes back. One that refuses to start may be running already, in a cluster
# with its own TaskManagers.
if ((DONE_COUNT + UNREACHED_COUNT == 0)); then
  echo "No JobManager started, so no TaskManager is started either." >&2
  exit 1
fi
read_hosts workers
on_hosts taskmanager.sh start || code=1
exit "$code"
