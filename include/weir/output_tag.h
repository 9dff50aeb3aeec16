// OutputTag<T>: names a side output of an operator.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace weir {

// Tags are equal by their id. `context.Output(tag, record)` emits; `stream.GetSideOutput(tag)` of the operator's stream reads.
// What nobody reads is dropped.
template <class T>
class OutputTag {
 public:
  // std::invalid_argument for an empty id.
  explicit OutputTag(std::string id) : id_(std::move(id)) {
    if (id_.empty()) throw std::invalid_argument("an output tag needs an id that is not empty");
  }
  const std::string& id() const { return id_; }

 private:
  std::string id_;
};

}  // namespace weir
