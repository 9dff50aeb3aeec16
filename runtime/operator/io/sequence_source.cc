#include <stdexcept>
#include <string>

#include <weir/io/builtin_sources.h>

namespace weir {
namespace {

class Reader final : public SourceReader<int64_t, SequenceSplit> {
 public:
  void AddSplit(SequenceSplit split) override { splits_.push_back(split); }
  ReadResult Read(Collector<int64_t>& out, uint32_t rows_max) override {
    if (splits_.empty()) return {ReadResult::Kind::kNeedsSplit};
    SequenceSplit& split = splits_.back();
    for (uint32_t i = 0; i < rows_max && split.next <= split.last; ++i) {
      const int64_t value = split.next;
      // The position moves first: while Collect waits, nothing of this subtask is snapshotted, and it may not return.
      if (value == split.last) {
        splits_.pop_back();
        out.Collect(value);
        return {};
      }
      ++split.next;
      out.Collect(value);
    }
    return {};
  }
  std::vector<SequenceSplit> Snapshot() const override { return splits_; }

 private:
  std::vector<SequenceSplit> splits_;
};

}  // namespace

SequenceSource::SequenceSource(int64_t from, int64_t to) : from_(from), to_(to) {
  if (from > to) throw std::invalid_argument("FromSequence needs from <= to, got " + std::to_string(from) + " and " + std::to_string(to));
}

std::unique_ptr<SplitEnumerator<SequenceSplit>> SequenceSource::CreateEnumerator(uint32_t readers,
                                                                                 std::optional<std::vector<SequenceSplit>> restored) const {
  if (restored.has_value()) return std::make_unique<ListEnumerator<SequenceSplit>>(std::move(*restored));
  // Sizes differ by at most one, the longer ranges first. Unsigned: the whole int64 range has 2^64 numbers.
  const uint64_t count_minus_one = static_cast<uint64_t>(to_) - static_cast<uint64_t>(from_);
  const uint64_t base = count_minus_one / readers;
  uint64_t longer = count_minus_one % readers + 1;
  std::vector<SequenceSplit> splits;
  uint64_t next = static_cast<uint64_t>(from_);
  for (uint32_t i = 0; i < readers; ++i) {
    const uint64_t size = base + (longer > 0 ? 1 : 0);
    if (longer > 0) --longer;
    if (size == 0) break;
    splits.push_back({static_cast<int64_t>(next), static_cast<int64_t>(next + size - 1)});
    next += size;
  }
  return std::make_unique<ListEnumerator<SequenceSplit>>(std::move(splits));
}

std::unique_ptr<SourceReader<int64_t, SequenceSplit>> SequenceSource::CreateReader(RuntimeContext&) const { return std::make_unique<Reader>(); }

}  // namespace weir
