#include <weir/operators/side_outputs.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace weir::internal {

void SideOutputs::Flush() {
  for (Output& output : outputs_) {
    if (output.buffer.has_value()) output.buffer->Flush();
  }
}

OutputBuffer* SideOutputs::Find(const std::string& id, const TypeInfo& type) {
  auto found = std::find_if(outputs_.begin(), outputs_.end(), [&](const Output& output) { return output.id == id; });
  if (found == outputs_.end()) {
    outputs_.emplace_back();
    found = std::prev(outputs_.end());
    found->id = id;
    found->type = &type;
    constexpr uint32_t kRowsMax = 256;
    const BatchBounds bounds{kRowsMax, context_.output_bounds.owned_bytes_max};
    if (BatchSink* const sink = context_.side_output(id, type); sink != nullptr) found->buffer.emplace(type, *sink, bounds);
  }
  if (found->type != &type) throw std::logic_error("side output \"" + id + "\" was given records of two types");
  return found->buffer.has_value() ? &*found->buffer : nullptr;
}

}  // namespace weir::internal
