#include "fold/ir/model_file.h"

#include <memory>
#include <utility>

#include "fold/ir/external_data.h"
#include "fold/ir/file.h"
#include "fold/ir/functions.h"
#include "fold/ir/proto_file.h"
#include "fold/ir/skeleton.h"
#include "fold/ir/status_macros.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

// `external` is null where there is no folder to look in.
absl::StatusOr<LoadedModel> Load(const std::shared_ptr<const ByteSource>& source, uint64_t size,
                                 const std::shared_ptr<ExternalFiles>& external,
                                 const LoadOptions& options) {
  const int64_t max_memory = MemoryLimit(size, options.max_memory);
  DSPERSE_ASSIGN_OR_RETURN(SkeletonModel read, ReadModelProto(source, size, max_memory));
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
  InlineLimits limits;
  limits.max_nodes = options.max_nodes;
  limits.max_bytes = max_memory / 8;  // messages take several times their size
  DSPERSE_RETURN_IF_ERROR(InlineFunctions(source->name(), limits, read.model.get()));

  std::vector<std::string> notes;
  DSPERSE_ASSIGN_OR_RETURN(Graph graph, Graph::Import(std::move(read.model), read.payloads,
                                                      source->name(), &notes));
  LoadedModel loaded{std::move(graph), {std::string(source->name())}, 0, std::move(notes)};
  loaded.file_bytes = static_cast<int64_t>(size);
  if (external != nullptr) {
    loaded.files.insert(loaded.files.end(), external->paths().begin(), external->paths().end());
    loaded.file_bytes += static_cast<int64_t>(external->total_bytes());
  }
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
