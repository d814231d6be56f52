#include "slicer/install.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/ir/status_macros.h"
#include "slicer/metadata.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

// What DSperse and we put into a slices directory, beside slice_0, slice_1, ….
constexpr absl::string_view kOwnFiles[] = {kMetadataFile, "model.onnx", "combined.onnx",
                                           "slices.json", kReceiptFile};

bool IsOwn(const std::string& name) {
  if (std::find(std::begin(kOwnFiles), std::end(kOwnFiles), name) != std::end(kOwnFiles)) return true;
  constexpr absl::string_view kSlice = "slice_";
  return absl::StartsWith(name, kSlice) && name.size() > kSlice.size() &&
         name.find_first_not_of("0123456789", kSlice.size()) == std::string::npos;
}

absl::StatusOr<bool> SameFiles(const fs::path& a, const fs::path& b) {
  std::error_code error;
  if (fs::file_size(a, error) != fs::file_size(b, error) || error) return false;
  std::ifstream x(a, std::ios::binary), y(b, std::ios::binary);
  std::string p(1 << 16, '\0'), q(1 << 16, '\0');
  while (x && y) {
    x.read(p.data(), static_cast<std::streamsize>(p.size()));
    y.read(q.data(), static_cast<std::streamsize>(q.size()));
    if (x.gcount() != y.gcount() ||
        std::memcmp(p.data(), q.data(), static_cast<size_t>(x.gcount())) != 0) {
      return false;
    }
  }
  return x.eof() && y.eof();
}

// What `old_directory` holds that `fresh` does not.
absl::StatusOr<Leftovers> Compare(const fs::path& old_directory, const fs::path& fresh) {
  Leftovers out;
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(old_directory, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(old_directory.string(), ": can't be read: ", error.message()));
  }
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    if (!IsOwn(name)) out.foreign.push_back(name);
    if (!fs::is_directory(entry / "jstprove", error)) continue;
    const fs::path file = fs::path(name) / "payload" / (name + ".onnx");
    DSPERSE_ASSIGN_OR_RETURN(const bool same, SameFiles(old_directory / file, fresh / file));
    (same ? out.kept : out.lost).push_back(name);
  }
  return out;
}

// Circuits are large and never written to again: a second name for the same file will do.
absl::Status CarryOver(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy(from, to,
           fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::create_hard_links,
           error);
  if (!error) return absl::OkStatus();
  fs::remove_all(to, error);
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(from.string(), ": circuit can't be carried over: ", error.message()));
}

// Held while a directory is looked at and replaced: of two runs the second sees what the first left.
class ParentLock {
 public:
  explicit ParentLock(const fs::path& target)
      : fd_(open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    // Where the file system has no locks, the exchange itself is one step all the same.
    if (fd_ >= 0) flock(fd_, LOCK_EX);
  }
  ~ParentLock() {
    if (fd_ >= 0) close(fd_);
  }
  ParentLock(const ParentLock&) = delete;
  ParentLock& operator=(const ParentLock&) = delete;

  void Sync() const {
    if (fd_ >= 0) fsync(fd_);
  }

 private:
  const int fd_;
};

absl::Status SyncTree(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && syncfs(fd) == 0;
  const std::error_code error(errno, std::generic_category());
  if (fd >= 0) close(fd);
  if (done) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(directory, ": can't be synchronised: ", error.message()));
}

}  // namespace

absl::StatusOr<fs::path> InstallPath(const std::string& path) {
  std::error_code error;
  fs::path target = fs::absolute(path, error).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // a trailing slash
  if (error || path.empty() || !target.has_filename()) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' can't be a slices directory"));
  }
  if (fs::is_symlink(target, error)) {
    target = fs::weakly_canonical(target, error);
    if (error) return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.message()));
  }
  return target;
}

absl::StatusOr<bool> MayReplace(const fs::path& target) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(target, error);
  if (!fs::exists(status)) return false;
  if (!fs::is_directory(status)) {
    return absl::InvalidArgumentError(absl::StrCat(target.string(), ": exists and is no directory"));
  }
  if (fs::equivalent(target, fs::current_path(error), error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(target.string(), ": is the current directory, which can't be replaced"));
  }
  if (fs::is_empty(target, error)) return true;
  std::ifstream in(target / kMetadataFile, std::ios::binary);
  if (!in) {
    return absl::InvalidArgumentError(
        absl::StrCat(target.string(), ": holds other files than slices (no ", kMetadataFile,
                     "); only a slices directory is replaced"));
  }
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (const auto metadata = DecodeMetadata(bytes.str()); !metadata.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(target.string(), ": its ", kMetadataFile, " is not that of slices (",
                     metadata.status().message(), "); only a slices directory is replaced"));
  }
  return true;
}

absl::StatusOr<Leftovers> Install(TemporaryDirectory& fresh, const fs::path& target, const InstallOptions& options) {
  const ParentLock lock(target);
  DSPERSE_ASSIGN_OR_RETURN(const bool exists, MayReplace(target));
  if (options.fsync) DSPERSE_RETURN_IF_ERROR(SyncTree(fresh.path()));
  if (!exists) {
    DSPERSE_RETURN_IF_ERROR(fresh.MoveTo(target.string()));
    if (options.fsync) lock.Sync();
    return Leftovers();
  }
  DSPERSE_ASSIGN_OR_RETURN(const Leftovers old, Compare(target, fresh.path()));
  if (!options.force && !old.lost.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(target.string(), ": holds compiled circuits of slices that change (",
                     absl::StrJoin(old.lost, ", "), "); --force gives them up"));
  }
  if (!options.force && !old.foreign.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(target.string(), ": holds what is no part of a slices directory (",
                     absl::StrJoin(old.foreign, ", "), "); --force gives it up"));
  }
  for (const std::string& name : old.kept) {
    DSPERSE_RETURN_IF_ERROR(
        CarryOver(target / name / "jstprove", fs::path(fresh.path()) / name / "jstprove"));
  }
  struct stat present;
  if (stat(target.c_str(), &present) == 0) chmod(fresh.path().c_str(), present.st_mode & 07777);
  DSPERSE_RETURN_IF_ERROR(fresh.ExchangeWith(target.string()));
  if (options.fsync) lock.Sync();
  return old;
}

}  // namespace dsperse
