// Picks actions out of what a Step returned.
#pragma once

#include <gtest/gtest.h>

#include <variant>
#include <vector>

namespace weir::testing {

template <class T, class Any>
std::vector<T> AllOf(const std::vector<Any>& actions) {
  std::vector<T> found;
  for (const Any& action : actions) {
    if (const T* typed = std::get_if<T>(&action)) found.push_back(*typed);
  }
  return found;
}

// The only one of its kind.
template <class T, class Any>
T OnlyOf(const std::vector<Any>& actions) {
  const std::vector<T> found = AllOf<T>(actions);
  EXPECT_EQ(found.size(), 1u);
  return found.empty() ? T{} : found.front();
}

template <class T, class Any>
bool Has(const std::vector<Any>& actions) {
  return !AllOf<T>(actions).empty();
}

}  // namespace weir::testing
