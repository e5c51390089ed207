#include "sandbox/own_files.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mount.h>
#include <unistd.h>

#include "sandbox/hidden_sockets.h"
#include "sandbox/step.h"
#include "sys/descriptor.h"
#include "sys/file.h"

namespace nxgate::sandbox {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargestFile = 1UL << 20;
/// While files are prepared; then /proc is mounted there.
const std::string kRoom = "/proc";

/// Of a file that is going to be bound over.
struct Replaced {
  fs::path at;  ///< without links
  std::string text;
};

/// False with an errno.
bool write(const fs::path& path, std::string_view text) {
  const sys::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

Done put_over(const fs::path& from, const fs::path& over) {
  if (::mount(from.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) == 0) return {};
  return failed(fmt::format("mount over {}", over.string()));
}

/// A socket as it is now, to be put back where all around it is hidden.
class KeptSocket {
 public:
  explicit KeptSocket(const std::string& path) {
    const auto found = without_links(path);
    if (!found) return;
    path_ = *found;
    tree_ = sys::Descriptor(
        ::open_tree(AT_FDCWD, path_.c_str(), OPEN_TREE_CLONE | static_cast<unsigned>(O_CLOEXEC)));
  }

  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

  Done put_back() const {
    if (path_.empty()) return {};
    if (!tree_) return failed("keep the socket " + path_.string());
    std::error_code error;
    if (!fs::exists(path_, error) && !write(path_, ""))
      return failed("place the socket " + path_.string());
    if (::move_mount(tree_.get(), "", AT_FDCWD, path_.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      return failed("mount the socket " + path_.string());
    }
    return {};
  }

 private:
  fs::path path_;
  sys::Descriptor tree_;
};

Done hide(const Hidden& hidden, const std::vector<std::string>& paths) {
  std::vector<KeptSocket> kept;
  for (const std::string& path : paths) kept.emplace_back(path);
  for (const fs::path& path : hidden.sockets) {
    std::error_code error;
    const bool stays =
        std::ranges::any_of(kept, [&](const KeptSocket& each) { return each.path() == path; });
    if (stays || !fs::exists(path, error)) continue;
    if (auto done = put_over(kRoom + "/nothing", path); !done) return done;
  }
  for (const fs::path& path : hidden.directories) {
    std::error_code error;
    if (!fs::exists(path, error)) continue;  // in one that is hidden by now
    if (::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=16m") != 0) {
      return failed(fmt::format("hide {}", path.string()));
    }
  }
  for (const KeptSocket& each : kept) {
    if (auto done = each.put_back(); !done) return done;
  }
  return {};
}

/// What is to stand in place of a file; nothing if there is no such file.
std::optional<Replaced> replaced(const char* path, std::string text) {
  auto at = without_links(path);
  if (!at) return std::nullopt;
  return Replaced{*std::move(at), std::move(text)};
}

Done replace(const Replaced& file) {
  const fs::path ours = fs::path(kRoom) / file.at.filename();
  if (!write(ours, file.text)) return failed("write " + ours.string());
  std::error_code error;
  if (fs::exists(file.at, error)) return put_over(ours, file.at);
  // It was in a directory that is hidden.
  fs::create_directories(file.at.parent_path(), error);
  if (!write(file.at, file.text)) return failed("write " + file.at.string());
  return {};
}

}  // namespace

std::string with_plain_hosts(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find_first_not_of(" \t");
    const bool is_hosts =
        first != std::string::npos && std::string_view(line).substr(first).starts_with("hosts:");
    result += is_hosts ? "hosts: files dns" : line;
    result += '\n';
  }
  return result;
}

Done make_own_files(const Hidden& hidden, const std::vector<std::string>& kept) {
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failed("keep mounts to itself");
  }
  const auto resolv_conf = replaced(
      "/etc/resolv.conf",
      fmt::format("# nxgate run\nnameserver {}\noptions timeout:5 attempts:2\n", kNameServer));
  if (!resolv_conf) return failed("find /etc/resolv.conf");
  const auto nsswitch =
      replaced("/etc/nsswitch.conf",
               with_plain_hosts(sys::read_file("/etc/nsswitch.conf", kLargestFile).value_or("")));
  // Not a file system of the host that would have to be found, and left clean.
  if (::mount("tmpfs", kRoom.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=4m") != 0) {
    return failed("mount a file system of its own");
  }
  if (!write(kRoom + "/nothing", "")) return failed("write a file");
  std::error_code gone;
  const fs::path here = fs::current_path(gone);
  if (auto done = hide(hidden, kept); !done) return done;
  // Or it would be below a cover that was put over its directory.
  if (!gone && ::chdir(here.c_str()) != 0) return failed("enter " + here.string());
  if (auto done = replace(*resolv_conf); !done) return done;
  if (nsswitch) {
    if (auto done = replace(*nsswitch); !done) return done;
  }
  if (::umount2(kRoom.c_str(), MNT_DETACH) != 0) return failed("unmount a file system");
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return failed("mount /proc");
  }
  return {};
}

Done allow_no_mounts() {
  const sys::Descriptor most(::open("/proc/sys/user/max_mnt_namespaces", O_WRONLY | O_CLOEXEC));
  if (most && ::write(most.get(), "0", 1) == 1) return {};
  return failed("forbid mount namespaces");
}

}  // namespace nxgate::sandbox
