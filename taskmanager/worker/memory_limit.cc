#include "taskmanager/worker/memory_limit.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace weir {

uint64_t MemoryShare(uint64_t bytes_max, uint32_t slots_total, uint32_t slots_used) {
  if (slots_total == 0 || slots_used == 0) return bytes_max;
  const uint32_t used = std::min(slots_used, slots_total);
  return bytes_max / slots_total * used;
}

uint64_t ResidentBytes() {
  const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[128] = {};
  const ssize_t size = ::read(fd, text, sizeof(text) - 1);
  ::close(fd);
  unsigned long long total = 0, resident = 0, shared = 0;
  if (size <= 0 || std::sscanf(text, "%llu %llu %llu", &total, &resident, &shared) != 3) return 0;
  return (resident - std::min(resident, shared)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace weir
