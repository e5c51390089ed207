#include "sys/socket_owner.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/bytes.h"
#include "sys/broker.h"
#include "sys/cpu_budget.h"
#include "sys/file.h"
#include "sys/netns.h"

namespace nxgate::sys {
namespace {

constexpr std::size_t kLargestName = 64;
constexpr int kPeerField = 2;
constexpr int kInodeField = 9;

/// As /proc/net/tcp has it: words of the machine's own order, in hexadecimal.
std::string table_form(Bytes address, std::uint16_t port) {
  std::string text;
  for (std::size_t i = 0; i < address.size(); i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, address.data() + i, sizeof word);
    text += fmt::format("{:08X}", word);
  }
  return fmt::format("{}:{:04X}", text, port);
}

/// The inode in the line of that peer; empty if there is none.
std::string inode_in(const char* table, const std::string& peer, CpuBudget& budget) {
  std::ifstream file(table);
  for (std::string line; !budget.over() && std::getline(file, line);) {
    if (line.find(peer) == std::string::npos) continue;
    std::istringstream words(line);
    std::string word;
    bool found = false;
    for (int field = 0; words >> word && field <= kInodeField; ++field) {
      if (field == kPeerField) found = word == peer;
      if (field == kInodeField && found && word != "0") return word;
    }
  }
  return {};
}

std::string inode_of(std::uint8_t protocol, const Endpoint& peer, CpuBudget& budget) {
  const bool tcp = protocol == IPPROTO_TCP;
  const Bytes address = peer.address.bytes();
  std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (peer.address.is_v4()) {
    std::memcpy(mapped.data() + 12, address.data(), address.size());
    // thread-self, since the other threads are elsewhere.
    const std::string inode =
        inode_in(tcp ? "/proc/thread-self/net/tcp" : "/proc/thread-self/net/udp",
                 table_form(address, peer.port), budget);
    if (!inode.empty()) return inode;
  } else {
    std::memcpy(mapped.data(), address.data(), address.size());
  }
  return inode_in(tcp ? "/proc/thread-self/net/tcp6" : "/proc/thread-self/net/udp6",
                  table_form(mapped, peer.port), budget);
}

bool holds(const std::filesystem::path& process, const std::string& link, CpuBudget& budget) {
  std::error_code error;
  std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator at(process / "fd", error);
       !error && at != end && !budget.over(); at.increment(error)) {
    const auto& descriptor = *at;
    const auto target = std::filesystem::read_symlink(descriptor, error);
    if (error) error.clear();  // closed meanwhile
    if (target == link) return true;
  }
  return false;
}

}  // namespace

std::optional<ProcessSeen> find_by_peer(const NetnsRef& netns, std::uint8_t protocol,
                                        const Endpoint& peer) {
  if (const Broker* const broker = Broker::active()) {
    return broker->find_by_peer(netns, protocol, peer);
  }
  CpuBudget budget(kLongestSearch);
  const auto given_up = [&budget] {
    return budget.over() ? std::optional(ProcessSeen()) : std::nullopt;
  };
  std::string inode;
  (void)in_netns(netns, [&] { inode = inode_of(protocol, peer, budget); });
  if (inode.empty()) return given_up();
  const std::string link = fmt::format("socket:[{}]", inode);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    if (budget.over()) break;
    const std::string text = entry.path().filename();
    ProcessSeen seen;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seen.pid);
    if (wrong != std::errc{} || end != text.data() + text.size() ||
        !holds(entry.path(), link, budget)) {
      continue;
    }
    seen.name = read_file(entry.path() / "comm", kLargestName).value_or("");
    if (seen.name.ends_with('\n')) seen.name.pop_back();
    return seen;
  }
  return given_up();
}

}  // namespace nxgate::sys
