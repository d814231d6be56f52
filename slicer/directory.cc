#include "slicer/directory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/ir/model_file.h"
#include "fold/ir/proto_file.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kMetadataFile = "metadata.msgpack";

absl::Status FileError(absl::string_view path, absl::string_view what, const std::error_code& error) {
  const std::string text = absl::StrCat(path, ": ", what, ": ", error.message());
  if (error == std::errc::no_space_on_device) return absl::ResourceExhaustedError(text);
  if (error == std::errc::permission_denied || error == std::errc::read_only_file_system) {
    return absl::PermissionDeniedError(text);
  }
  return absl::UnavailableError(text);
}

std::error_code LastError() { return std::error_code(errno, std::generic_category()); }

// The files of the temporary directory, as a signal handler may unlink them: fixed room, no
// allocation. Paths beyond it are cleaned up by the destructor only.
struct CleanUpList {
  static constexpr int kPaths = 4096;
  char* paths[kPaths] = {};
  volatile int count = 0;
};
CleanUpList g_clean_up;

// A directory of our own beside the target; removed with everything in it unless released.
class TemporaryDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryDirectory>> Create(const fs::path& target) {
    const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) return FileError(parent.string(), "can't be made", error);
    std::string name = (parent / absl::StrCat(".", target.filename().string(), ".XXXXXX")).string();
    if (mkdtemp(name.data()) == nullptr) return FileError(name, "can't be made", LastError());
    auto out = std::make_unique<TemporaryDirectory>(name);
    out->Remember(name);
    // mkdtemp gives 0700; the result should be readable like any other folder.
    fs::permissions(name, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                              fs::perms::others_read | fs::perms::others_exec,
                    error);
    return out;
  }
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    g_clean_up.count = 0;
    for (char*& p : g_clean_up.paths) {
      delete[] p;
      p = nullptr;
    }
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const fs::path path() const { return path_; }

  // Makes the folders on the way to `relative` and returns the full path.
  absl::StatusOr<std::string> Place(absl::string_view relative) {
    const fs::path full = fs::path(path_) / std::string(relative);
    fs::path folder(path_);
    for (const fs::path& part : fs::path(std::string(relative)).parent_path()) {
      folder /= part;
      std::error_code error;
      if (fs::create_directory(folder, error)) Remember(folder.string());
      if (error) return FileError(folder.string(), "can't be made", error);
    }
    Remember(full.string());
    return full.string();
  }

 private:
  static void Remember(const std::string& path) {
    if (g_clean_up.count >= CleanUpList::kPaths) return;
    char* copy = new char[path.size() + 1];
    std::memcpy(copy, path.c_str(), path.size() + 1);
    g_clean_up.paths[g_clean_up.count] = copy;
    g_clean_up.count = g_clean_up.count + 1;
  }

  std::string path_;
};

absl::Status WriteText(const std::string& path, absl::string_view content) {
  std::ofstream out(path, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) return FileError(path, "can't be written", LastError());
  return absl::OkStatus();
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

// Circuits of the old directory: which slices of the new one may have them.
struct Circuits {
  std::vector<std::string> kept, lost;  // "slice_3"
};

absl::StatusOr<Circuits> CompareCircuits(const fs::path& old_directory, const fs::path& fresh) {
  Circuits out;
  std::error_code error;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(old_directory, error)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    if (!fs::is_directory(entry / "jstprove", error)) continue;
    const std::string name = entry.filename().string();
    const fs::path file = fs::path(name) / "payload" / (name + ".onnx");
    DSPERSE_ASSIGN_OR_RETURN(const bool same, SameFiles(old_directory / file, fresh / file));
    (same ? out.kept : out.lost).push_back(name);
  }
  return out;
}

// Swaps two directories in one step where the kernel and file system can; else one after the other.
absl::Status Exchange(const fs::path& fresh, const fs::path& target) {
#ifdef SYS_renameat2
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
  if (syscall(SYS_renameat2, AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), kExchange) == 0) {
    return absl::OkStatus();
  }
#endif
  const fs::path aside = fresh.string() + ".old";
  std::error_code error;
  fs::rename(target, aside, error);
  if (error) return FileError(target.string(), "can't be moved aside", error);
  fs::rename(fresh, target, error);
  if (error) {
    std::error_code ignored;
    fs::rename(aside, target, ignored);
    return FileError(target.string(), "can't be replaced", error);
  }
  fs::rename(aside, fresh, error);
  return absl::OkStatus();
}

