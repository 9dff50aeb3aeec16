// Counts by a key that is a struct with strings, some of them empty: "(number,count)".
#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

struct Address {
  std::string city;
  std::string street;
  int32_t number;
  bool operator==(const Address&) const = default;
};

struct Visit {
  Address address;
  int64_t visitor;
};

Visit MakeVisit(int64_t value, int64_t keys) {
  const int64_t key = value % keys;
  return {{key % 3 == 0 ? "" : "city-" + std::to_string(key % 7), std::string(static_cast<size_t>(key % 50), 's'), static_cast<int32_t>(key)}, value};
}

class CountVisits final : public KeyedProcessFunction<Address, Visit, std::string> {
 public:
  void ProcessElement(const Visit&, Context&, Collector<std::string>&) override {
    const int64_t* const count = count_.Peek();
    count_.Update(count == nullptr ? 1 : *count + 1);
  }
  void Finish(Context& context, Collector<std::string>& out) override {
    const Address& key = context.CurrentKey();
    out.Collect("(" + std::to_string(key.number) + "," + std::to_string(*count_.Peek()) + ")");
  }

 private:
  ValueState<int64_t> count_{"count"};
};

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Struct Key");
  EnableCheckpoints(env, args);
  const int64_t keys = args.GetInt("keys", 100);
  Numbers(env, args, "numbers")
      .Map([keys](const int64_t& value) { return MakeVisit(value, keys); })
      .KeyBy(&Visit::address)
      .Process(CountVisits())
      .Uid("count")
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
