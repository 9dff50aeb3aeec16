// Three versions of one job, with state of every kind. Version 2 has changed what may change, version 3 what may not. At its end a
// key says what it holds: "(key place/count/note sum of numbers, sum of places, largest, mean, seen)".
#include "tests/scenarios/jobs/scenario_job.h"

using namespace weir;
using namespace weir::scenarios;

#if VISITS_VERSION == 1
using Number = int32_t;
struct Visit {
  std::string place;
  int32_t count;
};
struct Sums {
  int32_t count = 0;
  int64_t sum = 0;
};
std::string Text(const Visit& visit) { return visit.place + "/" + std::to_string(visit.count); }
#elif VISITS_VERSION == 2
using Number = int64_t;
struct Visit {
  int64_t count;
  std::string note = "none";
  std::string place;
};
struct Sums {
  int64_t sum = 0;
  int64_t count = 0;
};
std::string Text(const Visit& visit) { return visit.place + "/" + std::to_string(visit.count) + "/" + visit.note; }
#else
using Number = int32_t;
struct Visit {
  std::string place;
  int16_t count;
};
struct Sums {
  int32_t count = 0;
  int64_t sum = 0;
};
std::string Text(const Visit& visit) { return visit.place; }
#endif

class Mean final : public AggregateFunction<int64_t, Sums, int64_t> {
 public:
  Sums CreateAccumulator() override { return {}; }
  void Add(const int64_t& value, Sums& sums) override {
    ++sums.count;
    sums.sum += value;
  }
  int64_t GetResult(const Sums& sums) override { return sums.sum / sums.count; }
};

class Visits final : public KeyedProcessFunction<std::string, int64_t, std::string> {
 public:
  void ProcessElement(const int64_t& value, Context&, Collector<std::string>&) override {
    Visit visit;
    visit.place = "place-" + std::to_string(value);
    visit.count = static_cast<decltype(visit.count)>(value);
    last_.Update(visit);
#if VISITS_VERSION != 3
    numbers_.Add(static_cast<Number>(value));
#endif
    places_.Put("p" + std::to_string(value / 10 % 3), static_cast<Number>(value));
    largest_.Add(static_cast<Number>(value));
    mean_.Add(value);
    seen_.Update(static_cast<Number>(value));
  }
  void Finish(Context& context, Collector<std::string>& out) override {
    int64_t numbers = 0;
#if VISITS_VERSION != 3
    for (const Number number : numbers_.Get()) numbers += number;
#endif
    int64_t places = 0;
    for (const Number number : places_.Values()) places += number;
    out.Collect("(" + context.CurrentKey() + " " + Text(*last_.Value()) + " " + std::to_string(numbers) + " " + std::to_string(places) + " " +
                std::to_string(*largest_.Get()) + " " + std::to_string(*mean_.Get()) + " " + std::to_string(*seen_.Value()) + ")");
  }

 private:
  ValueState<Visit> last_{"last"};
#if VISITS_VERSION != 3
  ListState<Number> numbers_{"numbers"};
#endif
  MapState<std::string, Number> places_{"places"};
#if VISITS_VERSION == 2
  ReducingState<Number> largest_{StateName("highest").Formerly("largest"), [](const Number& a, const Number& b) { return std::max(a, b); }};
#else
  ReducingState<Number> largest_{"largest", [](const Number& a, const Number& b) { return std::max(a, b); }};
#endif
  AggregatingState<Mean> mean_{"mean"};
  ValueState<Number> seen_{"seen", StateTtlConfig(std::chrono::hours(24))};
};

WEIR_JOB(StreamExecutionEnvironment& env, const Parameters& args) {
  env.SetJobName("Visits");
  EnableCheckpoints(env, args);
  // One reader: a key's records come in order.
  Numbers(env, args, "numbers")
      .SetParallelism(1)
      .KeyBy([](const int64_t& value) { return "key-" + std::to_string(value % 10); })
      .Process(Visits())
#if VISITS_VERSION == 2
      .Uid("visitors")
      .FormerUid("visits")
#else
      .Uid("visits")
#endif
      .SinkTo(TextFileSink(args.Required("output")))
      .Uid("out");
}
