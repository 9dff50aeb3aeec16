#!/usr/bin/env bash
# Stops what start-cluster.sh started: one TaskManager for each line of conf/workers, then the JobManagers. Goes on when a
# host does not answer; the exit code is 1 then.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/config.sh"

code=0
read_hosts workers
on_hosts taskmanager.sh stop || code=1
read_hosts masters
on_hosts jobmanager.sh stop || code=1
exit "$code"
