# Shared by the scripts of this folder: where things are, settings of weir-conf.yaml, lists of hosts. Sourced, not run.
#
# Environment: WEIR_CONF_DIR, WEIR_LOG_DIR, WEIR_PID_DIR, WEIR_IDENT_STRING, WEIR_SSH_OPTS, WEIR_PROGRAM_DIR,
# WEIR_START_TIMEOUT and WEIR_STOP_TIMEOUT (seconds).

WEIR_DEPLOY_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
WEIR_HOME=$(dirname "$WEIR_DEPLOY_DIR")
HOST=${HOSTNAME:-$(hostname)}

# Built in place, or installed.
if [[ -z ${WEIR_PROGRAM_DIR:-} ]]; then
  WEIR_PROGRAM_DIR=$WEIR_HOME/build/release/bin
  [[ -d $WEIR_PROGRAM_DIR ]] || WEIR_PROGRAM_DIR=$WEIR_HOME/bin
fi
if [[ -z ${WEIR_CONF_DIR:-} ]]; then
  WEIR_CONF_DIR=$WEIR_HOME/conf
  [[ -d $WEIR_CONF_DIR ]] || WEIR_CONF_DIR=$WEIR_HOME/etc/weir
fi
if [[ ! -d $WEIR_CONF_DIR ]]; then
  echo "No configuration directory: $WEIR_CONF_DIR. Set WEIR_CONF_DIR." >&2
  exit 1
fi
WEIR_CONF_DIR=$(cd "$WEIR_CONF_DIR" && pwd -P)
export WEIR_CONF_DIR

# read_setting KEY DEFAULT: a plain value of weir-conf.yaml, its key flat (a.b.c) or nested.
read_setting() {
  local file=$WEIR_CONF_DIR/weir-conf.yaml value=""
  if [[ -r $file ]]; then
    value=$(awk -v wanted="$1" '
      /^[ ]*(#|$)/ || !/^[ ]*[A-Za-z0-9._-]+[ ]*:/ { next }
      {
        indent = match($0, /[^ ]/) - 1
        while (depth > 0 && indents[depth] >= indent) --depth
        line = substr($0, indent + 1)
        key = line; sub(/[ ]*:.*/, "", key)
        value = line; sub(/^[^:]*:[ ]*/, "", value)
        sub(/^#.*/, "", value); sub(/[ ]+#.*/, "", value); sub(/[ \r]+$/, "", value)
        if (value ~ /^".*"$/ || value ~ /^\047.*\047$/) value = substr(value, 2, length(value) - 2)
        path = key
        for (i = depth; i > 0; --i) path = keys[i] "." path
        if (value == "") { ++depth; keys[depth] = key; indents[depth] = indent }
        else if (path == wanted) result = value
      }
      END { print result }' "$file")
  fi
  echo "${value:-$2}"
}

WEIR_PID_DIR=${WEIR_PID_DIR:-$(read_setting env.pid.dir /tmp)}
WEIR_LOG_DIR=${WEIR_LOG_DIR:-$(read_setting env.log.dir "$WEIR_HOME/log")}
WEIR_SSH_OPTS=${WEIR_SSH_OPTS:-$(read_setting env.ssh.opts "")}
WEIR_IDENT_STRING=${WEIR_IDENT_STRING:-${USER:-$(id -un)}}
WEIR_START_TIMEOUT=${WEIR_START_TIMEOUT:-30}
WEIR_STOP_TIMEOUT=${WEIR_STOP_TIMEOUT:-10}

# read_hosts FILE: the hosts in $WEIR_CONF_DIR/FILE, into the array HOSTS; a leading /rack/path/ and a :port are cut.
read_hosts() {
  local line
  HOSTS=()
  if [[ -r $WEIR_CONF_DIR/$1 ]]; then
    while IFS= read -r line || [[ -n $line ]]; do
      line=${line%%#*}
      line=${line//[[:space:]]/}
      line=${line##*/}
      line=${line%%:*}
      [[ -z $line ]] || HOSTS+=("$line")
    done <"$WEIR_CONF_DIR/$1"
  fi
  ((${#HOSTS[@]} > 0)) || HOSTS=(localhost)
}

# on_host HOST SCRIPT ARGUMENT...: runs a script of this folder there; the same paths are expected on every machine.
on_host() {
  local host=$1 script=$2
  shift 2
  if [[ $host == localhost || $host == 127.0.0.1 ]]; then
    "$WEIR_DEPLOY_DIR/$script" "$@"
  else
    # shellcheck disable=SC2086 # Several options in one variable.
    ssh -n $WEIR_SSH_OPTS -- "$host" "WEIR_CONF_DIR=$(printf %q "$WEIR_CONF_DIR") $(printf '%q ' "$WEIR_DEPLOY_DIR/$script" "$@")"
  fi
}

# on_hosts SCRIPT ARGUMENT...: on each of HOSTS, all at once. Fails when one fails.
on_hosts() {
  local host process failed=0 processes=()
  for host in "${HOSTS[@]}"; do
    on_host "$host" "$@" &
    processes+=($!)
  done
  for process in "${processes[@]}"; do
    wait "$process" || failed=1
  done
  return "$failed"
}

# program_of DAEMON: the program behind a daemon's name.
program_of() {
  case $1 in
    standalonesession) echo "$WEIR_PROGRAM_DIR/weir-jobmanager" ;;
    taskexecutor) echo "$WEIR_PROGRAM_DIR/weir-taskmanager" ;;
    *) return 1 ;;
  esac
}
