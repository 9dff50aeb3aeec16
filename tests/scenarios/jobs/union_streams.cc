// Two sources in one stream: the numbers 0..2 n - 1. With --short-rows the first ends early while the second goes on.
#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Union");
  EnableCheckpoints(env, args);
  const int64_t rows = args.GetInt("rows", 10'000);
  const int64_t first_rows = args.GetInt("short-rows", rows);
  // A short source is fast, too: it has ended long before the other.
  const int64_t rate = args.GetInt("rows-per-second", 0);
  const std::string go_file(args.Get("go-file", ""));
  auto first = env.FromSource(PacedSource({.from = 0, .to = first_rows - 1, .rows_per_second = first_rows < rows ? 0 : rate}), "First").Uid("first");
  auto second = env.FromSource(PacedSource({.from = first_rows, .to = first_rows + rows - 1, .rows_per_second = rate, .go_file = go_file}), "Second").Uid("second");
  first.Union(second)
      .KeyBy([](const int64_t& value) { return value % 97; })
      .Reduce([](const int64_t&, const int64_t& value) { return value; })
      .Uid("last")
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
