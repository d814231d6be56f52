#include "slicer/temporary_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "fold/ir/signals_held.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

absl::Status FileError(absl::string_view path, absl::string_view what, int error) {
  const std::string text =
      absl::StrCat(path, ": ", what, ": ", std::generic_category().message(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case EEXIST:
    case ENOTEMPTY:
      return absl::AlreadyExistsError(text);
    case ENOENT:
      return absl::NotFoundError(text);
    default:
      return absl::UnavailableError(text);
  }
}

constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE
constexpr unsigned kExchange = 2;   // RENAME_EXCHANGE

// renameat2, which older C libraries don't declare. ENOSYS where the system has none.
int Rename(const char* from, const char* to, unsigned flags) {
#ifdef SYS_renameat2
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
#else
  errno = ENOSYS;
  return -1;
#endif
}

// Kernel or file system don't know the flag.
bool Unknown(int error) { return error == ENOSYS || error == EINVAL; }

// Renames a directory to a name that nothing has. rename() itself would replace an empty directory.
int RenameToFree(const char* from, const char* to) {
  if (Rename(from, to, kNoReplace) == 0) return 0;
  if (!Unknown(errno)) return -1;
  if (access(to, F_OK) == 0) {
    errno = EEXIST;
    return -1;
  }
  return rename(from, to);
}

// ---- Removing a tree, with nothing but system calls: a signal handler may do it. ----

// Where getdents64 puts what in an entry: struct linux_dirent64, which no header declares.
constexpr long kLengthAt = 16;
constexpr long kTypeAt = 18;
constexpr long kNameAt = 19;

constexpr int kDeepest = 32;

// Removes everything in the folder `fd`. True if anything was.
bool Empty(int fd, int depth) {
  char buffer[2048];
  bool removed = false;
  for (;;) {
    const long got = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (got <= 0) return removed;
    for (long at = 0; at < got;) {
      uint16_t length = 0;
      std::memcpy(&length, buffer + at + kLengthAt, sizeof length);
      const unsigned char type = static_cast<unsigned char>(buffer[at + kTypeAt]);
      const char* name = buffer + at + kNameAt;
      at += length;
      if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
      if (type != DT_DIR && unlinkat(fd, name, 0) == 0) {
        removed = true;
        continue;
      }
      const int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner < 0) continue;
      if (depth < kDeepest) {
        // Removing may disturb the listing: once more while something is found.
        while (Empty(inner, depth + 1)) lseek(inner, 0, SEEK_SET);
      }
      close(inner);
      if (unlinkat(fd, name, AT_REMOVEDIR) == 0) removed = true;
    }
  }
}

void RemoveTree(const char* path) {
  // A thread that still writes there may be quicker than one pass.
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (rmdir(path) == 0 || errno == ENOENT) return;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    Empty(fd, 0);
    close(fd);
  }
}

}  // namespace

// A directory that a signal handler may have to remove. Slots are used again, never freed, and in a list
// that only grows at its head, so the handler can walk it at any moment.
struct TemporaryDirectory::Slot {
  std::atomic<bool> taken{true};
  std::atomic<bool> exists{false};
  std::atomic<bool> aside{false};  // what was at `target` may be at `old`
  // Descriptors that removing needs, one a level of what slices hold, and one more: where they have run out, it
  // must still be possible.
  std::atomic<int> spare[4] = {-1, -1, -1, -1};
  char path[PATH_MAX] = {};
  char target[PATH_MAX] = {};
  char old[PATH_MAX] = {};
  Slot* next = nullptr;

  static std::atomic<Slot*> head;

  static Slot* Take() {
    for (Slot* slot = head.load(); slot != nullptr; slot = slot->next) {
      bool free = false;
      if (slot->taken.compare_exchange_strong(free, true)) return slot;
    }
    auto* slot = new Slot;
    slot->next = head.load();
    while (!head.compare_exchange_weak(slot->next, slot)) {
    }
    return slot;
  }

