#!/usr/bin/env bash
# A job with a library and a file of its own, packed by `weir build`, runs where neither exists, in a cluster inside the
# command line's process.
#   usage: packing_test.sh <folder of the programs>
set -euo pipefail
weir=$1/weir
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo 'extern "C" int answer() { return 42; }' >answer.cc
g++ -shared -fPIC answer.cc -o libanswer.so.1 -Wl,-soname,libanswer.so.1
ln -s libanswer.so.1 libanswer.so
echo "a packed line" >greeting.txt
cat >job.cc <<'END'
#include <weir/weir.h>

#include <fstream>

extern "C" int answer();

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.FromSequence(1, 3).Uid("numbers")
      .Map([](const int64_t& number) {
        std::ifstream file(weir::JobFile("greeting.txt"));
        std::string line;
        std::getline(file, line);
        return std::to_string(number * answer()) + " " + line;
      })
      .SinkTo(weir::TextFileSink(args.Required("output"))).Uid("out");
}
END
LD_LIBRARY_PATH=$work "$weir" build job.cc -o job.so --flag=-L. --flag=-lanswer --file greeting.txt
rm libanswer.so* greeting.txt
"$weir" run --local -p 2 job.so --output "$work/out"
actual=$(cat out/part-* | sort -n)
expected=$(printf '42 a packed line\n84 a packed line\n126 a packed line')
[ "$actual" = "$expected" ] || { echo "wrong output:"; echo "$actual"; exit 1; }

# What is not there when the job is built is an error then, not in a worker.
if "$weir" build job.cc -o other.so >build.out 2>&1; then
  echo "a job with an undefined symbol was built"; exit 1
fi
grep -q "undefined reference" build.out
