#!/usr/bin/env bash
# Starts and stops a JobManager on this machine.
set -euo pipefail

usage="Usage: jobmanager.sh ((start|start-foreground) [host] [-D key=value]...)|stop|stop-all"
action=${1:-}
shift || true

. "$(dirname "${BASH_SOURCE[0]}")/config.sh"
arguments=()
if [[ $action == start* && $# -gt 0 && $1 != -* ]]; then
  arguments+=(-D "jobmanager.rpc.address=$1")
  shift
fi
case $action in
  start) exec "$WEIR_DEPLOY_DIR/weir-daemon.sh" start standalonesession "${arguments[@]}" "$@" ;;
  start-foreground) exec "$(program_of standalonesession)" --configDir "$WEIR_CONF_DIR" "${arguments[@]}" "$@" ;;
  stop | stop-all) exec "$WEIR_DEPLOY_DIR/weir-daemon.sh" "$action" standalonesession ;;
  *)
    echo "$usage"
    exit 1 ;;
esac
