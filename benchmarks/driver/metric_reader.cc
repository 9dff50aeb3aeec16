#include "benchmarks/driver/metric_reader.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>

namespace weir::bench {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(300);

std::string Get(uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{2, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  std::string answer;
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      ::send(socket, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(kRequest.size())) {
    std::array<char, 16'384> piece;
    for (ssize_t count = 0; (count = ::recv(socket, piece.data(), piece.size(), 0)) > 0;) answer.append(piece.data(), static_cast<size_t>(count));
  }
  ::close(socket);
  return answer;
}

}  // namespace

BatchCountReader::BatchCountReader(const std::vector<std::string>& task_managers, std::vector<std::string> tasks) : tasks_(std::move(tasks)) {
  for (const std::string& line : task_managers) {
    constexpr std::string_view kBefore = "metrics on http://localhost:";
    const size_t at = line.find(kBefore);
    if (at != std::string::npos) ports_.push_back(static_cast<uint16_t>(std::atoi(line.c_str() + at + kBefore.size())));
  }
  thread_ = std::thread([this] { Run(); });
}

BatchCountReader::~BatchCountReader() {
  stop_ = true;
  thread_.join();
}

BatchCounts BatchCountReader::last() const {
  std::lock_guard lock(mutex_);
  return last_;
}

void BatchCountReader::Run() {
  while (!stop_) {
    BatchCounts counts;
    for (const uint16_t port : ports_) {
      std::istringstream lines(Get(port));
      for (std::string line; std::getline(lines, line);) {
        const bool rows = line.starts_with("weir_taskmanager_job_task_numRecordsIn{");
        if (!rows && !line.starts_with("weir_taskmanager_job_task_numBuffersIn{")) continue;
        const size_t name = line.find("task_name=\"");
        if (name == std::string::npos || std::ranges::none_of(tasks_, [&](const std::string& task) { return line.find(task, name) != std::string::npos; }))
          continue;
        (rows ? counts.rows : counts.calls) += std::strtod(line.c_str() + line.rfind(' '), nullptr);
      }
    }
    if (counts.calls > 0) {
      std::lock_guard lock(mutex_);
      last_ = counts;
    }
    std::this_thread::sleep_for(kPeriod);
  }
}

}  // namespace weir::bench
