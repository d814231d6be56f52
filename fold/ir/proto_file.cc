#include "fold/ir/proto_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/data_target.h"
#include "fold/ir/file.h"
#include "fold/ir/layout.h"
#include "fold/ir/parse_cost.h"
#include "fold/ir/skeleton.h"
#include "fold/ir/status_macros.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

// Readers can't take a protocol buffer of 2^31 bytes.
constexpr uint64_t kMaxModelBytes = (uint64_t{1} << 31) - 1;

// No byte of a protocol buffer takes more than this when it is parsed and imported.
constexpr int64_t kWorstFactor = 256;

constexpr size_t kMaxArenaBlock = size_t{1} << 20;

absl::Status CheckMemory(absl::string_view skeleton, absl::string_view name, int64_t max_memory) {
  const int64_t size = static_cast<int64_t>(skeleton.size());
  if (size <= max_memory / kWorstFactor) return absl::OkStatus();
  // The graph of our own takes about as much again as the messages do.
  const int64_t needed = size + 2 * CostOfModel(skeleton).memory;
  if (needed <= max_memory) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      name, ": may need ", needed, " bytes of memory, more than the ", max_memory, " allowed"));
}

}  // namespace

int64_t MemoryLimit(uint64_t size, int64_t wanted) {
  if (wanted > 0) return wanted;
  return static_cast<int64_t>(std::min(size, uint64_t{1} << 60) * 4 + (uint64_t{1} << 30));
}

absl::StatusOr<SkeletonModel> ParseSkeleton(absl::string_view skeleton,
                                            std::shared_ptr<PayloadTable> payloads,
                                            absl::string_view name, int64_t max_memory) {
  DSPERSE_RETURN_IF_ERROR(CheckMemory(skeleton, name, max_memory));
  SkeletonModel result;
  result.payloads = std::move(payloads);
  // An arena: a large model is tens of thousands of messages, and taking them down one by one would
  // cost more than parsing them.
  google::protobuf::ArenaOptions arena_options;
  // protobuf puts records at the end of a block and takes for granted that it is a multiple of their alignment.
  arena_options.start_block_size = std::clamp<size_t>((skeleton.size() + 7) & ~size_t{7}, 4096, kMaxArenaBlock);
  arena_options.max_block_size = kMaxArenaBlock;
  auto arena = std::make_shared<google::protobuf::Arena>(arena_options);
  auto* const model = google::protobuf::Arena::CreateMessage<onnx::ModelProto>(arena.get());
  result.model = std::shared_ptr<onnx::ModelProto>(std::move(arena), model);
  if (!model->ParseFromArray(skeleton.data(), static_cast<int>(skeleton.size()))) {
    if (CostOfModel(skeleton).nesting > kMaxNesting) {
      return absl::ResourceExhaustedError(absl::StrCat(name, ": nesting too deep: more than ",
                                                       kMaxNesting, " messages inside each other"));
    }
    return absl::InvalidArgumentError(absl::StrCat(name, ": malformed protocol buffer"));
  }
  if (!model->has_graph()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": holds no graph"));
  }
  return result;
}

absl::StatusOr<SkeletonModel> ReadModelProto(const std::shared_ptr<const ByteSource>& source,
                                             uint64_t size, int64_t max_memory) {
  auto payloads = std::make_shared<PayloadTable>();
  std::string skeleton;
  DSPERSE_RETURN_IF_ERROR(
      ReadSkeleton(source, size, static_cast<uint64_t>(max_memory), &skeleton, payloads.get()));
  return ParseSkeleton(skeleton, std::move(payloads), source->name(), max_memory);
}

absl::StatusOr<SavedModel> WriteSkeleton(absl::string_view skeleton, const PayloadTable& payloads,
                                         const std::string& path, const SaveOptions& options,
                                         ByteTap tap) {
  absl::StatusOr<FileLayout> layout = absl::InternalError("no layout");
  const std::string data_path = absl::StrCat(path, ".data");
  if (!options.external_data) {
    layout = FileLayout::Inline(skeleton, payloads);
    if (!layout.ok()) return layout.status();
  }
  if (options.external_data || layout->model_bytes() > kMaxModelBytes) {
    if (options.forbid_external) {
      return absl::ResourceExhaustedError(absl::StrCat(
          path, ": needs ", layout.ok() ? layout->model_bytes() : 0, " bytes, more than the ",
          kMaxModelBytes, " of a model without external data"));
    }
    const size_t slash = data_path.rfind('/');
    layout = FileLayout::External(
        skeleton, payloads, slash == std::string::npos ? data_path : data_path.substr(slash + 1));
    if (!layout.ok()) return layout.status();
    if (layout->model_bytes() > kMaxModelBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(path, ": needs ", layout->model_bytes(),
                                                       " bytes besides the weights, more than the ",
                                                       kMaxModelBytes, " of a model"));
    }
  }
  // Both files are complete before either takes its name; the data goes first, so that a new model
  // never stands beside missing data.
  SavedModel saved;
  std::unique_ptr<OutputFile> data;
  if (layout->data_bytes() > 0) {
    DSPERSE_RETURN_IF_ERROR(CheckDataTarget(path, data_path, payloads));
    DSPERSE_ASSIGN_OR_RETURN(data, OutputFile::Create(data_path, layout->data_bytes()));
  }
  DSPERSE_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> model,
                           OutputFile::Create(path, layout->model_bytes(), std::move(tap)));
  if (data != nullptr) {
    DSPERSE_RETURN_IF_ERROR(layout->WriteData(data.get()));
    DSPERSE_RETURN_IF_ERROR(data->Finish(options.fsync));
  }
  DSPERSE_RETURN_IF_ERROR(layout->WriteModel(model.get()));
  DSPERSE_RETURN_IF_ERROR(model->Finish(options.fsync));
  if (data != nullptr) DSPERSE_RETURN_IF_ERROR(data->Commit(options.fsync));
  DSPERSE_RETURN_IF_ERROR(model->Commit(options.fsync));
  saved.files.push_back(path);
  if (data != nullptr) saved.files.push_back(data_path);
  saved.file_bytes = static_cast<int64_t>(layout->model_bytes() + layout->data_bytes());
  return saved;
}

absl::StatusOr<std::string> WriteSkeletonToBytes(absl::string_view skeleton,
                                                 const PayloadTable& payloads) {
  DSPERSE_ASSIGN_OR_RETURN(const FileLayout layout, FileLayout::Inline(skeleton, payloads));
  StringSink sink;
  sink.bytes().reserve(static_cast<size_t>(layout.model_bytes()));
  DSPERSE_RETURN_IF_ERROR(layout.WriteModel(&sink));
  return std::move(sink.bytes());
}

}  // namespace dsperse
