#include "base/config_yaml.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <map>
#include <optional>
#include <sstream>

#include "base/status_macros.h"

namespace weir {
namespace {

constexpr size_t kFileSizeMaxBytes = 1 << 20;
constexpr size_t kNestingMax = 32;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

Status At(const std::string& file_name, int line, std::string_view what) {
  return InvalidArgument("bad configuration file, at " + file_name + ":" + std::to_string(line) + ": " +
                         std::string(what));
}

// Length of the UTF-8 sequence at the start of `text`; 0 when it is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  const size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3
                      : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// What can be said without knowing YAML. It also keeps from the parser what it does not handle gracefully: other
// encodings, control characters, and towers of brackets or dashes.
Status CheckText(std::string_view yaml, const std::string& file_name) {
  if (yaml.size() > kFileSizeMaxBytes) return At(file_name, 1, "larger than 1 MiB");
  int line = 1;
  size_t openers = 0;  // In this line; what opens a nested node without a line break.
  bool in_indentation = true;
  for (size_t i = 0; i < yaml.size();) {
    const size_t length = Utf8Length(yaml.substr(i));
    const char c = yaml[i];
    if (length == 0) return At(file_name, line, "not a text in UTF-8");
    if (static_cast<uint8_t>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') {
      return At(file_name, line, "control character");
    }
    if (c == '\n') {
      ++line;
      in_indentation = true;
      openers = 0;
    } else if (c == '\t' && in_indentation) {
      return At(file_name, line, "tab as indentation, use blanks");
    } else if (c != ' ') {
      in_indentation = false;
    }
    if (c == '[' || c == '{' || c == '-' || c == '?') ++openers;
    i += length;
    // Dashed lines are ordinary in comments; a thousand of them in one line are not.
    if (openers > 1000) return At(file_name, line, "nested too deep");
  }
  return Status::Ok();
}

// Receives the parser's events. Errors leave as exceptions that FlattenYaml catches: the interface knows no other way.
class Flattener final : public YAML::EventHandler {
 public:
  Flattener(std::string file_name, std::string_view yaml) : file_name_(std::move(file_name)), yaml_(yaml) {}

  std::vector<ConfigSetting> Take() { return std::move(settings_); }
  int document_count() const { return document_count_; }

  void OnDocumentStart(const YAML::Mark&) override { ++document_count_; }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    OnValue(mark, "", ConfigSetting::Shape::kNothing);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Fail(mark, "aliases are not supported"); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    CheckQuoteIsClosed(mark);
    const bool plain = tag == "?" || tag.empty();
    const bool nothing = plain && (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL");
    OnValue(mark, value, nothing ? ConfigSetting::Shape::kNothing : ConfigSetting::Shape::kScalar);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    if (levels_.empty()) Fail(mark, "expected \"key: value\" lines, got a list");
    if (list_.has_value()) Fail(mark, "list inside a list");
    if (!levels_.back().key.has_value()) Fail(mark, "list as a key");
    list_ = ConfigSetting{FullKey(), "", ConfigSetting::Shape::kList, Source()};
  }
  void OnSequenceEnd() override {
    settings_.push_back(std::move(*list_));
    list_.reset();
    levels_.back().key.reset();
  }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    if (list_.has_value()) Fail(mark, "map inside a list");
    if (levels_.size() >= kNestingMax) Fail(mark, "nested too deep");
    Level level;
    if (!levels_.empty()) {
      if (!levels_.back().key.has_value()) Fail(mark, "map as a key");
      level.prefix = FullKey() + ".";
    }
    levels_.push_back(std::move(level));
  }
  void OnMapEnd() override {
    levels_.pop_back();
    if (!levels_.empty()) levels_.back().key.reset();
  }

 private:
  struct Level {
    std::string prefix;              // "a.b." for what lies below a.b.
    std::optional<std::string> key;  // Set between a key and its value.
    int line = 0;                    // Where the key stands, from 1.
  };

