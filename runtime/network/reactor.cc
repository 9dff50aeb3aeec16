#include "runtime/network/reactor.h"

#include <boost/asio/post.hpp>

#include "runtime/network/reactor_core.h"

namespace weir {

Reactor::Reactor() : core_(std::make_unique<Core>()) {}

Reactor::~Reactor() {
  for (auto& [fd, watch] : core_->watched) watch.descriptor->release();
}

void Reactor::Poll() { core_->io.poll(); }

void Reactor::Wait(int64_t timeout_ns) {
  core_->io.run_one_for(std::chrono::nanoseconds(timeout_ns));
  core_->io.poll();
}

void Reactor::Interrupt() { boost::asio::post(core_->io, [] {}); }

void Reactor::Post(std::function<void()> closure) { boost::asio::post(core_->io, std::move(closure)); }

void Reactor::WatchReadable(int fd, const void* owner, std::function<void()> ready) {
  Unwatch(fd);
  auto descriptor = std::make_unique<boost::asio::posix::stream_descriptor>(core_->io, fd);
  descriptor->async_wait(boost::asio::posix::stream_descriptor::wait_read, [this, fd, ready = std::move(ready)](const boost::system::error_code& error) {
    if (error == boost::asio::error::operation_aborted) return;
    Unwatch(fd);
    ready();
  });
  core_->watched[fd] = {owner, std::move(descriptor)};
}

void Reactor::UnwatchAll(const void* owner) {
  for (auto at = core_->watched.begin(); at != core_->watched.end();) {
    const auto [fd, owned] = std::pair(at->first, at->second.owner == owner);
    ++at;
    if (owned) Unwatch(fd);
  }
}

void Reactor::Unwatch(int fd) {
  const auto found = core_->watched.find(fd);
  if (found == core_->watched.end()) return;
  found->second.descriptor->release();
  core_->watched.erase(found);
}

}  // namespace weir
