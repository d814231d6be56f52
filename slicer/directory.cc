#include "slicer/directory.h"

#include <deque>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/file.h"
#include "fold/ir/model_file.h"
#include "fold/ir/proto_file.h"
#include "fold/ir/status_macros.h"
#include "slicer/install.h"
#include "slicer/jobs.h"
#include "slicer/temporary_directory.h"

namespace dsperse {
namespace {

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
  DSPERSE_ASSIGN_OR_RETURN(const std::filesystem::path target, InstallPath(path));
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
  DSPERSE_ASSIGN_OR_RETURN(const Leftovers old, Install(*fresh, target, {options.force, options.fsync}));
  out.kept_circuits = old.kept;
  out.lost = old.lost;
  out.lost.insert(out.lost.end(), old.foreign.begin(), old.foreign.end());
  return out;
}

}  // namespace dsperse
