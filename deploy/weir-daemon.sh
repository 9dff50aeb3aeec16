#!/usr/bin/env bash
# Starts and stops Weir's daemons on this machine.
#
# The pid file holds one pid per line, the newest last; it is empty, not gone, when nothing runs, since it is locked while
# it is read or written. Daemons log to standard error: that is the .log, what they print is the .out.
set -euo pipefail

usage="Usage: weir-daemon.sh (start|stop|stop-all) (standalonesession|taskexecutor) [args]"
if (($# < 2)); then
  echo "$usage"
  exit 1
fi
action=$1
daemon=$2
shift 2

. "$(dirname "${BASH_SOURCE[0]}")/config.sh"
if ! program=$(program_of "$daemon"); then
  echo "Unknown daemon '$daemon'. $usage"
  exit 1
fi
pid_file=$WEIR_PID_DIR/weir-$WEIR_IDENT_STRING-$daemon.pid

# A number may have been given to another program since, and a zombie runs no longer.
is_running() {
  local stat name=${program##*/}
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  [[ $stat == "$1 (${name:0:15}) "[!ZX]* ]]
}

lock() {
  mkdir -p "$WEIR_PID_DIR"
  exec 9>>"$pid_file"
  flock -w 30 9 || { echo "Pid file is locked: $pid_file" >&2; exit 1; }
  mapfile -t pids < <(grep -E '^[0-9]+$' "$pid_file")
}
# Writes pids back.
unlock() {
  if ((${#pids[@]} > 0)); then printf '%s\n' "${pids[@]}" >"$pid_file"; else : >"$pid_file"; fi
  exec 9>&-
}
forget() {
  local kept=() pid
  lock
  for pid in "${pids[@]}"; do [[ $pid == "$1" ]] || kept+=("$pid"); done
  pids=("${kept[@]}")
  unlock
}

# The last five of a file that is about to be written anew.
rotate() {
  local i
  [[ -s $1 ]] || return 0
  for i in 4 3 2 1; do
    [[ ! -e $1.$i ]] || mv -f "$1.$i" "$1.$((i + 1))"
  done
  mv -f "$1" "$1.1"
}

show_why() {
  echo "Error starting $daemon daemon."
  echo "$1"
  local file
  for file in "$out" "$log"; do
    if [[ -s $file ]]; then
      echo "--- last lines of $file"
      tail -n 20 "$file"
    fi
  done
}

start() {
  if [[ ! -x $program ]]; then
    echo "Error starting $daemon daemon."
    echo "No program $program. Build it first: cmake --preset release && cmake --build --preset release"
    exit 1
  fi
  mkdir -p "$WEIR_LOG_DIR"
  lock
  # Those that died are not to be stopped later on; older ones keep their lines, which number the log files.
  while ((${#pids[@]} > 0)) && ! is_running "${pids[-1]}"; do unset 'pids[-1]'; done
  local pid running=0
  for pid in "${pids[@]}"; do
    if is_running "$pid"; then running=$((running + 1)); fi
  done
  ((running == 0)) || echo "[INFO] $running instance(s) of $daemon are already running on $HOST."
  echo "Starting $daemon daemon on host $HOST."
  local name=$WEIR_LOG_DIR/weir-$WEIR_IDENT_STRING-$daemon-${#pids[@]}-$HOST
  out=$name.out
  log=$name.log
  rotate "$out"
  rotate "$log"
  setsid "$program" --configDir "$WEIR_CONF_DIR" "$@" </dev/null >"$out" 2>"$log" 9>&- &
  pid=$!
  pids+=("$pid")
  # Not before it is the program that others look for: they would take its line for that of a dead one.
  local tries
  for ((tries = 0; tries < 500; ++tries)); do
    if is_running "$pid" || ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.005
  done
  unlock

  local deadline=$((SECONDS + WEIR_START_TIMEOUT))
  # The program prints one line with its addresses when it is ready.
  until grep -q ' listens on ' "$out"; do
    if ! kill -0 "$pid" 2>/dev/null; then
      local code=0
      wait "$pid" || code=$?
      forget "$pid"
      show_why "It ended with exit code $code."
      exit 1
    fi
    if ((SECONDS >= deadline)); then
      kill -KILL "$pid" 2>/dev/null || true
      forget "$pid"
      show_why "It did not say that it listens within $WEIR_START_TIMEOUT seconds and was killed."
      exit 1
    fi
    sleep 0.02
  done
}

# end PID: SIGTERM, then SIGKILL. Fails when it did not run.
end() {
  if ! is_running "$1"; then
    echo "No $daemon daemon (pid: $1) is running anymore on $HOST."
    return 1
  fi
  echo "Stopping $daemon daemon (pid: $1) on host $HOST."
  kill -TERM "$1" 2>/dev/null || true
  local deadline=$((SECONDS + WEIR_STOP_TIMEOUT))
  while is_running "$1"; do
    if ((SECONDS >= deadline)); then
      echo "Daemon $daemon didn't stop within $WEIR_STOP_TIMEOUT seconds. Killing it."
      kill -KILL "$1" 2>/dev/null || true
      return 0
    fi
    sleep 0.02
  done
}

# The newest one that runs.
stop() {
  local pid found=false
  while true; do
    lock
    if ((${#pids[@]} == 0)); then
      unlock
      $found || echo "No $daemon daemon to stop on host $HOST."
      return 0
    fi
    pid=${pids[-1]}
    unset 'pids[-1]'
    unlock
    found=true
    if end "$pid"; then return 0; fi
  done
}

stop_all() {
  lock
  local all=("${pids[@]}") pid
  pids=()
  unlock
  ((${#all[@]} > 0)) || echo "No $daemon daemon to stop on host $HOST."
  for pid in "${all[@]}"; do end "$pid" || true; done
}

case $action in
  start) start "$@" ;;
  stop) stop ;;
  stop-all) stop_all ;;
  *)
    echo "Unexpected argument '$action'. $usage"
    exit 1 ;;
esac
