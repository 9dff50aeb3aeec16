// Counts the words of a text, exactly, through any failure.
//
//   weir run word_count.so --input /path/to/text --output /path/to/results
//
// A word is a run of ASCII letters, as `tr -cs 'A-Za-z' '\n'` splits it. Each word is written once, with its final count.
#include <weir/weir.h>

using namespace std::chrono_literals;

struct WordCount {
  std::string word;
  int64_t count;
};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void SplitWords(std::string_view line, weir::Collector<std::string>& out) {
  size_t begin = 0;
  while (true) {
    while (begin < line.size() && !IsLetter(line[begin])) ++begin;
    if (begin == line.size()) return;
    size_t end = begin;
    while (end < line.size() && IsLetter(line[end])) ++end;
    out.Collect(std::string(line.substr(begin, end - begin)));
    begin = end;
  }
}

class CountWords final : public weir::KeyedProcessFunction<std::string, std::string, WordCount> {
 public:
  void ProcessElement(const std::string&, Context&, weir::Collector<WordCount>&) override {
    const int64_t* const count = count_.Peek();
    count_.Update(count == nullptr ? 1 : *count + 1);
  }
  // At the end of the input: one line per word instead of one per occurrence.
  void Finish(Context& context, weir::Collector<WordCount>& out) override {
    out.Collect({context.CurrentKey(), *count_.Peek()});
  }

 private:
  weir::ValueState<int64_t> count_{"count"};
};

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Word Count");
  env.EnableCheckpointing(std::chrono::milliseconds(args.GetInt("checkpoint-interval-ms", 1000)));
  env.ReadTextFile(args.Required("input")).Uid("lines")
      .FlatMap(SplitWords).Name("split words")
      .KeyBy([](const std::string& word) -> const std::string& { return word; })
      .Process(CountWords()).Name("count").Uid("count")
      .Map([](const WordCount& counted) { return std::to_string(counted.count) + " " + counted.word; }).Name("format")
      .SinkTo(weir::TextFileSink(args.Required("output"))).Uid("out");
}
