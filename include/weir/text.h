// How records look as text: in Print and in text files. "(word,3)" for structs, "[1,2]" for lists, plain for scalars.
#pragma once

#include <charconv>
#include <string>
#include <type_traits>

#include <weir/core/reflect.h>

namespace weir {

template <class T>
void AppendText(const T& value, std::string& out) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    out += std::string_view(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += value;
  } else if constexpr (std::is_enum_v<T>) {
    AppendText(static_cast<std::underlying_type_t<T>>(value), out);
  } else if constexpr (std::is_arithmetic_v<T>) {
    char digits[64];
    const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
    out.append(digits, end);
  } else if constexpr (requires { value.has_value(); }) {
    if (value.has_value()) {
      AppendText(*value, out);
    } else {
      out += "null";
    }
  } else if constexpr (requires { value.first, value.second; }) {
    out += '(';
    AppendText(value.first, out);
    out += ',';
    AppendText(value.second, out);
    out += ')';
  } else if constexpr (requires { value.begin(), value.end(); }) {
    out += '[';
    bool first = true;
    for (const auto& element : value) {
      if (!first) out += ',';
      first = false;
      AppendText(element, out);
    }
    out += ']';
  } else {
    static_assert(reflect::PlainStruct<T>, "no text form for this type: Map it to a std::string first");
    out += '(';
    bool first = true;
    reflect::ForEachField(value, [&](const auto& field) {
      if (!first) out += ',';
      first = false;
      AppendText(field, out);
    });
    out += ')';
  }
}

}  // namespace weir
