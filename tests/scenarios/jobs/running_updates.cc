// Running reduce or sum (--operator reduce|sum) of ones by key: "(key,1)", "(key,2)", ...
#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Running Updates");
  EnableCheckpoints(env, args);
  const int64_t keys = args.GetInt("keys", 100);
  const auto keyed = Numbers(env, args, "numbers").Map([keys](const int64_t& value) { return KeyValue{value % keys, 1}; }).KeyBy(&KeyValue::key);
  auto updates = args.Required("operator") == "sum" ? keyed.Sum(&KeyValue::value) : keyed.Reduce([](const KeyValue& a, const KeyValue& b) {
    return KeyValue{a.key, a.value + b.value};
  });
  updates.Uid("update").SinkTo(TextFileSink(args.Required("output"))).Uid("out");
}
