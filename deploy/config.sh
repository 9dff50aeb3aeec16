# Shared by the scripts of this folder: where things are, settings of weir-conf.yaml, lists of hosts. Sourced, not run.
#
# Environment: WEIR_CONF_DIR, WEIR_LOG_DIR, WEIR_PID_DIR, WEIR_IDENT_STRING, WEIR_SSH_OPTS, WEIR_PROGRAM_DIR,
# WEIR_START_TIMEOUT and WEIR_STOP_TIMEOUT (seconds).

# What the caller chose holds on every host; the rest each host finds for itself. Absolute, since ssh starts in $HOME.
SHARED_VARIABLES=()
for name in WEIR_LOG_DIR WEIR_PID_DIR WEIR_PROGRAM_DIR WEIR_IDENT_STRING WEIR_START_TIMEOUT WEIR_STOP_TIMEOUT; do
  [[ -n ${!name:-} ]] || continue
  if [[ $name == *_DIR && ${!name} != /* ]]; then printf -v "$name" %s "$PWD/${!name}"; fi
  SHARED_VARIABLES+=("$name")
done
unset name

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
      # An IPv6 address has colons of its own: [::1]:8081, ::1.
      if [[ $line == \[*\]* ]]; then
        line=${line#\[}
        line=${line%%\]*}
      elif [[ $line != *:*:* ]]; then
        line=${line%%:*}
      fi
      [[ -z $line ]] || HOSTS+=("$line")
    done <"$WEIR_CONF_DIR/$1"
  fi
  ((${#HOSTS[@]} > 0)) || HOSTS=(localhost)
}

# quoted WORD...: in single quotes, which every login shell understands.
quoted() {
  local word escaped="'\\''"
  for word in "$@"; do printf "'%s' " "${word//\'/"$escaped"}"; done
}

# over_ssh HOST SCRIPT ARGUMENT...: the login shell there may be any, and its environment is bare.
over_ssh() {
  local host=$1 script=$2 name options settings=("WEIR_CONF_DIR=$WEIR_CONF_DIR")
  shift 2
  for name in "${SHARED_VARIABLES[@]}"; do settings+=("$name=${!name}"); done
  # The first of several values counts for ssh, so that WEIR_SSH_OPTS overrides ours.
  read -ra options <<<"$WEIR_SSH_OPTS"
  ssh -n "${options[@]}" -o ConnectTimeout=10 -o ServerAliveInterval=15 -- "$host" "env $(quoted "${settings[@]}" "$WEIR_DEPLOY_DIR/$script" "$@")"
}

# on_host HOST SCRIPT ARGUMENT...: runs a script of this folder there; the same paths are expected on every machine. Its
# exit code, with a word about what went wrong; 255 when the host could not be reached.
on_host() {
  local host=$1 code=0
  shift
  if [[ $host == localhost || $host == 127.0.0.1 ]]; then
    "$WEIR_DEPLOY_DIR/$1" "${@:2}" || code=$?
  else
    over_ssh "$host" "$@" || code=$?
  fi
  case $code in
    0) ;;
    126 | 127) echo "$* failed on host $host with exit code $code: is Weir under $WEIR_DEPLOY_DIR there?" >&2 ;;
    255) echo "Host $host could not be reached by ssh: $* was not done." >&2 ;;
    *) echo "$* failed on host $host with exit code $code." >&2 ;;
  esac
  return "$code"
}

# on_hosts SCRIPT ARGUMENT...: on each of HOSTS, all at once. Fails when one fails; DONE_COUNT and UNREACHED_COUNT tell
# on how many it was done and how many did not answer.
on_hosts() {
  local host process code processes=()
  DONE_COUNT=0
  UNREACHED_COUNT=0
  for host in "${HOSTS[@]}"; do
    on_host "$host" "$@" &
    processes+=($!)
  done
  for process in "${processes[@]}"; do
    code=0
    wait "$process" || code=$?
    case $code in
      0) DONE_COUNT=$((DONE_COUNT + 1)) ;;
      255) UNREACHED_COUNT=$((UNREACHED_COUNT + 1)) ;;
    esac
  done
  ((DONE_COUNT == ${#HOSTS[@]}))
}

# program_of DAEMON: the program behind a daemon's name.
program_of() {
  case $1 in
    standalonesession) echo "$WEIR_PROGRAM_DIR/weir-jobmanager" ;;
    taskexecutor) echo "$WEIR_PROGRAM_DIR/weir-taskmanager" ;;
    *) return 1 ;;
  esac
}
