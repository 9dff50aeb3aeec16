#!/usr/bin/env bash
# Builds Weir, starts a cluster on this machine, counts the words of a large text, kills processes on the way and compares
# the result, word for word, with what sort and uniq count. Everything it writes is in .quickstart/.
#
# Environment: CI=true stops the cluster at the end; WEIR_QUICKSTART_COPIES (how often the text is read, default 8);
# WEIR_QUICKSTART_TIMEOUT (seconds the job may take, default 600).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
work=$root/.quickstart
copies=${WEIR_QUICKSTART_COPIES:-8}
timeout=${WEIR_QUICKSTART_TIMEOUT:-600}
text_bytes=134217728
bin=$root/build/release/bin
job=$root/build/release/examples/word_count.so

export WEIR_CONF_DIR=$work/conf WEIR_LOG_DIR=$work/log WEIR_PID_DIR=$work/pid WEIR_IDENT_STRING=quickstart
export LC_ALL=C
task_manager_pids=$WEIR_PID_DIR/weir-quickstart-taskexecutor.pid
stop_command="WEIR_CONF_DIR=$WEIR_CONF_DIR WEIR_LOG_DIR=$WEIR_LOG_DIR WEIR_PID_DIR=$WEIR_PID_DIR WEIR_IDENT_STRING=quickstart $root/deploy/stop-cluster.sh"

