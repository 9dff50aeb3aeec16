// What is behind Reactor: for the transports of this folder only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <map>
#include <memory>

#include "runtime/network/reactor.h"

namespace weir {

struct Reactor::Core {
  // One thread runs it, others only post and stop.
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = boost::asio::make_work_guard(io);
  struct Watch {
    const void* owner = nullptr;
    std::unique_ptr<boost::asio::posix::stream_descriptor> descriptor;  // Not the file descriptor's owner: released, never closed.
  };
  std::map<int, Watch> watched;  // By file descriptor.
};

}  // namespace weir
