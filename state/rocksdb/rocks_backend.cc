#include "state/rocksdb/rocks_backend.h"

#include <algorithm>
#include <atomic>
#include <cctype>

#include "base/check.h"
#include "base/status_macros.h"
#include "state/rocksdb/rocks_database.h"
#include "state/rocksdb/rocks_rows.h"

namespace weir {
namespace {

uint64_t Share(uint64_t bytes, double ratio) { return std::max<uint64_t>(1, static_cast<uint64_t>(static_cast<double>(bytes) * ratio)); }

RocksMemoryLimits OneSlot(const RocksBackend::Settings& settings) {
  RocksMemoryLimits limits = settings.memory;
  limits.bytes = Share(settings.slot_bytes, 1 - settings.cache_ratio);
  return limits;
}

// Databases that this process ever made: several backends may share a directory.
std::atomic<uint64_t> made_count = 0;

// Names of operators are anything: only what cannot leave the directory.
std::string FileName(const std::string& name) {
  constexpr size_t kLengthMax = 60;
  std::string made;
  for (const char c : name.substr(0, kLengthMax)) made += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return made;
}

}  // namespace

RocksBackend::RocksBackend(Settings settings) : settings_(std::move(settings)), memory_(std::make_shared<RocksMemory>(OneSlot(settings_))) {
  CHECK(settings_.cache_ratio > 0 && settings_.cache_ratio < 1);
}

uint64_t RocksBackend::CacheBytesPerSlot() const { return Share(settings_.slot_bytes, settings_.cache_ratio); }

void RocksBackend::UseSlots(uint32_t slots) { memory_->Resize(OneSlot(settings_).bytes * std::max(1u, slots)); }

StatusOr<std::unique_ptr<ColdRows>> RocksBackend::Make(const Request& request) {
  RocksDatabase::Settings database;
  database.directory = settings_.directory + "/" + std::to_string(++made_count) + "-" + FileName(request.name);
  for (const Column& column : request.columns) database.columns.push_back({column.name, column.ttl_ms});
  database.options = settings_.options;
  database.now_ms = request.now_ms;
  ASSIGN_OR_RETURN(std::shared_ptr<RocksDatabase> opened, RocksDatabase::Open(std::move(database), memory_));
  return std::unique_ptr<ColdRows>(std::make_unique<RocksRows>(std::move(opened), RocksRows::KeyGroups{request.key_group_start, request.key_group_end}));
}

}  // namespace weir