  // False, with errno, where there are none left.
  bool KeepSpares() {
    for (std::atomic<int>& fd : spare) {
      fd.store(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (fd.load() < 0) return false;
    }
    return true;
  }

  // Async-signal-safe.
  void Remove() {
    for (std::atomic<int>& fd : spare) {
      if (const int open = fd.exchange(-1); open >= 0) close(open);
    }
    if (aside.load()) {
      // The new one may have arrived, or not: then the old one takes its place again.
      if (RenameToFree(old, target) != 0) RemoveTree(old);
    }
    if (exists.load()) RemoveTree(path);
  }
};

std::atomic<TemporaryDirectory::Slot*> TemporaryDirectory::Slot::head{nullptr};

absl::StatusOr<std::unique_ptr<TemporaryDirectory>> TemporaryDirectory::Create(
    const std::string& target) {
  const fs::path place(target);
  const fs::path parent = place.has_parent_path() ? place.parent_path() : fs::path(".");
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) return FileError(parent.string(), "can't be made", error.value());
  static std::atomic<int> number{0};
  std::unique_ptr<TemporaryDirectory> out(new TemporaryDirectory);
  for (int attempt = 0;; ++attempt) {
    const std::string name =
        (parent / absl::StrCat(".", place.filename().string(), ".", getpid(), "-", ++number, ".tmp"))
            .string();
    if (name.size() + 8 > PATH_MAX) return FileError(name, "can't be made", ENAMETOOLONG);
    // From the moment it exists a handler knows of it.
    const SignalsHeld held;
    if (mkdir(name.c_str(), 0777) == 0) {
      out->path_ = name;
      out->slot_ = Slot::Take();
      std::memcpy(out->slot_->path, name.c_str(), name.size() + 1);
      out->slot_->exists.store(true);
      if (!out->slot_->KeepSpares()) return FileError(name, "can't be opened", errno);
      return out;
    }
    // Left by a process of the same number that was killed.
    if (errno != EEXIST || attempt == 1000) return FileError(name, "can't be made", errno);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  if (slot_ == nullptr) return;
  slot_->Remove();
  slot_->aside.store(false);
  slot_->exists.store(false);
  slot_->taken.store(false);
}

absl::StatusOr<std::string> TemporaryDirectory::Place(absl::string_view relative) const {
  const fs::path full = fs::path(path_) / std::string(relative);
  // One level after the other below this directory, which itself isn't made again: a handler may have removed it
  // while another thread is still at work.
  for (size_t end = relative.find('/'); end != absl::string_view::npos; end = relative.find('/', end + 1)) {
    const std::string folder = absl::StrCat(path_, "/", relative.substr(0, end));
    if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) return FileError(folder, "can't be made", errno);
  }
  return full.string();
}

absl::Status TemporaryDirectory::MoveTo(const std::string& target) {
  const SignalsHeld held;
  if (RenameToFree(path_.c_str(), target.c_str()) != 0) {
    return FileError(target, "can't be put in place", errno);
  }
  slot_->exists.store(false);
  return absl::OkStatus();
}

absl::Status TemporaryDirectory::ExchangeWith(const std::string& target) {
  if (Rename(path_.c_str(), target.c_str(), kExchange) == 0) return absl::OkStatus();
  if (!Unknown(errno)) return FileError(target, "can't be replaced", errno);
  return ExchangeByRenaming(target);
}

absl::Status TemporaryDirectory::ExchangeByRenaming(const std::string& target) {
  const std::string old = absl::StrCat(path_, ".old");
  if (old.size() >= PATH_MAX || target.size() >= PATH_MAX) {
    return FileError(target, "can't be replaced", ENAMETOOLONG);
  }
  std::memcpy(slot_->old, old.c_str(), old.size() + 1);
  std::memcpy(slot_->target, target.c_str(), target.size() + 1);
  const SignalsHeld held;
  if (RenameToFree(target.c_str(), old.c_str()) != 0) {
    return FileError(target, "can't be moved aside", errno);
  }
  slot_->aside.store(true);
  if (RenameToFree(path_.c_str(), target.c_str()) != 0) {
    const int error = errno;
    if (RenameToFree(old.c_str(), target.c_str()) == 0) slot_->aside.store(false);
    return FileError(target, "can't be replaced", error);
  }
  slot_->exists.store(false);  // what is to be removed is `old` now
  return absl::OkStatus();
}

void TemporaryDirectory::CleanUp() {
  for (Slot* slot = Slot::head.load(); slot != nullptr; slot = slot->next) slot->Remove();
}

}  // namespace dsperse
