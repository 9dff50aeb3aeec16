#include "tests/scenarios/scenario.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <utility>

#include "base/status_macros.h"

namespace weir::scenarios {
namespace {

constexpr std::pair<Disturbance, const char*> kDisturbances[] = {{Disturbance::kNone, "none"},
                                                                 {Disturbance::kKillWorker, "kill-worker"},
                                                                 {Disturbance::kKillTaskManager, "kill-taskmanager"},
                                                                 {Disturbance::kCancelRestore, "cancel-restore"},
                                                                 {Disturbance::kCancelRescale, "cancel-rescale"}};

constexpr std::pair<const char*, Expectation::Kind> kExpectations[] = {{"sequence", Expectation::Kind::kSequence}, {"counts", Expectation::Kind::kCounts},
                                                                       {"running", Expectation::Kind::kRunning},   {"numbered", Expectation::Kind::kNumbered},
                                                                       {"words", Expectation::Kind::kWords},       {"rows", Expectation::Kind::kRows},
                                                                       {"printed", Expectation::Kind::kPrinted},   {"error", Expectation::Kind::kError}};

Status ReadExpectation(std::vector<std::string> words, Expectation& expectation) {
  if (words.empty()) return InvalidArgument("expect lacks its kind");
  for (const auto& [name, kind] : kExpectations) {
    if (words.front() != name) continue;
    expectation.kind = kind;
    expectation.words.assign(words.begin() + 1, words.end());
    if (expectation.words.size() >= 2 && expectation.words.back() == "per-subtask") {
      expectation.per_subtask = true;
      expectation.words.pop_back();
    }
    return Status::Ok();
  }
  return InvalidArgument("unknown expectation \"" + words.front() + "\"");
}

Status ReadSetting(const std::string& setting, const std::vector<std::string>& words, Scenario& scenario) {
  const std::string first = words.empty() ? "" : words.front();
  if (setting == "job") return scenario.job = first, Status::Ok();
  if (setting == "arguments") return scenario.arguments = words, Status::Ok();
  if (setting == "variants") return scenario.variants = words, Status::Ok();
  if (setting == "input-lines") return scenario.input_lines = static_cast<uint32_t>(std::atoi(first.c_str())), Status::Ok();
  if (setting == "served-lines") return scenario.served_lines = static_cast<uint32_t>(std::atoi(first.c_str())), Status::Ok();
  if (setting == "may-end-early") return scenario.may_end_early = true, Status::Ok();
  if (setting == "await-partly-finished") return scenario.await_partly_finished = true, Status::Ok();
  if (setting == "expect") return ReadExpectation(words, scenario.expectation);
  if (setting == "rate") {
    scenario.rate = std::atoll(first.c_str());
    scenario.rate_always = words.size() > 1 && words[1] == "always";
    return Status::Ok();
  }
  if (setting == "disturb") {
    for (const std::string& word : words) {
      ASSIGN_OR_RETURN(const Disturbance disturbance, DisturbanceFrom(word));
      scenario.disturbances.push_back(disturbance);
    }
    return Status::Ok();
  }
  return InvalidArgument("unknown setting \"" + setting + "\"");
}

int64_t Number(const Expectation& expectation, size_t index) { return index < expectation.words.size() ? std::atoll(expectation.words[index].c_str()) : 0; }

std::vector<std::string> CountedWords(const std::string& text) {
  std::map<std::string, int64_t> counts;
  std::string word;
  for (const char c : text + "\n") {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      word += c;
    } else if (!word.empty()) {
      ++counts[std::exchange(word, "")];
    }
  }
  std::vector<std::string> rows;
  for (const auto& [counted, count] : counts) rows.push_back(std::to_string(count) + " " + counted);
  return rows;
}

std::vector<std::string> ExpectedRows(const Scenario& scenario, uint32_t parallelism) {
  const Expectation& expectation = scenario.expectation;
  const int64_t first = Number(expectation, 0);
  const int64_t second = Number(expectation, 1);
  std::vector<std::string> rows;
  switch (expectation.kind) {
    case Expectation::Kind::kSequence:
      for (int64_t value = first; value <= second; ++value) rows.push_back(std::to_string(value));
      break;
    case Expectation::Kind::kCounts:
      for (int64_t key = 0; key < first; ++key) rows.push_back("(" + std::to_string(key) + "," + std::to_string(second) + ")");
      break;
    case Expectation::Kind::kRunning:
      for (int64_t key = 0; key < first; ++key) {
        for (int64_t count = 1; count <= second; ++count) rows.push_back("(" + std::to_string(key) + "," + std::to_string(count) + ")");
      }
      break;
    case Expectation::Kind::kWords:
      rows = CountedWords(GenerateText(scenario.input_lines));
      break;
    default:
      rows = expectation.words;
  }
  if (expectation.per_subtask) {
    const std::vector<std::string> once = rows;
    for (uint32_t i = 1; i < parallelism; ++i) rows.insert(rows.end(), once.begin(), once.end());
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

std::string DisturbanceName(Disturbance disturbance) {
  for (const auto& [value, name] : kDisturbances) {
    if (value == disturbance) return name;
  }
  return "?";
}

StatusOr<Disturbance> DisturbanceFrom(const std::string& wanted) {
  for (const auto& [value, name] : kDisturbances) {
    if (wanted == name) return value;
  }
  return InvalidArgument("unknown disturbance \"" + wanted + "\"");
}

StatusOr<Scenario> Scenario::Read(const std::string& path) {
  Scenario scenario;
  scenario.name = std::filesystem::path(path).stem().string();
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    std::istringstream text(line.substr(0, line.find('#')));
    std::string setting;
    if (!(text >> setting)) continue;
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    const Status read = ReadSetting(setting, words, scenario);
    if (!read.ok()) return read.WithContext(path + ":" + std::to_string(number));
  }
  if (scenario.job.empty()) return InvalidArgument(path + ": no job");
  if (scenario.variants.empty()) scenario.variants = {""};
  return scenario;
}

std::string GenerateText(uint32_t lines) {
  std::mt19937 random(lines);
  std::string text;
  for (uint32_t line = 0; line < lines; ++line) {
    const uint32_t words = random() % 9;  // Some lines are empty.
    for (uint32_t i = 0; i < words; ++i) {
      // Few words are frequent, many are rare.
      uint32_t word = static_cast<uint32_t>(random()) % (random() % 5 == 0 ? 5'000 : 50);
      do {
        text += static_cast<char>('a' + word % 26);
        word /= 26;
      } while (word != 0);
      text += i % 3 == 2 ? ", " : " ";
    }
    text += '\n';
  }
  return text;
}

std::string Difference(const Scenario& scenario, uint32_t parallelism, const std::vector<std::string>& rows) {
  if (scenario.expectation.kind == Expectation::Kind::kNumbered) {
    std::vector<int64_t> values;
    for (int64_t value = 0; value < Number(scenario.expectation, 0); ++value) values.push_back(value);
    return NumberedDifference(rows, values);
  }
  const std::vector<std::string> expected = ExpectedRows(scenario, parallelism);
  if (rows == expected) return "";
  std::vector<std::string> missing;
  std::vector<std::string> surplus;
  std::set_difference(expected.begin(), expected.end(), rows.begin(), rows.end(), std::back_inserter(missing));
  std::set_difference(rows.begin(), rows.end(), expected.begin(), expected.end(), std::back_inserter(surplus));
  std::string text = "wrong rows: " + std::to_string(rows.size()) + " instead of " + std::to_string(expected.size());
  if (!missing.empty()) text += ", " + std::to_string(missing.size()) + " missing, first \"" + missing.front() + "\"";
  if (!surplus.empty()) text += ", " + std::to_string(surplus.size()) + " too many, first \"" + surplus.front() + "\"";
  return text;
}

std::string NumberedDifference(const std::vector<std::string>& rows, const std::vector<int64_t>& values) {
  std::vector<int64_t> seen;
  std::map<int64_t, std::vector<int64_t>> numbers_of_key;
  for (const std::string& row : rows) {
    long long key = 0;
    long long number = 0;
    long long value = 0;
    if (std::sscanf(row.c_str(), "(%lld,%lld,%lld)", &key, &number, &value) != 3) return "row is no (key,number,value): " + row;
    seen.push_back(value);
    numbers_of_key[key].push_back(number);
  }
  std::sort(seen.begin(), seen.end());
  if (seen != values) {
    std::vector<int64_t> missing;
    std::vector<int64_t> surplus;
    std::set_difference(values.begin(), values.end(), seen.begin(), seen.end(), std::back_inserter(missing));
    std::set_difference(seen.begin(), seen.end(), values.begin(), values.end(), std::back_inserter(surplus));
    return "not every record once: " + std::to_string(missing.size()) + " lost" + (missing.empty() ? "" : ", first " + std::to_string(missing.front())) + ", " +
           std::to_string(surplus.size()) + " doubled" + (surplus.empty() ? "" : ", first " + std::to_string(surplus.front()));
  }
  for (auto& [key, numbers] : numbers_of_key) {
    std::sort(numbers.begin(), numbers.end());
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] != static_cast<int64_t>(i) + 1) return "state of key " + std::to_string(key) + " counted wrongly at record " + std::to_string(i + 1);
    }
  }
  return "";
}

}  // namespace weir::scenarios
