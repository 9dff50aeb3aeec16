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
  std::map<int, std::unique_ptr<boost::asio::posix::stream_descriptor>> watched;  // Descriptors are not owned: released, never closed.
};

}  // namespace weir
