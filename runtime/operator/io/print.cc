#include <weir/io/print.h>

#include <unistd.h>

#include <cerrno>

namespace weir {

void LinePrinter::Open(uint32_t subtask, uint32_t parallelism) {
  prefix_ = identifier_;
  if (parallelism > 1) {
    if (!prefix_.empty()) prefix_ += ':';
    prefix_ += std::to_string(subtask + 1);
  }
  if (!prefix_.empty()) prefix_ += "> ";
}

void LinePrinter::Flush() {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;  // Nobody reads any more: printing is for people, it does not fail a job.
    rest.remove_prefix(static_cast<size_t>(written));
  }
  lines_.clear();
}

}  // namespace weir
