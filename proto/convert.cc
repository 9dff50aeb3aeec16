#include "proto/convert.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "proto/messages.pb.h"

namespace weir {
namespace {

template <class Id>
std::string Bytes(const Id& id) {
  return std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

template <class Id>
StatusOr<Id> FromBytes(std::string_view bytes, const char* what) {
  Id id;
  if (bytes.size() != id.bytes.size()) return InvalidArgument("wrong length, length=" + std::to_string(bytes.size())).WithContext(what);
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  if (id.IsZero()) return InvalidArgument("all bytes are zero").WithContext(what);
  return id;
}

std::string Bounded(std::string_view text) { return std::string(text.substr(0, kFailureTextBytesMax)); }

// How many bytes the UTF-8 sequence at the front of `text` has; 0 when it is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies beyond the last code point.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) >= 0xa0)) return 0;
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) >= 0x90)) return 0;
  return length;
}

// Messages must be UTF-8; what users throw need not be.
std::string Text(std::string_view text) {
  text = text.substr(0, kFailureTextBytesMax);
  std::string valid;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    valid += length == 0 ? std::string_view("?") : text.substr(0, length);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return valid;
}

StatusOr<StatusCode> CodeFromName(std::string_view name) {
  for (int code = 1; code <= static_cast<int>(StatusCode::kInternal); ++code) {
    if (StatusCodeName(static_cast<StatusCode>(code)) == name) return static_cast<StatusCode>(code);
  }
  return InvalidArgument("unknown status code, code=" + Bounded(name));
}

void PutGates(const std::vector<GateDeployment>& gates, const auto& add) {
  for (const GateDeployment& gate : gates) {
    auto& message = *add();
    message.set_edge(gate.edge);
    for (const ChannelPeer& peer : gate.channels) {
      proto::Channel& channel = *message.add_channels();
      channel.set_peer_subtask(peer.subtask);
      channel.set_peer_task_manager_id(peer.task_manager_id);
      channel.set_peer_data_address(peer.data_address);
    }
  }
}

StatusOr<std::vector<GateDeployment>> GatesFromProto(const auto& messages) {
  std::vector<GateDeployment> gates;
  for (const auto& message : messages) {
    GateDeployment gate{.edge = message.edge(), .channels = {}};
    for (const proto::Channel& channel : message.channels()) {
      if (!gate.channels.empty() && gate.channels.back().subtask >= channel.peer_subtask()) {
        return InvalidArgument("channels of a task are out of order, edge=" + std::to_string(gate.edge));
      }
      gate.channels.push_back({channel.peer_subtask(), channel.peer_task_manager_id(), channel.peer_data_address()});
    }
    if (gate.channels.empty()) return InvalidArgument("gate without channels, edge=" + std::to_string(gate.edge));
    gates.push_back(std::move(gate));
  }
  return gates;
}

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: return "histogram";
  }
  return "gauge";
}

}  // namespace

std::string IdBytes(const JobId& id) { return Bytes(id); }
std::string IdBytes(const OperatorId& id) { return Bytes(id); }
std::string IdBytes(const IncarnationId& id) { return Bytes(id); }
StatusOr<JobId> JobIdFromBytes(std::string_view bytes) { return FromBytes<JobId>(bytes, "job id"); }
StatusOr<OperatorId> OperatorIdFromBytes(std::string_view bytes) { return FromBytes<OperatorId>(bytes, "operator id"); }
StatusOr<IncarnationId> IncarnationIdFromBytes(std::string_view bytes) { return FromBytes<IncarnationId>(bytes, "incarnation"); }

proto::Attempt ToProto(AttemptId attempt) {
  proto::Attempt message;
  message.set_epoch(attempt.epoch.value);
  message.set_restart(attempt.restart);
  return message;
}

AttemptId FromProto(const proto::Attempt& message) { return {LeaderEpoch{message.epoch()}, message.restart()}; }

proto::Subtask ToProto(SubtaskId subtask) {
  proto::Subtask message;
  message.set_vertex(subtask.vertex.value);
  message.set_subtask(subtask.subtask);
  return message;
}

