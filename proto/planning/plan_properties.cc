#include "proto/planning/plan_properties.h"

#include <charconv>
#include <functional>
#include <string_view>

#include "base/status_macros.h"

namespace weir {
namespace {

// One key: how its number is read from the defaults and put into them. Numbers as text, so that doubles fit too.
struct Property {
  std::string_view key;
  std::function<std::string(const PlanDefaults&)> read;
  std::function<bool(PlanDefaults&, std::string_view)> write;
};

template <class T>
bool ParseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

template <class T>
std::string FormatNumber(T value) {
  char text[64];
  return std::string(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

template <class T>
Property Checkpoint(std::string_view key, T CheckpointConfig::*member) {
  return {key, [member](const PlanDefaults& defaults) { return FormatNumber(defaults.checkpoint.*member); },
          [member](PlanDefaults& defaults, std::string_view text) { return ParseNumber(text, defaults.checkpoint.*member); }};
}

template <class T>
Property Restart(std::string_view key, T RestartStrategyConfig::*member) {
  return {key, [member](const PlanDefaults& defaults) { return FormatNumber((*defaults.restart).*member); },
          [member](PlanDefaults& defaults, std::string_view text) {
            if (!defaults.restart.has_value()) defaults.restart.emplace();
            return ParseNumber(text, (*defaults.restart).*member);
          }};
}

const std::vector<Property>& CheckpointProperties() {
  static const std::vector<Property> properties = {
      Checkpoint("execution.checkpointing.interval", &CheckpointConfig::interval_ms),
      Checkpoint("execution.checkpointing.timeout", &CheckpointConfig::timeout_ms),
      Checkpoint("execution.checkpointing.min-pause", &CheckpointConfig::min_pause_ms),
      Checkpoint("execution.checkpointing.tolerable-failed-checkpoints", &CheckpointConfig::tolerable_failed),
      Checkpoint("execution.checkpointing.num-retained", &CheckpointConfig::retained_max),
      {"execution.checkpointing.retain-on-cancellation",
       [](const PlanDefaults& defaults) { return std::string(defaults.checkpoint.retain_on_cancellation ? "1" : "0"); },
       [](PlanDefaults& defaults, std::string_view text) {
         defaults.checkpoint.retain_on_cancellation = text == "1";
         return text == "0" || text == "1";
       }},
  };
  return properties;
}

const std::vector<Property>& RestartProperties() {
  static const std::vector<Property> properties = {
      {"restart-strategy.type",
       [](const PlanDefaults& defaults) { return FormatNumber(static_cast<int>(defaults.restart->kind)); },
       [](PlanDefaults& defaults, std::string_view text) {
         if (!defaults.restart.has_value()) defaults.restart.emplace();
         int kind = -1;
         if (!ParseNumber(text, kind) || kind < 0 || kind > static_cast<int>(RestartStrategyConfig::Kind::kExponentialDelay)) return false;
         defaults.restart->kind = static_cast<RestartStrategyConfig::Kind>(kind);
         return true;
       }},
      Restart("restart-strategy.fixed-delay.attempts", &RestartStrategyConfig::attempts_max),
      Restart("restart-strategy.fixed-delay.delay", &RestartStrategyConfig::delay_ms),
      Restart("restart-strategy.exponential-delay.initial-backoff", &RestartStrategyConfig::initial_backoff_ms),
      Restart("restart-strategy.exponential-delay.max-backoff", &RestartStrategyConfig::max_backoff_ms),
      Restart("restart-strategy.exponential-delay.backoff-multiplier", &RestartStrategyConfig::backoff_multiplier),
      Restart("restart-strategy.exponential-delay.reset-backoff-threshold", &RestartStrategyConfig::reset_backoff_threshold_ms),
      Restart("restart-strategy.exponential-delay.jitter-factor", &RestartStrategyConfig::jitter_factor),
      Restart("restart-strategy.exponential-delay.attempts-before-reset-backoff", &RestartStrategyConfig::exponential_attempts_max),
  };
  return properties;
}

const Property* Find(std::string_view key) {
  for (const std::vector<Property>* group : {&CheckpointProperties(), &RestartProperties()}) {
    for (const Property& property : *group) {
      if (property.key == key) return &property;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> ToProperties(const PlanDefaults& defaults) {
  std::vector<std::string> properties;
  const auto add = [&](const std::vector<Property>& group) {
    for (const Property& property : group) properties.push_back(std::string(property.key) + "=" + property.read(defaults));
  };
  add(CheckpointProperties());
  if (defaults.restart.has_value()) add(RestartProperties());
  return properties;
}

StatusOr<PlanDefaults> PlanDefaultsFromProperties(const std::vector<std::string>& properties) {
  PlanDefaults defaults;
  for (const std::string& text : properties) {
    const size_t equals = text.find('=');
    const Property* const property = Find(std::string_view(text).substr(0, equals));
    if (property == nullptr) return InvalidArgument("no setting of a plan: " + text);
    if (equals == std::string::npos || !property->write(defaults, std::string_view(text).substr(equals + 1))) {
      return InvalidArgument("setting of a plan needs a plain number: " + text);
    }
  }
  return defaults;
}

}  // namespace weir
