// Counts words of natural text: std::string keys.  --text FILE (default: a generated text)
#include "benchmarks/jobs/digest_sink.h"
#include "benchmarks/jobs/job_arguments.h"
#include "benchmarks/workload/words.h"

using namespace weir;
using namespace weir::bench;

namespace {

class CountWords final : public KeyedProcessFunction<std::string, std::string, uint64_t> {
 public:
  void ProcessElement(const std::string&, Context&, Collector<uint64_t>&) override {
    const uint64_t* const count = count_.Peek();
    count_.Update(count == nullptr ? 1 : *count + 1);
  }
  void Finish(Context& context, Collector<uint64_t>& out) override { out.Collect(CountHash(HashText(context.CurrentKey()), *count_.Peek())); }

 private:
  ValueState<uint64_t> count_{"count"};
};

}  // namespace

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Word count");
  EnableCheckpoints(env, args);
  const WordGenerator words({Unsigned(args, "seed", 1), std::string(args.Get("text", ""))});
  env.FromSource(EventSource(words, SourceOptions(args)), "words").Uid("words")
      .KeyBy([](const std::string& word) -> const std::string& { return word; })
      .Process(CountWords()).Name("count").Uid("count")
      .SinkTo(DigestSink(args.Required("output"))).Uid("digest");
}