SubtaskId FromProto(const proto::Subtask& message) { return {VertexIndex{message.vertex()}, message.subtask()}; }

proto::Failure ToProto(const Status& status, const FailureDetails& details) {
  CHECK(!status.ok());
  proto::Failure message;
  message.set_code(std::string(StatusCodeName(status.code())));
  message.set_message(Text(status.message()));
  message.set_stack(Text(details.stack));
  message.set_timestamp_ms(details.timestamp_ms);
  return message;
}

Status FromProto(const proto::Failure& message) {
  const StatusOr<StatusCode> code = CodeFromName(message.code());
  return Status(code.ok() ? *code : StatusCode::kInternal, Bounded(message.message()));
}

proto::TaskDeployment ToProto(const TaskDeployment& deployment) {
  proto::TaskDeployment message;
  *message.mutable_subtask() = ToProto(deployment.subtask);
  message.set_slot(deployment.slot.value);
  PutGates(deployment.gates, [&] { return message.add_gates(); });
  PutGates(deployment.partitions, [&] { return message.add_partitions(); });
  message.set_restored_checkpoint(deployment.restored_checkpoint.value);
  *message.mutable_restored_state() = ToProto(deployment.restored_state);
  message.set_restored_finished(deployment.restored_finished);
  return message;
}

StatusOr<TaskDeployment> FromProto(const proto::TaskDeployment& message) {
  TaskDeployment deployment;
  deployment.subtask = FromProto(message.subtask());
  deployment.slot = SlotIndex{message.slot()};
  ASSIGN_OR_RETURN(deployment.gates, GatesFromProto(message.gates()));
  ASSIGN_OR_RETURN(deployment.partitions, GatesFromProto(message.partitions()));
  deployment.restored_checkpoint = CheckpointId{message.restored_checkpoint()};
  if (message.has_restored_state()) {
    ASSIGN_OR_RETURN(deployment.restored_state, FromProto(message.restored_state()));
  }
  deployment.restored_finished = message.restored_finished();
  return deployment;
}

// The two enumerations have the same numbers.
proto::TaskStateChanged ToProto(const TaskStateReport& report, const FailureDetails& details) {
  static_assert(static_cast<int>(TaskState::kInitializing) == proto::INITIALIZING && static_cast<int>(TaskState::kFailed) == proto::FAILED);
  proto::TaskStateChanged message;
  *message.mutable_attempt() = ToProto(report.attempt);
  *message.mutable_subtask() = ToProto(report.subtask);
  message.set_state(static_cast<proto::TaskState>(report.state));
  if (!report.failure.ok()) *message.mutable_failure() = ToProto(report.failure, details);
  return message;
}

StatusOr<TaskStateReport> FromProto(const proto::TaskStateChanged& message) {
  if (message.state() < proto::INITIALIZING || message.state() > proto::FAILED) {
    return InvalidArgument("unknown task state, state=" + std::to_string(message.state()));
  }
  TaskStateReport report{FromProto(message.attempt()), FromProto(message.subtask()), static_cast<TaskState>(message.state()), {}};
  if (message.has_failure() || report.state == TaskState::kFailed) report.failure = FromProto(message.failure());
  return report;
}

proto::AcknowledgeCheckpoint ToProto(const SnapshotReport& report) {
  proto::AcknowledgeCheckpoint message;
  *message.mutable_attempt() = ToProto(report.attempt);
  *message.mutable_subtask() = ToProto(report.subtask);
  message.set_checkpoint_id(report.id.value);
  *message.mutable_snapshot() = ToProto(report.snapshot);
  message.set_sync_duration_us(report.durations.sync_us);
  message.set_async_duration_us(report.durations.async_us);
  message.set_alignment_duration_us(report.durations.alignment_us);
  return message;
}

