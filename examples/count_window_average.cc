// The average of every two values of a key: (1,3) (1,5) (1,7) (1,4) (1,2) gives (1,4) and (1,5).
//
//   weir run count_window_average.so --output /path/to/results
#include <weir/weir.h>

using namespace std::chrono_literals;

struct KeyedValue {
  int64_t key;
  int64_t value;
};

// What was seen of a key since its last average.
struct CountAndSum {
  int64_t count;
  int64_t sum;
};

class CountWindowAverage final : public weir::KeyedProcessFunction<int64_t, KeyedValue, KeyedValue> {
 public:
  void ProcessElement(const KeyedValue& input, Context& context, weir::Collector<KeyedValue>& out) override {
    CountAndSum seen = *seen_.Value();
    seen.count += 1;
    seen.sum += input.value;
    if (seen.count < 2) return seen_.Update(seen);
    out.Collect({context.CurrentKey(), seen.sum / seen.count});
    seen_.Clear();
  }

 private:
  weir::ValueState<CountAndSum> seen_{"average", CountAndSum{0, 0}};
};

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Count Window Average");
  env.EnableCheckpointing(1s);
  env.FromElements(KeyedValue{1, 3}, KeyedValue{1, 5}, KeyedValue{1, 7}, KeyedValue{1, 4}, KeyedValue{1, 2}).Uid("values")
      .KeyBy(&KeyedValue::key)
      .Process(CountWindowAverage()).Name("average").Uid("average")
      .SinkTo(weir::TextFileSink(args.Required("output"))).Uid("out");
}
