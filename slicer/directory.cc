#include "slicer/directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <sstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/ir/file.h"
#include "fold/ir/model_file.h"
#include "fold/ir/proto_file.h"
#include "fold/ir/status_macros.h"
#include "slicer/jobs.h"
#include "slicer/temporary_directory.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

constexpr char kMetadataFile[] = "metadata.msgpack";
constexpr char kReceiptFile[] = "receipt.json";
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

// What a slices directory holds that the new one does not.
struct Leftovers {
  std::vector<std::string> kept;     // "slice_3": its circuit serves the new one too
  std::vector<std::string> lost;     // "slice_3": its circuit does not
  std::vector<std::string> foreign;  // files that are no part of a slices directory
};

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

// What may be replaced: a slices directory or an empty one. False where nothing is there.
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

// Where to write to: a full path, links followed.
absl::StatusOr<fs::path> FullPath(const std::string& path) {
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

// Puts the finished directory in its place.
absl::Status Install(TemporaryDirectory& fresh, const fs::path& target, const WriteOptions& options,
                     WrittenDirectory* out) {
  const ParentLock lock(target);
  DSPERSE_ASSIGN_OR_RETURN(const bool exists, MayReplace(target));
  if (options.fsync) DSPERSE_RETURN_IF_ERROR(SyncTree(fresh.path()));
  if (!exists) {
    DSPERSE_RETURN_IF_ERROR(fresh.MoveTo(target.string()));
    if (options.fsync) lock.Sync();
    return absl::OkStatus();
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
  out->kept_circuits = old.kept;
  out->lost = old.lost;
  out->lost.insert(out->lost.end(), old.foreign.begin(), old.foreign.end());
  return absl::OkStatus();
}

absl::Status WriteText(const std::string& path, absl::string_view content, ByteTap tap) {
  DSPERSE_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                           OutputFile::Create(path, content.size(), std::move(tap)));
  DSPERSE_RETURN_IF_ERROR(file->Append(content));
  DSPERSE_RETURN_IF_ERROR(file->Finish(/*fsync=*/false));
  return file->Commit(/*fsync=*/false);
}

constexpr int kWholeModel = -1;  // in the place of a slice's index

// Writes files on two threads, one file on each, which hashes it out of the buffer that it is written from. So the
// longest, model.onnx, is to come first.
class FileWriter {
 public:
  FileWriter(const TemporaryDirectory& directory, const Extractor& extractor, bool hash)
      : directory_(directory), extractor_(extractor), hash_(hash) {}

  void AddModel(int slice, const std::string& relative) {
    Add(relative, [this, slice](const std::string& path, const ByteTap& tap) -> absl::Status {
      SaveOptions save;
      save.forbid_external = true;
      std::string extracted;
      if (slice != kWholeModel) {
        const std::lock_guard<std::mutex> lock(extracting_);  // shapes are found as they are asked for
        DSPERSE_ASSIGN_OR_RETURN(extracted, extractor_.Extract(slice));
      }
      const absl::string_view skeleton = slice == kWholeModel ? extractor_.whole() : extracted;
      return WriteSkeleton(skeleton, extractor_.payloads(), path, save, tap).status();
    });
  }
  // `content` outlives the writer.
  void AddText(const std::string& relative, absl::string_view content) {
    Add(relative, [content](const std::string& path, const ByteTap& tap) {
      return WriteText(path, content, tap);
    });
  }
  // In the order added; hashes are empty where none are wanted.
  absl::StatusOr<std::vector<HashedFile>> Finish() {
    DSPERSE_RETURN_IF_ERROR(jobs_.Finish());
    return std::vector<HashedFile>(std::make_move_iterator(files_.begin()),
                                   std::make_move_iterator(files_.end()));
  }

 private:
  using Write = std::function<absl::Status(const std::string& path, const ByteTap& tap)>;

  void Add(const std::string& relative, Write write) {
    HashedFile* const file = &files_.emplace_back();  // a deque: stays where it is
    file->name = relative;
    jobs_.Add([this, file, write = std::move(write)] { return WriteAndHash(write, file); });
  }

  absl::Status WriteAndHash(const Write& write, HashedFile* file) {
    DSPERSE_ASSIGN_OR_RETURN(const std::string path, directory_.Place(file->name));
    Hasher hasher(kSlicesDigest);
    DSPERSE_RETURN_IF_ERROR(write(path, [&](absl::string_view bytes) {
      file->bytes += bytes.size();
      if (hash_) hasher.Update(bytes);
      return jobs_.GoOn();
    }));
    if (!hash_) return absl::OkStatus();
    DSPERSE_ASSIGN_OR_RETURN(file->hash, hasher.Finish());
    return absl::OkStatus();
  }

  const TemporaryDirectory& directory_;
  const Extractor& extractor_;
  const bool hash_;
  std::mutex extracting_;
  std::deque<HashedFile> files_;
  Jobs jobs_;  // last: its end waits for what uses the others
};

}  // namespace

