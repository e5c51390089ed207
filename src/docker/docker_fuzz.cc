// Any text as an answer of the engine: never a crash, and nothing that breaks a promise.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "docker/container_reader.h"
#include "docker/event.h"
#include "docker/excerpt.h"
#include "docker/swarm_reader.h"

namespace {

using namespace nxgate::docker;

void check(bool promise) {
  if (!promise) std::abort();
}

void check(const Container& container) {
  check(container.id.size() == 64);
  check(container.running || container.pid == 0);
  for (const auto& [key, value] : container.labels) check(value.size() <= kLongestKeptText);
  for (const Membership& membership : container.networks) {
    check(!container.inspected || !membership.names.empty());
  }
}

/// Whether all of it was taken, in pieces of so many octets.
template <class Reader>
bool write(Reader& reader, std::string_view text, std::size_t piece) {
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    if (!reader.write(text.substr(0, piece))) return false;
  }
  return true;
}

std::optional<Container> inspected(std::string_view text, std::size_t piece) {
  InspectReader reader({"a", "nxgate.policy"});
  if (!write(reader, text, piece)) return std::nullopt;
  auto container = reader.finish();
  if (!container) {
    check(!container.error().message.empty());
    return std::nullopt;
  }
  check(*container);
  return *container;
}

ContainerList listed(std::string_view text, std::size_t piece) {
  ListReader reader({"a", "nxgate.policy"});
  if (write(reader, text, piece)) (void)reader.finish();
  ContainerList list = reader.take();
  for (const Container& container : list.containers) check(container);
  for (const OddEntry& odd : list.odd) check(!odd.why.empty() && odd.id.size() <= 64);
  return list;
}

std::size_t events(std::string_view text, std::size_t piece) {
  std::size_t count = 0;
  EventReader reader(
      [&](const Event& event) {
        ++count;
        check(event.type != "container" || event.container.size() == 64);
      },
      [](const nxgate::Error& error) { check(!error.message.empty()); });
  check(write(reader, text, piece));
  return count;
}

/// Whether it was understood, and how much of it there is.
template <class Reader, class Size>
std::size_t read(std::string_view text, std::size_t piece, Size size) {
  Reader reader;
  if (!write(reader, text, piece)) return 0;
  const auto seen = reader.finish();
  if (!seen) check(!seen.error().message.empty());
  return seen ? size(*seen) + 1 : 0;
}

std::size_t network(std::string_view text, std::size_t piece) {
  return read<NetworkReader>(text, piece, [](const NetworkSeen& seen) {
    std::size_t size = 0;
    for (const auto& [name, service] : seen.services) size += service.tasks.size() + 1;
    return size;
  });
}

std::size_t services(std::string_view text, std::size_t piece) {
  return read<ServicesReader>(text, piece, [](const ServiceAliases& all) { return all.size(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t piece = size % 13 + 1;
  check(inspected(text, size + 1) == inspected(text, piece));
  const ContainerList whole = listed(text, size + 1);
  const ContainerList pieces = listed(text, piece);
  check(whole.containers == pieces.containers && whole.odd == pieces.odd);
  check(network(text, size + 1) == network(text, piece));
  check(services(text, size + 1) == services(text, piece));
  check(events(text, size + 1) == events(text, piece));
  return 0;
}