  [[noreturn]] void Fail(const YAML::Mark& mark, const std::string& what) { throw YAML::ParserException(mark, what); }
  std::string FullKey() const { return levels_.back().prefix + *levels_.back().key; }
  std::string Source() const { return file_name_ + ":" + std::to_string(levels_.back().line); }

  // The parser takes the end of the file for the missing quote, and the rest of the file for the value.
  void CheckQuoteIsClosed(const YAML::Mark& mark) {
    if (mark.pos < 0 || static_cast<size_t>(mark.pos) >= yaml_.size()) return;
    const char quote = yaml_[static_cast<size_t>(mark.pos)];
    if (quote != '\'' && quote != '"') return;
    for (size_t i = static_cast<size_t>(mark.pos) + 1; i < yaml_.size(); ++i) {
      if (yaml_[i] == '\\' && quote == '"') {
        ++i;
      } else if (yaml_[i] == quote && quote == '\'' && i + 1 < yaml_.size() && yaml_[i + 1] == quote) {
        ++i;
      } else if (yaml_[i] == quote) {
        return;
      }
    }
    Fail(mark, "quote is not closed");
  }

  void OnValue(const YAML::Mark& mark, const std::string& text, ConfigSetting::Shape shape) {
    if (levels_.empty()) {
      if (shape == ConfigSetting::Shape::kNothing) return;  // An empty file.
      Fail(mark, "expected \"key: value\" lines, a blank after the colon");
    }
    if (list_.has_value()) {
      list_->text += (list_->text.empty() ? "" : ",") + text;
      return;
    }
    Level& level = levels_.back();
    if (!level.key.has_value()) {
      if (text.empty()) Fail(mark, "empty key");
      if (text.size() > kKeySizeMaxBytes || level.prefix.size() > kKeySizeMaxBytes) Fail(mark, "key is too long");
      level.key = text;
      level.line = mark.line + 1;
      return;
    }
    settings_.push_back({FullKey(), text, shape, Source()});
    level.key.reset();
  }

  static constexpr size_t kKeySizeMaxBytes = 256;

  std::string file_name_;
  std::string_view yaml_;
  std::vector<ConfigSetting> settings_;
  std::vector<Level> levels_;          // Open maps, outermost first; at most kNestingMax.
  std::optional<ConfigSetting> list_;  // The open list.
  int document_count_ = 0;
};

Status CheckNoKeyTwice(const std::vector<ConfigSetting>& settings) {
  std::map<std::string_view, const ConfigSetting*> seen;
  for (const ConfigSetting& setting : settings) {
    const auto [first, fresh] = seen.emplace(setting.key, &setting);
    if (!fresh) {
      return InvalidArgument("bad configuration file, at " + setting.source + ": key set before, key=" + setting.key +
                             " before=" + first->second->source);
    }
  }
  return Status::Ok();
}

}  // namespace

StatusOr<std::vector<ConfigSetting>> FlattenYaml(std::string_view yaml, const std::string& file_name) {
  if (yaml.starts_with(kByteOrderMark)) yaml.remove_prefix(kByteOrderMark.size());
  RETURN_IF_ERROR(CheckText(yaml, file_name));
  Flattener flattener(file_name, yaml);
  try {
    std::istringstream stream{std::string(yaml)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(flattener)) {
      if (flattener.document_count() > 1) return At(file_name, 1, "holds several documents (\"---\")");
    }
  } catch (const YAML::Exception& error) {
    return At(file_name, error.mark.line + 1, error.msg);
  } catch (const std::exception& error) {  // The parser's own slips: bad_alloc, out_of_range.
    return At(file_name, 1, error.what());
  }
  std::vector<ConfigSetting> settings = flattener.Take();
  RETURN_IF_ERROR(CheckNoKeyTwice(settings));
  return settings;
}

}  // namespace weir
