#include "client/check_output.h"

#include <nlohmann/json.hpp>

#include "client/text_table.h"

namespace weir {

std::string CheckText(const CheckResult& result) {
  std::vector<std::vector<std::string>> rows = {{"OPERATOR", "STATE", "KIND", "VERDICT", "REASON"}};
  for (const StateReport& report : result.states) {
    const std::string state = report.kind == "key" ? "(key)" : report.state.empty() ? "(all)" : report.state;
    rows.push_back({report.uid, state, report.kind, std::string(RestoreVerdictName(report.verdict)), report.reason});
  }
  const std::string table = result.states.empty() ? "No keyed state, neither in the job nor in the snapshot.\n" : TextTable(rows);
  return table + (result.start.ok() ? "The job would start from it.\n" : "The job would not start from it: " + result.start.message() + "\n");
}

std::string CheckJson(const CheckResult& result) {
  nlohmann::ordered_json states = nlohmann::ordered_json::array();
  for (const StateReport& report : result.states) {
    const auto or_null = [](const std::string& text) { return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text); };
    states.push_back({{"uid", report.uid},
                      {"operator", or_null(report.operator_name)},
                      {"state", or_null(report.state)},
                      {"kind", or_null(report.kind)},
                      {"verdict", std::string(RestoreVerdictName(report.verdict))},
                      {"reason", or_null(report.reason)}});
  }
  nlohmann::ordered_json shown = {{"snapshot", result.snapshot}, {"job", result.job}, {"starts", result.start.ok()}};
  shown["reason"] = result.start.ok() ? nlohmann::ordered_json() : nlohmann::ordered_json(result.start.message());
  shown["states"] = std::move(states);
  return shown.dump(2) + "\n";
}

}  // namespace weir
