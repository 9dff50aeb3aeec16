#include "taskmanager/output_collector.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/check.h"

namespace weir {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFinishTimeout{1'000};
constexpr size_t kLineBytesMax = 64 * 1024;
constexpr int kPollMs = 100;  // While some worker is finishing.

void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // Nobody reads any more.
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

// One stream of one worker.
struct Stream {
  FileDescriptor pipe;
  std::optional<RotatingFile> file;
  int echo = -1;       // -1: into the file only.
  size_t tail_max = 0;
  std::string line;    // Begun, not ended; at most kLineBytesMax.
  std::string tail;

  void Take(std::string_view bytes) {
    if (file.has_value()) file->Append(bytes);
    if (tail_max > 0) {
      tail.append(bytes);
      if (tail.size() > 2 * tail_max) tail.erase(0, tail.size() - tail_max);
    }
    if (echo < 0) return;
    // Whole lines, so that those of several workers do not mix.
    line.append(bytes);
    const size_t newline = line.rfind('\n');
    const size_t ready = line.size() > kLineBytesMax ? line.size() : newline == std::string::npos ? 0 : newline + 1;
    WriteAll(echo, std::string_view(line).substr(0, ready));
    line.erase(0, ready);
  }

  // False at the end.
  bool Read() {
    std::array<char, 65'536> piece;
    const ssize_t count = ::read(pipe.get(), piece.data(), piece.size());
    if (count > 0) Take({piece.data(), static_cast<size_t>(count)});
    return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
  }

  void Close() {
    pipe.Close();
    if (!line.empty() && echo >= 0) WriteAll(echo, line + "\n");
    line.clear();
  }
};

}  // namespace

struct OutputCollector::State {
  struct Worker {
    std::array<Stream, 2> streams;  // stdout, stderr.
    std::function<void(std::string)> done;  // Set by Finish.
    SteadyClock::time_point deadline;
  };

  explicit State(Options collector_options) : options(collector_options), wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void Run();
  void Wake() {
    const uint64_t one = 1;
    const ssize_t ignored = ::write(wake.get(), &one, sizeof(one));
    static_cast<void>(ignored);
  }
  void FinishEnded();

  const Options options;
  const FileDescriptor wake;
  std::mutex mutex;
  // Guarded by mutex. Workers and their streams are changed by the thread only once they are in the map, but for `done`.
  std::map<WorkerSerial, std::unique_ptr<Worker>> workers;
  bool stopping = false;
  bool joined = false;
  std::thread thread;
};

void OutputCollector::State::Run() {
  while (true) {
    std::vector<pollfd> polled = {{wake.get(), POLLIN, 0}};
    std::vector<Stream*> streams = {nullptr};
    bool finishing = false;
    {
      std::lock_guard lock(mutex);
      if (stopping) return;
      for (const auto& [serial, worker] : workers) {
        finishing = finishing || worker->done != nullptr;
        for (Stream& stream : worker->streams) {
          if (!stream.pipe.valid()) continue;
          polled.push_back({stream.pipe.get(), POLLIN, 0});
          streams.push_back(&stream);
        }
      }
    }
    if (::poll(polled.data(), polled.size(), finishing ? kPollMs : -1) < 0) continue;
    if (polled[0].revents != 0) {
      uint64_t ignored = 0;
      const ssize_t taken = ::read(wake.get(), &ignored, sizeof(ignored));
      static_cast<void>(taken);
    }
    for (size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents != 0 && !streams[i]->Read()) streams[i]->Close();
    }
    FinishEnded();
  }
}

void OutputCollector::State::FinishEnded() {
  std::vector<std::unique_ptr<Worker>> ended;
  {
    std::lock_guard lock(mutex);
    for (auto entry = workers.begin(); entry != workers.end();) {
      Worker& worker = *entry->second;
      const bool open = worker.streams[0].pipe.valid() || worker.streams[1].pipe.valid();
      if (worker.done == nullptr || (open && SteadyClock::now() < worker.deadline)) {
        ++entry;
        continue;
      }
      ended.push_back(std::move(entry->second));
      entry = workers.erase(entry);
    }
  }
  for (const std::unique_ptr<Worker>& worker : ended) {
    for (Stream& stream : worker->streams) stream.Close();
    std::string& tail = worker->streams[1].tail;
    if (tail.size() > kErrorTailBytes) tail.erase(0, tail.size() - kErrorTailBytes);
    worker->done(std::move(tail));
  }
}

OutputCollector::OutputCollector(Options options) : state_(std::make_unique<State>(options)) {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
  pthread_setname_np(state_->thread.native_handle(), "worker-output");
}

OutputCollector::~OutputCollector() { CHECK(state_->joined); }

void OutputCollector::Add(WorkerSerial serial, FileDescriptor output, FileDescriptor error, OutputFiles files) {
  auto worker = std::make_unique<State::Worker>();
  Stream& out = worker->streams[0];
  Stream& err = worker->streams[1];
  out.pipe = std::move(output);
  err.pipe = std::move(error);
  for (Stream& stream : worker->streams) ::fcntl(stream.pipe.get(), F_SETFL, O_NONBLOCK);
  if (!files.output.empty()) out.file.emplace(files.output, files.limits);
  if (!files.error.empty()) err.file.emplace(files.error, files.limits);
  out.echo = state_->options.output;
  err.echo = files.error.empty() ? state_->options.error : -1;
  err.tail_max = kErrorTailBytes;
  std::lock_guard lock(state_->mutex);
  CHECK(state_->workers.emplace(serial, std::move(worker)).second);
  state_->Wake();
}

void OutputCollector::Finish(WorkerSerial serial, std::function<void(std::string)> done) {
  {
    std::lock_guard lock(state_->mutex);
    const auto worker = state_->workers.find(serial);
    if (worker != state_->workers.end()) {
      worker->second->done = std::move(done);
      worker->second->deadline = SteadyClock::now() + kFinishTimeout;
      state_->Wake();
      return;
    }
  }
  done("");
}

void OutputCollector::Stop() {
  std::lock_guard lock(state_->mutex);
  state_->stopping = true;
  state_->Wake();
}

void OutputCollector::Join() {
  CHECK(state_->stopping);
  state_->thread.join();
  state_->joined = true;
}

}  // namespace weir
