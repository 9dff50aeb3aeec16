// Five maps over records of 32 bytes in one chain.  --maps 5|0
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/keyed_arguments.h"

using namespace weir;
using namespace weir::bench;

namespace {

template <uint64_t kStep>
constexpr auto kStepOf = [](const KeyedRecord& record) { return ChainStep<kStep>(record); };

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  const uint64_t maps = Unsigned(args, "maps", 5);
  if (maps != 0 && maps != 5) throw std::invalid_argument("--maps must be 0 or 5");
  env.SetJobName("Chain of maps");
  EnableCheckpoints(env, args);
  auto records = env.FromSource(EventSource(KeyedGenerator(KeyedArguments(args)), SourceOptions(args)), "records").Uid("records");
  if (maps == 5) records = records.Map(kStepOf<1>).Map(kStepOf<2>).Map(kStepOf<3>).Map(kStepOf<4>).Map(kStepOf<5>);
  records.Map([](const KeyedRecord& record) { return ChainHash(record); }).Name("hash").SinkTo(DigestSink(args.Required("output"))).Uid("digest");
}
