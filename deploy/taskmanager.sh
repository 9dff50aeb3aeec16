#!/usr/bin/env bash
# Starts and stops a TaskManager on this machine; there may be several.
set -euo pipefail

usage="Usage: taskmanager.sh ((start|start-foreground) [-D key=value]...)|stop|stop-all"
action=${1:-}
shift || true

. "$(dirname "${BASH_SOURCE[0]}")/config.sh"
case $action in
  start) exec "$WEIR_DEPLOY_DIR/weir-daemon.sh" start taskexecutor "$@" ;;
  start-foreground) exec "$(program_of taskexecutor)" --configDir "$WEIR_CONF_DIR" "$@" ;;
  stop | stop-all) exec "$WEIR_DEPLOY_DIR/weir-daemon.sh" "$action" taskexecutor ;;
  *)
    echo "$usage"
    exit 1 ;;
esac
