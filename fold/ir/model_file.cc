#include "fold/ir/model_file.h"

#include <cstring>
#include <memory>
#include <utility>

#include "fold/ir/external_data.h"
#include "fold/ir/file.h"
#include "fold/ir/functions.h"
#include "fold/ir/graph_rep.h"
#include "fold/ir/proto_file.h"
#include "fold/ir/skeleton.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/wire.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

// Has the model functions to be inlined, external data to be found, or graphs for training? Then it
// is worked on as a message before it becomes a graph.
bool NeedsProtos(absl::string_view skeleton) {
  WireReader reader(skeleton);
  WireField field;
  while (reader.Next(&field)) {
    if (field.number == onnx::ModelProto::kFunctionsFieldNumber ||
        field.number == onnx::ModelProto::kTrainingInfoFieldNumber) {
      return true;
    }
  }
  // External data is named by the key "location"; a model that has the word elsewhere only takes
  // longer.
  constexpr absl::string_view kLocation = "location";
  return memmem(skeleton.data(), skeleton.size(), kLocation.data(), kLocation.size()) != nullptr;
}

// `external` is null where there is no folder to look in.
absl::StatusOr<LoadedModel> Load(const std::shared_ptr<const ByteSource>& source, uint64_t size,
                                 const std::shared_ptr<ExternalFiles>& external,
                                 const LoadOptions& options) {
  const int64_t max_memory = MemoryLimit(size, options.max_memory);
  auto payloads = std::make_shared<PayloadTable>();
  std::string skeleton;
  DSPERSE_RETURN_IF_ERROR(
      ReadSkeleton(source, size, static_cast<uint64_t>(max_memory), &skeleton, payloads.get()));
  std::vector<std::string> notes;
  absl::StatusOr<Graph> imported = absl::InternalError("not imported");
  if (NeedsProtos(skeleton)) {
    DSPERSE_ASSIGN_OR_RETURN(SkeletonModel read, ParseSkeleton(skeleton, std::move(payloads),
                                                               source->name(), max_memory));
    std::string().swap(skeleton);
    if (external != nullptr) {
      read.payloads->open_external =
          [external](absl::string_view location,
                     uint64_t* file_size) -> absl::StatusOr<std::shared_ptr<const ByteSource>> {
        DSPERSE_ASSIGN_OR_RETURN(std::shared_ptr<const InputFile> file, external->Open(location));
        *file_size = file->size();
        return file;
      };
    }
    DSPERSE_RETURN_IF_ERROR(
        ResolveExternalData(source->name(), read.model.get(), read.payloads.get()));
    if (external != nullptr) {
      for (const SourceFile& file : external->opened()) read.payloads->external_files.push_back(file.path);
    }
    InlineLimits limits;
    limits.max_nodes = options.max_nodes;
    limits.max_bytes = max_memory / 8;  // messages take several times their size
    DSPERSE_RETURN_IF_ERROR(InlineFunctions(source->name(), limits, read.model.get()));
    imported = Graph::Import(std::move(read.model), read.payloads, source->name(), &notes);
  } else {
    imported =
        ImportBytes(std::move(skeleton), std::move(payloads), source->name(), &notes, max_memory);
  }
  if (!imported.ok()) return imported.status();
  LoadedModel loaded{*std::move(imported), {{std::string(source->name()), source, size}}, 0, std::move(notes)};
  if (external != nullptr) {
    loaded.files.insert(loaded.files.end(), external->opened().begin(), external->opened().end());
  }
  for (const SourceFile& file : loaded.files) loaded.file_bytes += static_cast<int64_t>(file.bytes);
  return loaded;
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const std::string& path, const LoadOptions& options) {
  DSPERSE_ASSIGN_OR_RETURN(const std::shared_ptr<const InputFile> file, InputFile::Open(path));
  return Load(file, file->size(), std::make_shared<ExternalFiles>(path), options);
}

absl::StatusOr<LoadedModel> LoadModelFromBytes(std::string bytes, absl::string_view name,
                                               const LoadOptions& options) {
  const auto file = std::make_shared<const MemoryFile>(std::move(bytes), name);
  return Load(file, file->size(), nullptr, options);
}

absl::StatusOr<SavedModel> SaveModel(const Graph& graph, const std::string& path,
                                     const SaveOptions& options) {
  PayloadTable payloads;
  DSPERSE_ASSIGN_OR_RETURN(const std::string skeleton,
                           graph.ExportBytes(&payloads, static_cast<int64_t>(kMinPayload)));
  return WriteSkeleton(skeleton, payloads, path, options);
}

absl::StatusOr<std::string> SaveModelToBytes(const Graph& graph) {
  PayloadTable payloads;
  DSPERSE_ASSIGN_OR_RETURN(const std::string skeleton,
                           graph.ExportBytes(&payloads, static_cast<int64_t>(kMinPayload)));
  return WriteSkeletonToBytes(skeleton, payloads);
}

}  // namespace dsperse