StatusOr<SnapshotReport> FromProto(const proto::AcknowledgeCheckpoint& message) {
  if (message.checkpoint_id() == 0) return InvalidArgument("acknowledgement without a checkpoint id");
  SnapshotReport report{FromProto(message.attempt()), FromProto(message.subtask()), CheckpointId{message.checkpoint_id()}, {}, {}};
  ASSIGN_OR_RETURN(report.snapshot, FromProto(message.snapshot()));
  report.durations = {message.alignment_duration_us(), message.sync_duration_us(), message.async_duration_us()};
  return report;
}

proto::DeclineCheckpoint ToProto(const SnapshotFailure& report, const FailureDetails& details) {
  proto::DeclineCheckpoint message;
  *message.mutable_attempt() = ToProto(report.attempt);
  *message.mutable_subtask() = ToProto(report.subtask);
  message.set_checkpoint_id(report.id.value);
  *message.mutable_failure() = ToProto(report.failure, details);
  return message;
}

StatusOr<SnapshotFailure> FromProto(const proto::DeclineCheckpoint& message) {
  if (message.checkpoint_id() == 0) return InvalidArgument("declined checkpoint without an id");
  return SnapshotFailure{FromProto(message.attempt()), FromProto(message.subtask()), CheckpointId{message.checkpoint_id()},
                         FromProto(message.failure())};
}

proto::TaskStuck ToProto(const StuckReport& report) {
  proto::TaskStuck message;
  *message.mutable_attempt() = ToProto(report.attempt);
  *message.mutable_subtask() = ToProto(report.subtask);
  message.set_running_ms(report.step.running_ms);
  message.set_stack(Text(report.step.stack));
  return message;
}

StuckReport FromProto(const proto::TaskStuck& message) {
  return {FromProto(message.attempt()), FromProto(message.subtask()), {message.running_ms(), Bounded(message.stack())}};
}

proto::MetricSample ToProto(const MetricSample& sample) {
  proto::MetricSample message;
  message.set_name(sample.name);
  for (const auto& [name, value] : sample.labels) (*message.mutable_labels())[name] = Text(value);
  message.set_value(sample.value);
  message.set_kind(std::string(KindName(sample.kind)));
  for (const double quantile : sample.quantiles) message.add_quantiles(quantile);
  message.set_count(sample.count);
  return message;
}

StatusOr<MetricSample> FromProto(const proto::MetricSample& message) {
  MetricSample sample;
  sample.name = FilterMetricCharacters(message.name());
  if (sample.name.empty()) return InvalidArgument("metric without a name");
  for (const auto& [name, value] : message.labels()) sample.labels.emplace_back(FilterMetricCharacters(name), value);
  std::sort(sample.labels.begin(), sample.labels.end());
  sample.value = message.value();
  sample.count = message.count();
  if (message.kind() == "histogram") {
    if (message.quantiles_size() != static_cast<int>(kMetricQuantiles.size())) {
      return InvalidArgument("histogram has a wrong number of quantiles, name=" + sample.name);
    }
    sample.kind = MetricKind::kHistogram;
    sample.quantiles.assign(message.quantiles().begin(), message.quantiles().end());
  } else if (message.kind() == "counter") {
    sample.kind = MetricKind::kCounter;
  } else if (message.kind() != "gauge") {
    return InvalidArgument("metric of an unknown kind, name=" + sample.name);
  }
  return sample;
}

proto::MetricReport ToProto(const std::vector<MetricSample>& samples) {
  proto::MetricReport message;
  for (const MetricSample& sample : samples) *message.add_samples() = ToProto(sample);
  return message;
}

StatusOr<std::vector<MetricSample>> FromProto(const proto::MetricReport& message) {
  if (message.samples_size() > kMetricSampleCountMax) {
    return InvalidArgument("metric report is too long, count=" + std::to_string(message.samples_size()));
  }
  std::vector<MetricSample> samples;
  samples.reserve(static_cast<size_t>(message.samples_size()));
  for (const proto::MetricSample& part : message.samples()) {
    ASSIGN_OR_RETURN(MetricSample sample, FromProto(part));
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace weir