absl::Status CheckModelSize(uint64_t bytes) {
  constexpr uint64_t kMost = (uint64_t{1} << 31) - 1;  // of a protocol buffer
  if (bytes <= kMost) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(
      "model.onnx would have ", bytes, " bytes, more than the ", kMost,
      " of a model without external data, which DSperse does not read: cut the model in two (onnx.utils."
      "extract_model) and slice each part, or store its weights in fewer bits"));
}

absl::Status CheckModelSize(const Graph& graph) {
  uint64_t bytes = 0;
  for (ValueId v : graph.Initializers(graph.main())) {
    if (const Tensor* tensor = graph.InitializerTensor(v)) {
      bytes += static_cast<uint64_t>(tensor->num_bytes());
    }
  }
  return CheckModelSize(bytes);
}

absl::StatusOr<WrittenDirectory> WriteDirectory(const Extractor& extractor, const Plan& plan,
                                                const Metadata& metadata, const std::string& path,
                                                const WriteOptions& options) {
  DSPERSE_ASSIGN_OR_RETURN(const fs::path target, FullPath(path));
  DSPERSE_RETURN_IF_ERROR(CheckModelSize(extractor.model_bytes()));
  // Before the work, and again at its end.
  DSPERSE_RETURN_IF_ERROR(MayReplace(target).status());
  DSPERSE_ASSIGN_OR_RETURN(const std::unique_ptr<TemporaryDirectory> fresh,
                           TemporaryDirectory::Create(target.string()));
  WrittenDirectory out;
  FileWriter writer(*fresh, extractor, /*hash=*/options.receipt != nullptr);
  writer.AddModel(kWholeModel, "model.onnx");
  for (size_t i = 0; i < plan.slices.size() && !options.lazy; ++i) {
    writer.AddModel(static_cast<int>(i), SlicePath(static_cast<int>(i)));
  }
  const std::string metadata_text = EncodeMetadata(metadata);
  for (const auto& [name, content] : options.files) writer.AddText(name, content);
  writer.AddText(kMetadataFile, metadata_text);
  DSPERSE_ASSIGN_OR_RETURN(std::vector<HashedFile> written, writer.Finish());
  std::string receipt_text;
  if (options.receipt != nullptr) {
    DSPERSE_ASSIGN_OR_RETURN(out.receipt, options.receipt());
    if (out.receipt->digest != kSlicesDigest) return absl::InternalError("the receipt is of another digest");
    out.receipt->outputs = written;
    receipt_text = ReceiptText(*out.receipt);
    DSPERSE_ASSIGN_OR_RETURN(const std::string full, fresh->Place(kReceiptFile));
    DSPERSE_RETURN_IF_ERROR(WriteText(full, receipt_text, nullptr));
    written.push_back({kReceiptFile, receipt_text.size(), ""});
  }
  for (HashedFile& file : written) {
    out.bytes += static_cast<int64_t>(file.bytes);
    out.files.push_back(std::move(file.name));
  }
  DSPERSE_RETURN_IF_ERROR(Install(*fresh, target, options, &out));
  return out;
}

}  // namespace dsperse