// What may be replaced: a slices directory or an empty one. False where nothing is there.
absl::StatusOr<bool> MayReplace(const fs::path& target) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(target, error);
  if (!fs::exists(status)) return false;
  if (!fs::is_directory(status)) {
    return absl::InvalidArgumentError(absl::StrCat(target.string(), ": exists and is no directory"));
  }
  if (fs::exists(target / std::string(kMetadataFile), error) || fs::is_empty(target, error)) return true;
  return absl::InvalidArgumentError(
      absl::StrCat(target.string(), ": holds other files than slices (no ", kMetadataFile,
                   "); only a slices directory is replaced"));
}

}  // namespace

absl::StatusOr<WrittenDirectory> WriteDirectory(const Extractor& extractor, const Plan& plan,
                                                const Metadata& metadata, const std::string& path,
                                                const WriteOptions& options) {
  fs::path target = fs::path(path).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // a trailing slash
  DSPERSE_ASSIGN_OR_RETURN(const bool exists, MayReplace(target));
  DSPERSE_ASSIGN_OR_RETURN(const std::unique_ptr<TemporaryDirectory> fresh,
                           TemporaryDirectory::Create(target));
  WrittenDirectory out;
  SaveOptions save;
  save.forbid_external = true;
  save.fsync = options.fsync;
  auto write_model = [&](absl::string_view skeleton, const std::string& relative) -> absl::Status {
    DSPERSE_ASSIGN_OR_RETURN(const std::string full, fresh->Place(relative));
    DSPERSE_ASSIGN_OR_RETURN(const SavedModel saved,
                             WriteSkeleton(skeleton, extractor.payloads(), full, save));
    out.files.push_back(relative);
    out.bytes += saved.file_bytes;
    return absl::OkStatus();
  };
  auto write_text = [&](const std::string& relative, absl::string_view content) -> absl::Status {
    DSPERSE_ASSIGN_OR_RETURN(const std::string full, fresh->Place(relative));
    DSPERSE_RETURN_IF_ERROR(WriteText(full, content));
    out.files.push_back(relative);
    out.bytes += static_cast<int64_t>(content.size());
    return absl::OkStatus();
  };
  DSPERSE_RETURN_IF_ERROR(write_model(extractor.whole(), "model.onnx"));
  for (size_t i = 0; i < plan.slices.size() && !options.lazy; ++i) {
    DSPERSE_ASSIGN_OR_RETURN(const std::string skeleton, extractor.Extract(static_cast<int>(i)));
    DSPERSE_RETURN_IF_ERROR(write_model(skeleton, SlicePath(static_cast<int>(i))));
  }
  for (const auto& [name, content] : options.files) {
    DSPERSE_RETURN_IF_ERROR(write_text(name, content));
  }
  DSPERSE_RETURN_IF_ERROR(write_text(std::string(kMetadataFile), EncodeMetadata(metadata)));
  std::error_code error;
  if (!exists) {
    fs::rename(fresh->path(), target, error);
    if (error) return FileError(target.string(), "can't be put in place", error);
    return out;
  }
  DSPERSE_ASSIGN_OR_RETURN(const Circuits circuits, CompareCircuits(target, fresh->path()));
  if (!circuits.lost.empty() && !options.force) {
    return absl::FailedPreconditionError(
        absl::StrCat(target.string(), ": holds compiled circuits of slices that change (",
                     absl::StrJoin(circuits.lost, ", "), "); --force gives them up"));
  }
  for (const std::string& name : circuits.kept) {
    fs::copy(target / name / "jstprove", fresh->path() / name / "jstprove",
             fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
    if (error) return FileError((target / name).string(), "circuit can't be carried over", error);
  }
  DSPERSE_RETURN_IF_ERROR(Exchange(fresh->path(), target));
  out.kept_circuits = circuits.kept;
  out.lost_circuits = circuits.lost;
  return out;
}

void CleanUpTemporaryDirectory() {
  for (int i = g_clean_up.count - 1; i >= 0; --i) {
    if (unlink(g_clean_up.paths[i]) != 0) rmdir(g_clean_up.paths[i]);
  }
}

}  // namespace dsperse
