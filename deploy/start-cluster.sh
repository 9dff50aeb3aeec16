#!/usr/bin/env bash
# Starts the JobManager of conf/masters, then the TaskManagers of conf/workers, all at once.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/config.sh"

echo "Starting cluster."
read_hosts masters
on_hosts jobmanager.sh start
read_hosts workers
on_hosts taskmanager.sh start
