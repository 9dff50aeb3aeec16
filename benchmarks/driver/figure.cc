#include "benchmarks/driver/figure.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace weir::bench {
namespace {

std::string Hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string Millions(double rate) {
  char text[32];
  std::snprintf(text, sizeof(text), rate < 1e6 ? "%.3f" : "%.2f", rate / 1e6);
  return text;
}

std::string Ratio(const std::vector<double>& ours, const std::vector<double>& theirs) {
  if (ours.empty() || theirs.empty()) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", Spread::Of(ours).median / Spread::Of(theirs).median);
  return text;
}

std::string Shown(const FigureValue& value) {
  if (const double* const number = std::get_if<double>(&value)) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.4g", *number);
    return text;
  }
  if (const int64_t* const number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const bool* const flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
  return std::get<std::string>(value);
}

nlohmann::json ToJson(const Figure& figure) {
  nlohmann::json shown = {
      {"workload", figure.workload},   {"backend", figure.backend},          {"parallelism", figure.parallelism},  {"seed", figure.seed},
      {"events", figure.events},       {"rows", figure.digest.rows},         {"checksum", Hex(figure.digest.sum)}, {"checksum_ok", figure.checksum_ok},
      {"rss_bytes", figure.rss_bytes}, {"runs", figure.events_per_s.size()}, {"foreign_cpu", figure.foreign_cpu},  {"disturbed", figure.disturbed}};
  if (!figure.events_per_s.empty()) {
    const Spread rate = Spread::Of(figure.events_per_s);
    shown["events_per_s"] = rate.median;
    shown["min"] = rate.min;
    shown["max"] = rate.max;
  }
  if (!figure.events_per_cpu_s.empty()) shown["events_per_cpu_s"] = Spread::Of(figure.events_per_cpu_s).median;
  if (!figure.loop_events_per_s.empty()) {
    const Spread loop = Spread::Of(figure.loop_events_per_s);
    shown["loop_events_per_s"] = loop.median;
    shown["loop_min"] = loop.min;
    shown["loop_max"] = loop.max;
    if (!figure.events_per_s.empty()) shown["ratio"] = Spread::Of(figure.events_per_s).median / loop.median;
  }
  if (!figure.loop_events_per_cpu_s.empty()) {
    const double loop = Spread::Of(figure.loop_events_per_cpu_s).median;
    shown["loop_events_per_cpu_s"] = loop;
    if (!figure.events_per_cpu_s.empty()) shown["ratio_per_cpu_s"] = Spread::Of(figure.events_per_cpu_s).median / loop;
  }
  if (!figure.peer_events_per_s.empty()) {
    const Spread peer = Spread::Of(figure.peer_events_per_s);
    shown["peer"] = figure.peer;
    shown["peer_events_per_s"] = peer.median;
    shown["peer_min"] = peer.min;
    shown["peer_max"] = peer.max;
    if (!figure.events_per_s.empty()) shown["peer_ratio"] = Spread::Of(figure.events_per_s).median / peer.median;
  }
  if (!figure.peer_events_per_cpu_s.empty()) shown["peer_events_per_cpu_s"] = Spread::Of(figure.peer_events_per_cpu_s).median;
  for (const auto& [name, value] : figure.extra) std::visit([&, &key = name](const auto& held) { shown[key] = held; }, value);
  if (!figure.notes.empty()) shown["notes"] = figure.notes;
  return shown;
}

}  // namespace

Spread Spread::Of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

void PrintTable(const std::vector<Figure>& figures) {
  std::printf("\n%-16s %2s | %9s %9s %9s | %9s %6s | %9s %6s | %9s %6s | %8s | %s\n", "million events/s", "P", "median", "min", "max", "per CPU-s", "ratio",
              "loop", "ratio", "peer", "ratio", "RSS MB", "checksum");
  for (const Figure& figure : figures) {
    const auto middle = [](const std::vector<double>& values) { return values.empty() ? std::string("-") : Millions(Spread::Of(values).median); };
    const std::vector<double>& rates = figure.events_per_s;
    std::printf("%-16s %2u | %9s %9s %9s | %9s %6s | %9s %6s | %9s %6s | %8lld | %s%s\n", figure.workload.c_str(), figure.parallelism, middle(rates).c_str(),
                rates.empty() ? "-" : Millions(Spread::Of(rates).min).c_str(), rates.empty() ? "-" : Millions(Spread::Of(rates).max).c_str(),
                middle(figure.events_per_cpu_s).c_str(), Ratio(figure.events_per_cpu_s, figure.loop_events_per_cpu_s).c_str(),
                middle(figure.loop_events_per_s).c_str(), Ratio(rates, figure.loop_events_per_s).c_str(), middle(figure.peer_events_per_s).c_str(),
                Ratio(rates, figure.peer_events_per_s).c_str(), static_cast<long long>(figure.rss_bytes / 1'000'000), figure.checksum_ok ? "right" : "WRONG",
                figure.disturbed ? " (disturbed)" : "");
    std::string line;
    for (const auto& [name, value] : figure.extra) line += (line.empty() ? "" : ", ") + name + " " + Shown(value);
    if (!line.empty()) std::printf("  %s\n", line.c_str());
    for (const std::string& note : figure.notes) std::printf("  %s\n", note.c_str());
  }
  std::fflush(stdout);
}

Status WriteJson(const std::vector<Figure>& figures, const std::string& path) {
  nlohmann::json list = nlohmann::json::array();
  for (const Figure& figure : figures) list.push_back(ToJson(figure));
  std::ofstream file(path);
  file << list.dump(2) << "\n";
  file.close();
  return file ? Status::Ok() : Unavailable("cannot write the figures, path=" + path);
}

}  // namespace weir::bench
