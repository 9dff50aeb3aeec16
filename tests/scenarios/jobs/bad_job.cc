// Does what --how says, in the subtask that gets the number 500: beside it a good job must not notice.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

// Not to be seen through by the compiler.
volatile int zero = 0;

__attribute__((noinline)) void WriteThroughNull() { *reinterpret_cast<volatile int*>(static_cast<intptr_t>(zero)) = 1; }

class Misbehave final : public MapFunction<int64_t, int64_t> {
 public:
  explicit Misbehave(std::string how) : how_(std::move(how)) {}
  void Open(RuntimeContext&) override {
    if (how_ == "throw-open") throw std::runtime_error("no connection to the moon");
  }
  int64_t Map(const int64_t& value) override {
    if (value == 500) DoWrong();
    return value;
  }

 private:
  // Shown in the stack.
  __attribute__((noinline)) void DoWrong() {
    if (how_ == "segfault") WriteThroughNull();
    if (how_ == "throw") throw std::out_of_range("value 500 is beyond the pale");
    if (how_ == "throw-int") throw 42;
    if (how_ == "loop") {
      while (zero == 0) {
      }
    }
    if (how_ == "exit") std::exit(0);
    if (how_ == "fork" && ::fork() == 0) {
      ::execlp("sleep", "sleep", "1000", nullptr);
      ::_exit(127);
    }
    if (how_ == "abort") std::abort();
    if (how_ == "bad-alloc") throw std::bad_alloc();
  }

  std::string how_;
};

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Bad Job");
  const uint32_t restarts = static_cast<uint32_t>(std::stoul(args.Get("restarts", "0")));
  env.SetRestartStrategy(restarts == 0 ? RestartStrategies::NoRestart() : RestartStrategies::FixedDelayRestart(restarts, 1));
  if (args.Required("how") == "throw-planning") throw std::runtime_error("the plan failed");
  if (args.Required("how") == "segfault-planning") WriteThroughNull();
  // Slow enough that it runs for a while before it goes wrong.
  env.FromSource(PacedSource({.from = 0, .to = 100'000, .rows_per_second = 2'000}), "Numbers")
      .Uid("numbers")
      .Map(Misbehave(args.Required("how")))
      .Name("misbehave")
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
