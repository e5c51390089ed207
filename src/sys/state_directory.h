// Files in a directory of the server's own user, which an attacker may control.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include "base/error.h"
#include "sys/descriptor.h"

namespace nxgate::sys {

/// The directory, below which no symbolic link is followed, whoever asks, so that root neither
/// reads nor writes what its owner points at. Only regular files count that have one name, and that
/// belong to root, to the owner of the directory, or to that of the directory in which they stand.
/// Names are relative to it and without `..`. Errors say what is wrong, without the path.
class StateDirectory {
 public:
  /// A file that is written beside the one in whose place it will be put.
  class Staged {
   public:
    Staged(Staged&&) noexcept = default;
    Staged& operator=(Staged&&) = delete;
    /// Takes it away again unless it was committed.
    ~Staged();
    /// Puts it in place at once: whoever opens the file sees the old text or the new one.
    [[nodiscard]] Result<void> commit();

   private:
    friend class StateDirectory;
    Staged(Descriptor directory, std::string name)
        : directory_(std::move(directory)), name_(std::move(name)) {}
    Descriptor directory_;
    std::string name_;  ///< empty once it is in place
  };

  explicit StateDirectory(std::string path) : path_(std::move(path)) {}

  /// The whole text; nothing if there is no such file, or no such directory. Anything else that
  /// keeps from reading it, or more than `largest` octets, is an error. Never waits.
  [[nodiscard]] Result<std::optional<std::string>> read(std::string_view name,
                                                        std::size_t largest) const;

  /// Writes the text out to the disk without touching the file yet; makes directories on the way,
  /// but for this one itself.
  [[nodiscard]] Result<Staged> stage(std::string_view name, std::string_view text) const;

  /// Both steps at once.
  [[nodiscard]] Result<void> replace(std::string_view name, std::string_view text) const;

  /// Gives the directory to another user, with what its owner had in it, so that a server that runs
  /// as somebody else from now on can go on. For root. What belongs to others stays theirs.
  [[nodiscard]] Result<void> give_to(uid_t user, gid_t group) const;

  /// Locks the directory against other servers as long as the descriptor is open, at most until
  /// this process ends; waits briefly for one that is stopping. The error names the holder. Nothing
  /// if the directory isn't writable, since no lock is needed then. The file `.lock` is given to
  /// the owner of the directory.
  [[nodiscard]] Result<std::optional<Descriptor>> lock() const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace nxgate::sys
