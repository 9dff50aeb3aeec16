// Alerts when a sensor's temperature jumps by more than 10 degrees between two readings, written in two forms.
//
//   weir run temperature_alert.so --output /path/to/alerts [--form class|lambda]
#include <weir/weir.h>

#include <cmath>
#include <stdexcept>

using namespace std::chrono_literals;

struct Reading {
  std::string sensor;
  double celsius;
};

struct Alert {
  std::string sensor;
  double from;
  double to;
};

// As a function with a state and a life cycle.
class JumpAlert final : public weir::FlatMapFunction<Reading, Alert> {
 public:
  void FlatMap(const Reading& reading, weir::Collector<Alert>& out) override {
    if (seen_.Value().value_or(false) && std::abs(reading.celsius - *last_.Peek()) > 10) out.Collect({reading.sensor, *last_.Peek(), reading.celsius});
    seen_.Update(true);
    last_.Update(reading.celsius);
  }

 private:
  weir::ValueState<bool> seen_{"seen"};
  weir::ValueState<double> last_{"last"};
};

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Temperature Alert");
  env.EnableCheckpointing(1s);
  const auto readings = env.FromElements(Reading{"a", 20}, Reading{"b", 5}, Reading{"a", 25}, Reading{"a", 35.5}, Reading{"b", -6}, Reading{"a", 30},
                                         Reading{"b", 4}, Reading{"a", 40}, Reading{"a", 51}).Uid("readings")
                            .KeyBy(&Reading::sensor);
  const std::string form = args.Get("form", "class");
  if (form != "class" && form != "lambda") throw std::invalid_argument("--form is class or lambda, not " + form);
  // As a function of a reading and what the sensor's last one left.
  const auto jump = [](const Reading& reading, std::optional<double>& last, weir::Collector<Alert>& out) {
    if (last.has_value() && std::abs(reading.celsius - *last) > 10) out.Collect({reading.sensor, *last, reading.celsius});
    last = reading.celsius;
  };
  (form == "class" ? readings.FlatMap(JumpAlert()) : readings.FlatMapWithState(jump)).Name("jumps").Uid("jumps-" + form)
      .SinkTo(weir::TextFileSink(args.Required("output"))).Uid("out");
}
