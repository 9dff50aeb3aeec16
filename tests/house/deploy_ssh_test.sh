#!/usr/bin/env bash
# A cluster on several hosts: the scripts of deploy/ with a stand-in for ssh that is as strict as the real one. It takes the
# options that ssh takes, one host and a command, joins the words of that command with blanks, and has a login shell run the
# line in another directory with a bare environment; it ends when nobody holds the output any more.
# Usage: deploy_ssh_test.sh SOURCE_DIR
set -euo pipefail
source_dir=$1
base=$(mktemp -d)
# Whoever forgets a quote meets this name.
work="$base/it's \$HOME; \"a b\" \\ & *"
finish() {
  find "$base" -name '*.pid' -exec cat {} + | xargs -r kill -KILL 2>/dev/null || true
  rm -rf "$base"
}
trap finish EXIT

mkdir -p "$work"/{conf,bin,programs} "$base"/{one,two,bare}
cp -r "$source_dir/deploy" "$work/deploy"
unset WEIR_CONF_DIR WEIR_LOG_DIR WEIR_PID_DIR WEIR_PROGRAM_DIR WEIR_SSH_OPTS WEIR_IDENT_STRING WEIR_START_TIMEOUT WEIR_STOP_TIMEOUT
export HOSTNAME=here

cat >"$work/bin/ssh" <<'END_OF_SSH'
#!/usr/bin/env bash
set -uo pipefail
usage() { echo "usage: ssh [-nq] [-i file] [-o option] [-p port] destination [command]: $*" >&2; exit 255; }
option_names=" BatchMode ConnectTimeout ServerAliveInterval StrictHostKeyChecking "
reads_input=true
timeout=none
while getopts :nqi:o:p: option; do
  case $option in
    n) reads_input=false ;;
    o) [[ $OPTARG == *=* && $option_names == *" ${OPTARG%%=*} "* ]] || { echo "Bad configuration option: $OPTARG" >&2; exit 255; }
       [[ $OPTARG != ConnectTimeout=* || $timeout != none ]] || timeout=${OPTARG#*=} ;;
    i) [[ -r $OPTARG ]] || { echo "Identity file $OPTARG not accessible" >&2; exit 255; } ;;
    p) [[ $OPTARG =~ ^[0-9]+$ ]] || usage "bad port '$OPTARG'" ;;
    q) ;;
    *) usage "unknown option -- $OPTARG" ;;
  esac
