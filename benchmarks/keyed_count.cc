// Counts records per key: FromSequence -> key -> running count on the heap; at the end one line with the number of keys and
// a checksum over the final view, as the hand-written loop computes it.
//
//   --records N (default 100 million)  --keys K (default 1 million)  --output DIR
#include <weir/weir.h>

using namespace std::chrono_literals;

namespace {

uint64_t Mix64(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

struct Partial {
  uint64_t keys;
  uint64_t checksum;
};

class Count final : public weir::KeyedProcessFunction<uint64_t, uint64_t, Partial> {
 public:
  void ProcessElement(const uint64_t&, Context&, weir::Collector<Partial>&) override {
    const uint64_t* const count = count_.Peek();
    count_.Update(count == nullptr ? 1 : *count + 1);
  }
  void Finish(Context& context, weir::Collector<Partial>& out) override {
    out.Collect({1, Mix64(Mix64(context.CurrentKey()) ^ *count_.Peek())});
  }

 private:
  weir::ValueState<uint64_t> count_{"count"};
};

class Total final : public weir::KeyedProcessFunction<uint32_t, Partial, std::string> {
 public:
  void ProcessElement(const Partial& partial, Context&, weir::Collector<std::string>&) override {
    const Partial* const sum = sum_.Peek();
    sum_.Update(sum == nullptr ? partial : Partial{sum->keys + partial.keys, sum->checksum + partial.checksum});
  }
  void Finish(Context&, weir::Collector<std::string>& out) override {
    char line[64];
    std::snprintf(line, sizeof(line), "%llu %016llx", static_cast<unsigned long long>(sum_.Peek()->keys), static_cast<unsigned long long>(sum_.Peek()->checksum));
    out.Collect(line);
  }

 private:
  weir::ValueState<Partial> sum_{"sum"};
};

}  // namespace

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  const int64_t records = args.GetInt("records", 100'000'000);
  const uint64_t keys = static_cast<uint64_t>(args.GetInt("keys", 1'000'000));
  env.SetJobName("Keyed count");
  env.EnableCheckpointing(1s);
  env.FromSequence(0, records - 1).Uid("numbers")
      .Map([keys](const int64_t& number) { return Mix64(static_cast<uint64_t>(number)) % keys; }).Name("key")
      .KeyBy([](const uint64_t& key) { return key; })
      .Process(Count()).Uid("count")
      .KeyBy([](const Partial&) { return uint32_t{0}; })
      .Process(Total()).Uid("total").SetParallelism(1)
      .SinkTo(weir::TextFileSink(args.Required("output"))).Uid("out").SetParallelism(1);
}
