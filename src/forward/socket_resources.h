// Resources shared by all upstream sockets of one worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "forward/alarm.h"
#include "forward/entropy.h"
#include "sys/datagrams.h"

namespace nxgate::forward {

class UdpPort;

/// The buffers are used between two turns of the loop only. One thread.
struct SocketResources {
  explicit SocketResources(boost::asio::io_context& io_context)
      : loop(io_context), alarms(io_context) {}

  boost::asio::io_context& loop;
  Alarms alarms;
  Entropy entropy;
  sys::Datagrams received;
  std::array<std::uint8_t, std::size_t{1} << 16> received_stream;
  /// Those that have queries to send when this turn of the loop ends.
  std::vector<std::shared_ptr<UdpPort>> unsent;
  /// How many UDP ports are open.
  std::shared_ptr<std::size_t> ports = std::make_shared<std::size_t>(0);
  /// How many TCP connections are open; it also tells those who outlive us that we are gone.
  std::shared_ptr<std::size_t> connections = std::make_shared<std::size_t>(0);
};

}  // namespace nxgate::forward