done
shift $((OPTIND - 1))
(($# > 0)) || usage "no destination"
destination=$1
host=${destination##*@}
shift
# Would take the caller's input.
! $reads_input || cat >/dev/null
(($# > 0)) || { echo "no command: an interactive login" >&2; exit 255; }
echo "$destination timeout=$timeout" >>"$SSH_TEST_DIR/calls"
if [[ ! -d $SSH_TEST_DIR/$host ]]; then
  echo "ssh: connect to host $host port 22: No route to host" >&2
  exit 255
fi
cd "$SSH_TEST_DIR/$host" || exit 255
# Weir is not there.
[[ $host != bare ]] || set -- "${*//deploy/removed}"
# The login shell is one that knows neither bash's words nor its quotes.
env -i HOME="$PWD" USER=remote LOGNAME=remote SHELL=/bin/sh PATH=/usr/local/bin:/usr/bin:/bin /bin/sh -c "$*" </dev/null 2>&1 | cat
exit "${PIPESTATUS[0]}"
END_OF_SSH
cat >"$work/programs/weir-jobmanager" <<'END_OF_DAEMON'
#!/bin/bash
# Where and how a daemon was started, then a daemon.
{ printf 'directory %s\n' "$PWD"; printf 'argument %s\n' "$@"; } >"started-${0##*/}"
echo "${0##*/} listens on localhost:1 (rpc)"
while :; do sleep 0.05; done
END_OF_DAEMON
chmod +x "$work/bin/ssh" "$work/programs/weir-jobmanager"
cp "$work/programs/weir-jobmanager" "$work/programs/weir-taskmanager"

fail() {
  echo "FAILED: $1. Output:"
  cat "$base/out"
  exit 1
}
run() {  # run EXPECTED_CODE COMMAND...
  local expected=$1 code=0
  shift
  "$@" >"$base/out" 2>&1 || code=$?
  [[ $code == "$expected" ]] || fail "$* ended with $code instead of $expected"
}
says() { grep -qE -- "$1" "$base/out" || fail "not said: $1"; }
never_says() { ! grep -qE -- "$1" "$base/out" || fail "said: $1"; }
is_gone() { [[ ! -e /proc/$1 || $(cut -d' ' -f3 "/proc/$1/stat") == Z ]]; }
running_count() {  # of the programs of this test
  local count=0 pid
  for pid in $(cat "$work/pid"/*.pid); do is_gone "$pid" || count=$((count + 1)); done
  echo "$count"
}

export SSH_TEST_DIR=$base PATH=$work/bin:$PATH
printf 'user@one\n' >"$work/conf/masters"
printf 'one # first\n/rack/two:22\ntwo\n' >"$work/conf/workers"
printf 'env.ssh.opts: -q   -p 2222 -i /dev/null\n' >"$work/conf/weir-conf.yaml"
start=("$work/deploy/start-cluster.sh")
stop=("$work/deploy/stop-cluster.sh")

# What the caller sets holds on each host, also what is relative here.
export WEIR_IDENT_STRING="two words" WEIR_PROGRAM_DIR="$work/programs" WEIR_LOG_DIR="$work/log" WEIR_START_TIMEOUT=20
cd "$work"
WEIR_PID_DIR=pid run 0 "${start[@]}"
export WEIR_PID_DIR="$work/pid"
says '^Starting cluster\.$'
[[ $(grep -c '^Starting taskexecutor daemon' "$base/out") == 3 ]] || fail "three TaskManagers"
[[ $(sort "$base/calls") == $'one timeout=10\ntwo timeout=10\ntwo timeout=10\nuser@one timeout=10' ]] || fail "the calls of ssh: $(cat "$base/calls")"
[[ $(wc -l <"$work/pid/weir-two words-taskexecutor.pid") == 3 ]] || fail "a pid for each"
[[ $(running_count) == 4 ]] || fail "four daemons"
for file in "$base/one/started-weir-jobmanager" "$base/two/started-weir-taskmanager"; do
  [[ $(cat "$file") == "directory ${file%/*}"$'\n'"argument --configDir"$'\n'"argument $work/conf" ]] || fail "$file: $(cat "$file")"
done
ls "$work/log" | grep -q '^weir-two words-taskexecutor-2-.*\.log$' || fail "log files: $(ls "$work/log")"
run 0 "${stop[@]}"
[[ $(running_count) == 0 ]] || fail "daemons live on"
[[ $(tail -n 1 "$base/out") == "Stopping standalonesession daemon"* ]] || fail "the JobManager is stopped last"

# The caller's time-out comes before ours, which is the one that counts for ssh.
: >"$base/calls"
WEIR_SSH_OPTS="-o ConnectTimeout=3" run 0 "${stop[@]}"
[[ $(sort -u "$base/calls") == $'one timeout=3\ntwo timeout=3\nuser@one timeout=3' ]] || fail "the caller's time-out"
WEIR_SSH_OPTS="-Z" run 1 "${stop[@]}"
says '^Host one could not be reached by ssh: jobmanager.sh stop was not done|^Host user@one could not be reached by ssh: jobmanager.sh stop was not done'

# A host that does not answer keeps no other from starting or stopping.
printf 'dead\n' >>"$work/conf/masters"
printf 'dead\n' >>"$work/conf/workers"
run 1 "${start[@]}"
says 'ssh: connect to host dead port 22: No route to host'
says '^Host dead could not be reached by ssh: jobmanager\.sh start was not done\.$'
says '^Host dead could not be reached by ssh: taskmanager\.sh start was not done\.$'
[[ $(running_count) == 4 ]] || fail "the others start"
run 1 "${stop[@]}"
says '^Host dead could not be reached by ssh: taskmanager\.sh stop was not done\.$'
[[ $(running_count) == 0 ]] || fail "the others stop"

# The only JobManager's host is away: TaskManagers wait for it.
echo dead >"$work/conf/masters"
echo two >"$work/conf/workers"
run 1 "${start[@]}"
[[ $(running_count) == 1 ]] || fail "the TaskManager starts"
run 1 "${stop[@]}"
[[ $(running_count) == 0 ]] || fail "the TaskManager stops"

# A JobManager that refuses: its own words, and no TaskManager.
echo one >"$work/conf/masters"
printf '#!/bin/sh\necho "cannot listen: address in use" >&2\nexit 3\n' >"$work/programs/refuses"
chmod +x "$work/programs/refuses"
mv "$work/programs/weir-jobmanager" "$work/programs/kept"
cp "$work/programs/refuses" "$work/programs/weir-jobmanager"
run 1 "${start[@]}"
says 'cannot listen: address in use'
says '^jobmanager\.sh start failed on host one with exit code 1\.$'
says '^No JobManager started, so no TaskManager is started either\.$'
never_says 'Starting taskexecutor'
mv "$work/programs/kept" "$work/programs/weir-jobmanager"

# The same path is expected on each host.
echo bare >"$work/conf/workers"
run 1 "${stop[@]}"
says '^taskmanager\.sh stop failed on host bare with exit code 127: is Weir under .* there\?$'

# IPv6 addresses keep their colons.
printf '::1\n[fe80::2]:8081 # bracketed\n' >"$work/conf/workers"
: >"$base/calls"
run 1 "${stop[@]}"
[[ $(sort "$base/calls") == $'::1 timeout=10\nfe80::2 timeout=10\none timeout=10' ]] || fail "addresses: $(cat "$base/calls")"
echo "passed"
