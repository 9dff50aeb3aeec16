#!/usr/bin/env bash
# The scripts of deploy/, with programs that only pretend to be daemons.
# Usage: deploy_test.sh SOURCE_DIR
set -euo pipefail
source_dir=$1
work=$(mktemp -d)
finish() {
  [[ ! -d $work/pid ]] || cat "$work"/pid/*.pid | xargs -r kill -KILL 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

cp -r "$source_dir/deploy" "$work/deploy"
mkdir -p "$work/conf" "$work/build/release/bin" "$work/remote"
unset WEIR_CONF_DIR WEIR_LOG_DIR WEIR_PID_DIR WEIR_PROGRAM_DIR WEIR_SSH_OPTS
export WEIR_IDENT_STRING=test HOSTNAME=here
cat >"$work/conf/weir-conf.yaml" <<END
# env.pid.dir: /nowhere
env:
  pid:
    dir: "$work/pid"   # nested and quoted
env.log.dir: $work/log
END
cat >"$work/build/release/bin/weir-jobmanager" <<'END'
#!/bin/bash
[[ $* != *fail=true* ]] || { echo "cannot listen: address in use" >&2; exit 3; }
[[ $* == *silent=true* ]] || echo "${0##*/} listens on localhost:1 (rpc), metrics on http://localhost:2/metrics, arguments $*"
[[ $* != *stubborn=true* ]] || trap '' TERM
echo "log line" >&2
while :; do sleep 0.05; done
END
chmod +x "$work/build/release/bin/weir-jobmanager"
cp "$work/build/release/bin/weir-jobmanager" "$work/build/release/bin/weir-taskmanager"
jobmanager=$work/deploy/jobmanager.sh
taskmanager=$work/deploy/taskmanager.sh
jobmanager_pids=$work/pid/weir-test-standalonesession.pid
taskmanager_pids=$work/pid/weir-test-taskexecutor.pid

fail() {
  echo "FAILED: $1. Output:"
  cat "$work/out"
  exit 1
}
run() {  # run EXPECTED_CODE COMMAND...
  local expected=$1 code=0
  shift
  "$@" >"$work/out" 2>&1 || code=$?
  [[ $code == "$expected" ]] || fail "$* ended with $code instead of $expected"
}
says() { grep -qE -- "$1" "$work/out" || fail "not said: $1"; }
is_gone() { [[ ! -e /proc/$1 || $(cut -d' ' -f3 "/proc/$1/stat") == Z ]]; }

run 0 "$jobmanager" start 10.0.0.1 -D a=b
says '^Starting standalonesession daemon on host here\.$'
grep -q "arguments --configDir $work/conf -D jobmanager.rpc.address=10.0.0.1 -D a=b$" "$work/log/weir-test-standalonesession-0-here.out" || fail "arguments"
grep -q "^log line$" "$work/log/weir-test-standalonesession-0-here.log" || fail "log file"
first=$(cat "$jobmanager_pids")
run 0 "$jobmanager" stop
says "^Stopping standalonesession daemon \(pid: $first\) on host here\.$"
is_gone "$first" || fail "pid $first lives on"
run 0 "$jobmanager" stop
says '^No standalonesession daemon to stop on host here\.$'

run 1 "$jobmanager" start -D fail=true
says '^Error starting standalonesession daemon\.$'
says 'exit code 3'
says 'address in use'
[[ ! -s $jobmanager_pids ]] || fail "the pid of a daemon that did not start is kept"
WEIR_START_TIMEOUT=1 run 1 "$jobmanager" start -D silent=true
says 'did not say that it listens within 1 seconds'
[[ ! -s $jobmanager_pids ]] || fail "the pid of a silent daemon is kept"

run 0 "$jobmanager" start -D stubborn=true
WEIR_STOP_TIMEOUT=1 run 0 "$jobmanager" stop
says "^Daemon standalonesession didn't stop within 1 seconds\. Killing it\.$"

