#!/usr/bin/env bash
# Stops what start-cluster.sh started: one TaskManager for each line of conf/workers, then the JobManager.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/config.sh"

read_hosts workers
on_hosts taskmanager.sh stop || echo "Not every TaskManager could be stopped." >&2
read_hosts masters
on_hosts jobmanager.sh stop
