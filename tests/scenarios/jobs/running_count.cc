// Numbers each record within its key: "(key,number,value)". A record that is lost or counted twice shows in `number`, one that
// is written twice or not at all in `value`.
#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

struct Numbered {
  int64_t key;
  int64_t number;
  int64_t value;
};

class Number final : public KeyedProcessFunction<int64_t, int64_t, Numbered> {
 public:
  void ProcessElement(const int64_t& value, Context& context, Collector<Numbered>& out) override {
    const int64_t* const last = last_.Peek();
    const int64_t number = last == nullptr ? 1 : *last + 1;
    last_.Update(number);
    out.Collect({context.CurrentKey(), number, value});
  }

 private:
  ValueState<int64_t> last_{"last"};
};

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Running Count");
  EnableCheckpoints(env, args);
  const int64_t keys = args.GetInt("keys", 100);
  Numbers(env, args, "numbers")
      .KeyBy([keys](const int64_t& value) { return value % keys; })
      .Process(Number())
      .Uid("number")
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
