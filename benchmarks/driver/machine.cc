#include "benchmarks/driver/machine.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "benchmarks/workload/clock.h"

namespace weir::bench {
namespace {

struct ProcessTime {
  pid_t parent = 0;
  uint64_t ticks = 0;  // Its own and those of children that were waited for.
};

// "pid (name) state parent ... utime stime cutime cstime": the name may contain anything.
bool ReadProcess(const std::string& pid, ProcessTime& process) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const size_t close = line.rfind(')');
  if (close == std::string::npos) return false;
  std::istringstream rest(line.substr(close + 1));
  std::string state;
  std::string skipped;
  rest >> state >> process.parent;
  constexpr int kFieldsBetween = 9;  // pgrp to cmajflt.
  for (int i = 0; i < kFieldsBetween; ++i) rest >> skipped;
  process.ticks = 0;
  for (int i = 0; i < 4; ++i) {
    uint64_t ticks = 0;
    rest >> ticks;
    process.ticks += ticks;
  }
  return static_cast<bool>(rest);
}

uint64_t OwnTicks() {
  std::map<pid_t, ProcessTime> processes;
  DIR* const proc = ::opendir("/proc");
  if (proc == nullptr) return 0;
  while (const dirent* const entry = ::readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    ProcessTime process;
    if (pid > 0 && ReadProcess(entry->d_name, process)) processes[pid] = process;
  }
  ::closedir(proc);
  std::set<pid_t> own = {::getpid()};
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [pid, process] : processes) {
      if (own.contains(process.parent)) grew |= own.insert(pid).second;
    }
  }
  uint64_t ticks = 0;
  for (const pid_t pid : own) ticks += processes[pid].ticks;
  return ticks;
}

// "cpu user nice system idle iowait irq softirq steal ...".
uint64_t BusyTicks() {
  std::ifstream file("/proc/stat");
  std::string name;
  std::array<uint64_t, 8> ticks{};
  file >> name;
  for (uint64_t& value : ticks) file >> value;
  return ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
}

}  // namespace

CpuSample CpuSample::Take() {
  const double ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  CpuSample sample;
  sample.own_s = static_cast<double>(OwnTicks()) / ticks_per_s;
  sample.busy_s = static_cast<double>(BusyTicks()) / ticks_per_s;
  sample.taken_s = static_cast<double>(MonotonicNanos()) * 1e-9;
  return sample;
}

double ForeignCpu(const CpuSample& before, const CpuSample& after) {
  const double foreign_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s);
  return std::max(0.0, foreign_s / std::max(1e-3, after.taken_s - before.taken_s));
}

uint32_t CpuCount() { return std::max(1u, std::thread::hardware_concurrency()); }

}  // namespace weir::bench
