// Print: records to standard output, which a TaskManager keeps in its .out file.
#pragma once

#include <string>
#include <string_view>

#include <weir/runtime_context.h>
#include <weir/text.h>

namespace weir {

// Collects lines and writes each batch of them with one call, so that lines of several subtasks never mix.
class LinePrinter {
 public:
  explicit LinePrinter(std::string identifier) : identifier_(std::move(identifier)) {}
  // Flink's prefix: "id:n> " or "n> " when the parallelism is above 1, "id> " when it is 1 and there is an identifier.
  void Open(uint32_t subtask, uint32_t parallelism);
  std::string& BeginLine() { return lines_ += prefix_; }
  void EndLine() { lines_ += '\n'; }
  void Flush();

 private:
  std::string identifier_;
  std::string prefix_;
  std::string lines_;
};

template <class T>
class PrintFunction {
 public:
  explicit PrintFunction(std::string identifier) : printer_(std::move(identifier)) {}
  void Open(RuntimeContext& context) { printer_.Open(context.SubtaskIndex(), context.Parallelism()); }
  void Write(const T& record) {
    AppendText(record, printer_.BeginLine());
    printer_.EndLine();
  }
  void Flush() { printer_.Flush(); }

 private:
  LinePrinter printer_;
};

}  // namespace weir
