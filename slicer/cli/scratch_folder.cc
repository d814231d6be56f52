#include "slicer/cli/scratch_folder.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "slicer/cli/exit_code.h"

namespace dsperse {
namespace {

// Read by a signal handler: fixed room, complete before the flag is set.
char g_path[4096];
volatile std::sig_atomic_t g_exists = 0;

// What getdents64 fills in (linux/dirent.h).
struct DirectoryEntry {
  uint64_t inode;
  int64_t next;
  uint16_t length;
  uint8_t type;
  char name[1];
};

// Unlinks what the open folder holds. readdir allocates, so the system call itself.
void Empty(int folder, int depth) {
  constexpr int kDeepest = 16;
  alignas(DirectoryEntry) char buffer[2048];
  if (depth > kDeepest) return;
  // Entries that are gone shift the others: from the start again until nothing goes.
  for (bool removed = true; removed;) {
    removed = false;
    lseek(folder, 0, SEEK_SET);
    for (long bytes; (bytes = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) > 0;) {
      for (long at = 0; at < bytes;) {
        const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
        at += entry->length;
        const char* name = entry->name;
        if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
        if (unlinkat(folder, name, 0) == 0) {
          removed = true;
          continue;
        }
        const int child = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child < 0) continue;
        Empty(child, depth + 1);
        close(child);
        if (unlinkat(folder, name, AT_REMOVEDIR) == 0) removed = true;
      }
    }
  }
}

}  // namespace

void CleanUpScratchFolder() {
  if (g_exists == 0) return;
  const int folder = open(g_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder >= 0) {
    Empty(folder, 0);
    close(folder);
  }
  rmdir(g_path);
}

absl::StatusOr<std::unique_ptr<ScratchFolder>> ScratchFolder::Create() {
  std::error_code error;
  const std::filesystem::path base = std::filesystem::temp_directory_path(error);
  if (error) {
    return OutputError(absl::UnavailableError(
        absl::StrCat("the folder for temporary files (TMPDIR) is missing: ", error.message())));
  }
  std::string path = (base / "dsperse-slice.XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    return OutputError(
        absl::UnavailableError(absl::StrCat(path, ": can't be made: ", std::strerror(errno))));
  }
  if (g_exists == 0 && path.size() < sizeof(g_path)) {
    std::memcpy(g_path, path.c_str(), path.size() + 1);
    g_exists = 1;
  }
  return std::make_unique<ScratchFolder>(std::move(path));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  if (path_ == g_path) g_exists = 0;
}

std::string ScratchFolder::File(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

}  // namespace dsperse