# A pid that is gone, and one that belongs to a program of another name.
run 0 "$taskmanager" start
pid=$(cat "$taskmanager_pids")
kill -KILL "$pid"
run 0 "$taskmanager" stop
says "^No taskexecutor daemon \(pid: $pid\) is running anymore on here\.$"
echo $$ >"$taskmanager_pids"
run 0 "$taskmanager" stop
says "^No taskexecutor daemon \(pid: $$\) is running anymore on here\.$"

# After a crash of the newest and another start, as many stops as starts that live end all.
run 0 "$taskmanager" start
first=$(cat "$taskmanager_pids")
run 0 "$taskmanager" start
second=$(tail -n 1 "$taskmanager_pids")
kill -KILL "$second"
run 0 "$taskmanager" start
third=$(tail -n 1 "$taskmanager_pids")
printf '%s\n' "$first" "$second" "$third" >"$taskmanager_pids"
run 0 "$taskmanager" stop
says "^Stopping taskexecutor daemon \(pid: $third\)"
run 0 "$taskmanager" stop
says "^No taskexecutor daemon \(pid: $second\) is running anymore on here\.$"
says "^Stopping taskexecutor daemon \(pid: $first\)"

run 0 "$taskmanager" start
run 0 "$taskmanager" start
says '^\[INFO\] 1 instance\(s\) of taskexecutor are already running on here\.$'
[[ -e $work/log/weir-test-taskexecutor-1-here.log ]] || fail "no log file of the second instance"
run 0 "$taskmanager" stop-all
[[ $(grep -c '^Stopping taskexecutor daemon' "$work/out") == 2 ]] || fail "stop-all stops both"

# A cluster: two TaskManagers here, one elsewhere by way of ssh.
cat >"$work/remote/ssh" <<END
#!/bin/bash
echo "\$*" >>"$work/ssh_calls"
END
chmod +x "$work/remote/ssh"
printf 'localhost # first\n/rack/localhost\nother\n' >"$work/conf/workers"
PATH=$work/remote:$PATH WEIR_SSH_OPTS="-p 2222" run 0 "$work/deploy/start-cluster.sh"
says '^Starting cluster\.$'
[[ $(wc -l <"$taskmanager_pids") == 2 && $(wc -l <"$jobmanager_pids") == 1 ]] || fail "one JobManager, two TaskManagers"
grep -q -- "^-n -p 2222 .* -- other env .*'WEIR_CONF_DIR=$work/conf' .*'$work/deploy/taskmanager.sh' 'start'" "$work/ssh_calls" || fail "the call of ssh"
pids=$(cat "$taskmanager_pids" "$jobmanager_pids")
PATH=$work/remote:$PATH run 0 "$work/deploy/stop-cluster.sh"
[[ $(tail -n 1 "$work/out") == "Stopping standalonesession daemon"* ]] || fail "the JobManager is stopped last"
for pid in $pids; do is_gone "$pid" || fail "pid $pid lives on"; done

# Many starts at one time lose no line of the pid file.
for _ in 1 2 3 4 5 6; do "$taskmanager" start >"$work/out" 2>&1 & done
wait
[[ $(sort -u "$taskmanager_pids" | wc -l) == 6 ]] || fail "six starts at once"
run 0 "$taskmanager" stop-all

# A cluster that cannot start says why and ends.
sed -i 's|^env.log.dir.*|&\nx: y|' "$work/conf/weir-conf.yaml"
rm "$work/build/release/bin/weir-taskmanager"
echo localhost >"$work/conf/workers"
run 1 "$work/deploy/start-cluster.sh"
says 'No program .*weir-taskmanager\. Build it first'
run 0 "$work/deploy/stop-cluster.sh"
run 1 "$jobmanager" begin
says '^Usage: jobmanager.sh'
run 1 "$work/deploy/weir-daemon.sh" start nothing
says "^Unknown daemon 'nothing'"
WEIR_CONF_DIR=/nonexistent run 1 "$jobmanager" start
says '^No configuration directory: /nonexistent'
echo "passed"