say() { printf '\n== %s\n' "$*"; }
reason=""
fail() {
  reason=": $*"
  exit 1
}
started=false
# Whatever ends the script early: what the logs say, and no process left behind.
finish() {
  local code=$?
  trap - EXIT
  if ((code != 0)); then
    local file
    for file in "$work"/info.json "$work"/log/*.out "$work"/log/*.log; do
      if [[ -s $file ]]; then
        echo "--- last lines of $file" >&2
        tail -n 25 "$file" >&2
      fi
    done
    if $started; then deploy/stop-cluster.sh >&2 || true; fi
    echo "quickstart failed with exit code $code$reason" >&2
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "Packages and build"
deploy/install-packages.sh
mkdir -p "$work"
cmake --preset release >"$work/cmake.log" || { cat "$work/cmake.log"; fail "cmake failed"; }
cmake --build --preset release --target weir-jobmanager weir-taskmanager weir-worker weir-cli word_count

# ---- What an earlier run left ----

if [[ -d $work/pid && -d $work/conf ]]; then
  deploy/taskmanager.sh stop-all >/dev/null || true
  deploy/jobmanager.sh stop-all >/dev/null || true
fi
rm -rf "$work"/{conf,log,pid,tmp,checkpoints,input,output,info.json,expected.all,actual}

# ---- Text ----

# Documentation first, then sources: real words with their real frequencies. The same files in the same order every time.
make_text() {
  local directory
  for directory in /usr/share/doc /usr/share/common-licenses /usr/share/perl /usr/lib/python3 /usr/lib/python3.11 /usr/share/dict /usr/include /usr/lib/gcc; do
    [[ -d $directory ]] || continue
    find "$directory" -type f ! -name copyright ! -name '*.pyc' ! -name '*.so' ! -name '*.a' ! -name '*.o' ! -name '*.png' -print0 | sort -z | xargs -0 -r zcat -f 2>/dev/null || true
  done | tr -cd '\11\12\40-\176' | head -c "$text_bytes" || true
  echo
}
if [[ ! -s $work/text || ! -s $work/counts ]]; then
  say "Collecting text from this machine's documentation and sources"
  make_text >"$work/text.new"
  size=$(stat -c %s "$work/text.new")
  ((size >= 100000000)) || fail "only $size bytes of text on this machine, 100 MB are needed"
  say "Counting it with tr, sort and uniq, to compare with"
  tr -cs 'A-Za-z' '\n' <"$work/text.new" | grep . | sort -S 1G --parallel=4 | uniq -c | awk '{ printf "%.0f %s\n", $1, $2 }' | sort -k2 >"$work/counts.new"
  mv "$work/text.new" "$work/text"
  mv "$work/counts.new" "$work/counts"
fi
mkdir -p "$work"/{conf,log,pid,tmp,checkpoints,input}
for ((i = 0; i < copies; ++i)); do ln "$work/text" "$work/input/text-$i"; done
echo "$(stat -c %s "$work/text") bytes, read $copies times; $(wc -l <"$work/counts") different words"

# ---- Cluster ----

port=16123
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
cat >"$work/conf/weir-conf.yaml" <<END
jobmanager.rpc.address: localhost
jobmanager.rpc.port: $port
taskmanager.numberOfTaskSlots: 2
io.tmp.dirs: "$work/tmp"
execution.checkpointing.dir: "$work/checkpoints"
metrics.reporter.prom.port: 0
END
echo localhost >"$work/conf/masters"
printf 'localhost\nlocalhost\n' >"$work/conf/workers"
say "One JobManager, two TaskManagers with two slots each"
started=true
deploy/start-cluster.sh
cat "$work"/log/*.out

# ---- Job ----

say "weir run --detached --parallelism 4 word_count.so"
submitted=$("$bin/weir" run --detached --parallelism 4 "$job" --input "$work/input" --output "$work/output" --checkpoint-interval-ms 1000) ||
  fail "the job could not be submitted"
echo "$submitted"
job_id=$(grep -oE '[0-9a-f]{32}' <<<"$submitted" | head -n 1)
[[ -n $job_id ]] || fail "no job id in the answer"
"$bin/weir" list
job_started=$SECONDS

# look: asks for the job and sets state, tasks, restarts, completed; shows a line when something changed. Ends the script
# when the job is in trouble.
shown=""
unanswered=0
look() {
  ((SECONDS - job_started < timeout)) || fail "the job did not finish within $timeout seconds"
  if ! "$bin/weir" info "$job_id" --output json >"$work/info.new" 2>"$work/info.error"; then
    unanswered=$((unanswered + 1))
    ((unanswered < 20)) || { cat "$work/info.error" >&2; fail "weir info does not answer"; }
    return 0
  fi
  unanswered=0
  mv "$work/info.new" "$work/info.json"
  read -r state running total restarts completed < <(jq -r '[.state, .tasks.running, .tasks.total, .restarts, .checkpoints.completed] | @tsv' "$work/info.json")
  local line="$state, $running of $total tasks, $completed checkpoints, $restarts restarts"
  if [[ $line != "$shown" ]]; then
    printf '%4d s  %s\n' $((SECONDS - job_started)) "$line"
    shown=$line
  fi
  case $state in
    FAILED | CANCELED) fail "the job ended as $state: $(jq -r '."root-exception".message // "no cause"' "$work/info.json")" ;;
  esac
}
# Until the job runs with all its tasks and has completed that many checkpoints.
wait_for_checkpoints() {
  while :; do
    look
    if [[ $state == RUNNING && $running == "$total" ]] && ((completed >= $1 && restarts >= $2)); then return 0; fi
    [[ $state != FINISHED ]] || fail "the job finished before $3; try WEIR_QUICKSTART_COPIES=$((copies * 4))"
    sleep 0.2
  done
}
# The workers below our TaskManagers.
worker_pids() {
  ps -eo pid=,ppid=,args= | awk -v roots="$(tr '\n' ' ' <"$task_manager_pids")" '
    { parent[$1] = $2; name[$1] = $3 }
    END {
      count = split(roots, list, " ")
      for (i = 1; i <= count; ++i) is_root[list[i]] = 1
      for (pid in parent) {
        if (name[pid] !~ /(^|\/)weir-worker$/) continue
        for (above = parent[pid]; above in parent; above = parent[above]) if (above in is_root) { print pid; break }
      }
    }' | sort -n
}
state="" running=0 total=0 restarts=0 completed=0

wait_for_checkpoints 3 0 "a worker could be killed"
worker=$(worker_pids | head -n 1)
[[ -n $worker ]] || fail "no weir-worker is running"
say "kill -9 $worker (weir-worker)"
kill -KILL "$worker"
wait_for_checkpoints $((completed + 2)) $((restarts + 1)) "it had recovered from the loss of a worker"

task_manager=$(tail -n 1 "$task_manager_pids")
say "kill -9 $task_manager (weir-taskmanager), then start it again"
restarts_before=$restarts
kill -KILL "$task_manager"
deploy/taskmanager.sh start
wait_for_checkpoints $((completed + 1)) $((restarts_before + 1)) "it had recovered from the loss of a TaskManager"
while [[ $state != FINISHED ]]; do
  look
  sleep 0.2
done
job_seconds=$((SECONDS - job_started))

# ---- Result ----

say "Comparing $work/output with tr, sort and uniq"
awk -v copies="$copies" '{ printf "%.0f %s\n", $1 * copies, $2 }' "$work/counts" >"$work/expected.all"
find "$work/output" -name 'part-*' -type f -exec cat {} + | sort -k2 >"$work/actual"
if ! cmp -s "$work/expected.all" "$work/actual"; then
  diff "$work/expected.all" "$work/actual" | head -n 20 >&2 || true
  fail "the counts differ (< expected, > counted by the job)"
fi
echo "All $(wc -l <"$work/actual") words have the same count, $(awk '{ sum += $1 } END { printf "%.0f", sum }' "$work/actual") words in all. The ten most frequent:"
sort -k1,1nr -k2 "$work/actual" | head -n 10 || true
echo
echo "Finished after $job_seconds s with $restarts restarts:"
jq -r '.recoveries[] | "  " + (if ."running-at" > 0 then "running again after \(."running-at" - ."failed-at") ms: " else "not running in between: " end) + .cause[0:160]' "$work/info.json"

if [[ ${CI:-} == true ]]; then
  say "Stopping the cluster"
  deploy/stop-cluster.sh
else
  say "The cluster is still running"
  echo "Programs:  $bin   (WEIR_CONF_DIR=$WEIR_CONF_DIR $bin/weir list --all)"
  echo "Logs:      $work/log"
  echo "Metrics:   $(grep -ohE 'http://[^ ]+/metrics' "$work"/log/*.out | tr '\n' ' ')"
  echo "Stop it:   $stop_command"
fi
