#include "base/exposer.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <random>

namespace weir {
namespace {

using testing::HasSubstr;
using testing::Not;

// Sends `request` and returns all that comes back until the other side closes; a stuck server fails the test.
std::string Talk(uint16_t port, const std::string& request) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  static_cast<void>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL));
  ::shutdown(fd, SHUT_WR);
  std::string answer;
  char piece[4096];
  for (ssize_t count; (count = ::recv(fd, piece, sizeof(piece), 0)) > 0;) answer.append(piece, count);
  ::close(fd);
  return answer;
}

std::string Get(uint16_t port, const std::string& path) {
  return Talk(port, "GET " + path + " HTTP/1.0\r\nHost: x\r\n\r\n");
}

const PortRange kAnyPort{{{0, 0}}};

std::vector<MetricSample> Samples() {
  return {
      {"taskmanager_job_task_numRecordsIn", {{"job name", "my job"}, {"host", "h"}}, MetricKind::kCounter, 42, {}, 0},
      {"taskmanager_job_task_numRecordsIn", {{"host", "other"}}, MetricKind::kCounter, 43, {}, 0},
      {"jobmanager_taskSlotsTotal", {}, MetricKind::kGauge, 1.5, {}, 0},
      {"taskmanager_job_latency", {}, MetricKind::kHistogram, 0, {1, 2, 3, 4, 5, 6}, 99},
      {"taskmanager_job_latency", {}, MetricKind::kGauge, 7, {}, 0},  // Another kind: left out.
      {"odd-name", {}, MetricKind::kGauge, 1, {}, 0},
  };
}

// Connections that say nothing have a thread each: more of them than threads must not keep others out for good.
TEST(ExposerTest, AnswersBesideConnectionsThatSayNothing) {
  const auto exposer = Exposer::Start({.ports = kAnyPort}, Samples);
  ASSERT_TRUE(exposer.ok()) << exposer.status().ToString();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons((*exposer)->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> silent(12);
  for (int& fd : silent) {
    fd = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  EXPECT_THAT(Get((*exposer)->port(), "/metrics"), HasSubstr("HTTP/1.1 200"));
  for (const int fd : silent) ::close(fd);
}

TEST(ExposerTest, ShowsAllKindsInTheTextFormat) {
  const auto exposer = Exposer::Start({.ports = kAnyPort}, Samples);
  ASSERT_TRUE(exposer.ok()) << exposer.status().ToString();
  ASSERT_NE((*exposer)->port(), 0);
  const std::string text = Get((*exposer)->port(), "/metrics");
  EXPECT_THAT(text, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(text, HasSubstr("# HELP weir_taskmanager_job_task_numRecordsIn numRecordsIn (scope: taskmanager_job_task)\n"
                              "# TYPE weir_taskmanager_job_task_numRecordsIn gauge\n"));
  EXPECT_THAT(text, HasSubstr("weir_taskmanager_job_task_numRecordsIn{job_name=\"my_job\",host=\"h\"} 42"));
  EXPECT_THAT(text, HasSubstr("weir_taskmanager_job_task_numRecordsIn{host=\"other\"} 43"));
  EXPECT_THAT(text, HasSubstr("weir_jobmanager_taskSlotsTotal 1.5"));
  EXPECT_THAT(text, HasSubstr("# TYPE weir_taskmanager_job_latency summary"));
  EXPECT_THAT(text, HasSubstr("weir_taskmanager_job_latency_count 99"));
  EXPECT_THAT(text, HasSubstr("weir_taskmanager_job_latency{quantile=\"0.5\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("weir_taskmanager_job_latency{quantile=\"0.999\"} 6\n"));
  EXPECT_THAT(text, Not(HasSubstr("weir_taskmanager_job_latency 7")));
  EXPECT_THAT(text, HasSubstr("# HELP weir_odd_name odd_name\n"));
}

TEST(ExposerTest, AnswersOnAnyPath) {
  const auto exposer = Exposer::Start({.bind_host = "localhost", .ports = kAnyPort}, Samples);
  ASSERT_TRUE(exposer.ok()) << exposer.status().ToString();
  for (const char* path : {"/", "/metrics", "/a/b/c?x=y"}) {
    EXPECT_THAT(Get((*exposer)->port(), path), HasSubstr("weir_jobmanager_taskSlotsTotal 1.5")) << path;
  }
}

TEST(ExposerTest, TakesTheNextPortOfTheRangeAndSaysWhenNoneIsFree) {
  const auto first = Exposer::Start({.ports = kAnyPort}, Samples);
  ASSERT_TRUE(first.ok());
  const uint16_t taken = (*first)->port();
  const auto refused = Exposer::Start({.ports = {{{taken, taken}}}}, Samples);
  EXPECT_EQ(refused.status().code(), StatusCode::kUnavailable);
  const auto second = Exposer::Start({.ports = {{{taken, taken}, {0, 0}}}}, Samples);
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  EXPECT_NE((*second)->port(), taken);
  EXPECT_EQ(Exposer::Start({.ports = {}}, Samples).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(Exposer::Start({.bind_host = "no such host", .ports = kAnyPort}, Samples).status().code(),
            StatusCode::kInvalidArgument);
}

// The server's own period is 2 s: without help these take longer than the test program may.
TEST(ExposerTest, EndsWithoutWaitingForThePeriodOfItsServer) {
  for (int i = 0; i < 30; ++i) {
    const auto exposer = Exposer::Start({.bind_host = i % 2 == 0 ? "127.0.0.1" : "0.0.0.0", .ports = kAnyPort}, Samples);
    ASSERT_TRUE(exposer.ok());
    if (i % 3 != 0) continue;
    EXPECT_THAT(Get((*exposer)->port(), "/metrics"), HasSubstr("200"));
  }
}

TEST(ExposerTest, GarbageDoesNotHurt) {
  const auto exposer = Exposer::Start({.ports = kAnyPort}, Samples);
  ASSERT_TRUE(exposer.ok());
  const uint16_t port = (*exposer)->port();
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 50; ++i) {
    std::string garbage;
    for (uint64_t length = random() % 2000; length > 0; --length) garbage.push_back(static_cast<char>(random()));
    Talk(port, garbage);
  }
  Talk(port, "");
  Talk(port, "GET");
  Talk(port, "GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\n\r\n");
  Talk(port, "POST /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n");
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("weir_jobmanager_taskSlotsTotal 1.5"));
}

}  // namespace
}  // namespace weir
