#!/usr/bin/env bash
# A job builds against an installed Weir, and the installed program plans it.
# Usage: installed_test.sh BUILD_DIR
set -euo pipefail
build_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CCACHE_DISABLE=1

quietly() {
  "$@" >"$work/out" 2>&1 || { echo "FAILED: $*"; cat "$work/out"; exit 1; }
}
quietly cmake --install "$build_dir" --prefix "$work/weir"
for file in bin/start-cluster.sh bin/config.sh conf/weir-conf.yaml lib/libweir.so include/weir/weir.h; do
  [[ -e $work/weir/$file ]] || { echo "FAILED: not installed: $file"; exit 1; }
done

mkdir "$work/job"
cat >"$work/job/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(MyJob LANGUAGES CXX)
find_package(Weir 0.1 REQUIRED)
weir_add_job(my_job my_job.cc)
END
cat >"$work/job/my_job.cc" <<'END'
#include <weir/weir.h>

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Long Lines");
  env.ReadTextFile(args.Required("input")).Uid("lines")
      .Filter([](const std::string& line) { return line.size() > 80; })
      .Print();
}
END
quietly cmake -G Ninja -S "$work/job" -B "$work/job/build" -DCMAKE_PREFIX_PATH="$work/weir" -DCMAKE_BUILD_TYPE=Release
quietly cmake --build "$work/job/build"
[[ -f $work/job/build/my_job.so ]] || { echo "FAILED: no my_job.so"; exit 1; }

if [[ -x $work/weir/bin/weir ]]; then
  quietly "$work/weir/bin/weir" info "$work/job/build/my_job.so" --input /tmp
  grep -q "Long Lines" "$work/out" || { echo "FAILED: no plan"; cat "$work/out"; exit 1; }
fi
echo "passed"
