// Finds pairs of shapes of one colour, by rules that come as a stream of their own: the broadcast pattern.
//
//   weir run shape_rules.so --output /path/to/matches
#include <weir/weir.h>

using namespace std::chrono_literals;

struct Item {
  std::string color;
  std::string shape;
  int64_t number;
};

// A `first` followed by a `second` of the same colour is a match.
struct Rule {
  std::string name;
  std::string first;
  std::string second;
};

const weir::MapStateDescriptor<std::string, Rule> kRules{"rules"};

class MatchPairs final : public weir::KeyedBroadcastProcessFunction<std::string, Item, Rule, std::string> {
 public:
  void ProcessElement(const Item& item, ReadOnlyContext& context, weir::Collector<std::string>& out) override {
    seen_.Add(item);
    for (const auto& [name, rule] : context.GetBroadcastState(kRules).Entries()) Match(rule, item, out);
  }
  // There is no order between the two streams: a new rule looks at what was there before it.
  void ProcessBroadcastElement(const Rule& rule, Context& context, weir::Collector<std::string>& out) override {
    context.GetBroadcastState(kRules).Put(rule.name, rule);
    context.ApplyToKeyedState(seen_, [&](const std::string&, weir::ListState<Item>& seen) {
      for (const Item& item : seen.Get()) Match(rule, item, out);
    });
  }

 private:
  void Match(const Rule& rule, const Item& item, weir::Collector<std::string>& out) {
    std::vector<Item> waiting = waiting_.Get(rule.name).value_or(std::vector<Item>());
    if (item.shape == rule.second) {
      for (const Item& first : waiting) out.Collect(rule.name + ":" + item.color + ":" + Text(first) + "-" + Text(item));
      waiting.clear();
    }
    if (item.shape == rule.first) waiting.push_back(item);
    waiting.empty() ? waiting_.Remove(rule.name) : waiting_.Put(rule.name, waiting);
  }
  static std::string Text(const Item& item) { return item.shape + std::to_string(item.number); }

  weir::ListState<Item> seen_{"seen"};
  weir::MapState<std::string, std::vector<Item>> waiting_{"waiting"};  // First halves, by rule.
};

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Shape Rules");
  env.EnableCheckpointing(1s);
  const auto rules = env.FromElements(Rule{"pair", "rectangle", "triangle"}, Rule{"twins", "circle", "circle"}).Uid("rules").Broadcast(kRules);
  env.FromElements(Item{"red", "rectangle", 1}, Item{"blue", "rectangle", 2}, Item{"red", "circle", 3}, Item{"red", "rectangle", 4},
                   Item{"blue", "circle", 5}, Item{"red", "triangle", 6}, Item{"blue", "circle", 7}, Item{"green", "triangle", 8},
                   Item{"blue", "triangle", 9}, Item{"red", "triangle", 10}).Uid("items")
      .KeyBy(&Item::color)
      .Connect(rules)
      .Process(MatchPairs()).Name("matches").Uid("matches")
      .SinkTo(weir::TextFileSink(args.Required("output"))).Uid("out");
}
