#include "fold/ir/external_data.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fold/ir/skeleton.h"
#include "fold/ir/status_macros.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

// Beyond this many data files descriptors are not kept: a process has about 1,000.
constexpr size_t kMaxHeld = 64;

std::string RealPath(const std::string& path) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return "";
  std::string result = real;
  std::free(real);
  return result;
}

// Does the path, taken literally, stay below where it starts?
bool StaysInside(absl::string_view location) {
  int depth = 0;
  for (const absl::string_view part : absl::StrSplit(location, '/')) {
    if (part.empty() || part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return false;
  }
  return depth > 0;
}

}  // namespace

ExternalFiles::ExternalFiles(absl::string_view model_path) : folder_(FolderOf(model_path)) {}

absl::StatusOr<std::shared_ptr<const InputFile>> ExternalFiles::Open(absl::string_view location) {
  if (const auto it = files_.find(location); it != files_.end()) return it->second;
  const auto leaves = [&](absl::string_view how) {
    return absl::InvalidArgumentError(
        absl::StrCat("external data '", location, "' ", how, " the model's folder"));
  };
  if (absl::StartsWith(location, "/")) return leaves("is an absolute path, not one inside");
  if (!StaysInside(location) || absl::StrContains(location, '\0')) return leaves("is not inside");
  const std::string path = absl::StrCat(folder_, "/", location);
  const std::string real = RealPath(path);
  if (real.empty()) {
    return absl::NotFoundError(absl::StrCat("external data '", location, "' is missing (", path,
                                            ")"));
  }
  const std::string folder = RealPath(folder_);
  if (!absl::StartsWith(real, folder == "/" ? folder : absl::StrCat(folder, "/"))) {
    return leaves("is a symbolic link out of");
  }
  DSPERSE_ASSIGN_OR_RETURN(std::shared_ptr<const InputFile> file,
                           InputFile::Open(real, files_.size() < kMaxHeld));
  opened_.push_back({folder_ == "." ? std::string(location) : path, file, file->size()});
  files_.emplace(location, file);
  return file;
}

absl::Status ResolveExternalData(absl::string_view where, onnx::ModelProto* model,
                                 PayloadTable* payloads) {
  const auto resolve = [&](onnx::TensorProto* tensor) -> absl::Status {
    if (tensor->data_location() != onnx::TensorProto::EXTERNAL) return absl::OkStatus();
    const std::string at = tensor->name().empty()
                               ? absl::StrCat(where, ": tensor of an attribute")
                               : absl::StrCat(where, ": tensor '", tensor->name(), "'");
    DSPERSE_ASSIGN_OR_RETURN(const Tensor value, TensorFromProto(*tensor, *payloads, at));
    return TensorToProto(value, static_cast<int64_t>(kMinPayload), payloads, tensor);
  };
  const auto resolve_sparse = [&](onnx::SparseTensorProto* sparse) -> absl::Status {
    if (sparse->has_values()) DSPERSE_RETURN_IF_ERROR(resolve(sparse->mutable_values()));
    if (sparse->has_indices()) DSPERSE_RETURN_IF_ERROR(resolve(sparse->mutable_indices()));
    return absl::OkStatus();
  };
  std::vector<onnx::GraphProto*> graphs;
  const auto resolve_attribute = [&](onnx::AttributeProto* attribute) -> absl::Status {
    if (attribute->has_t()) DSPERSE_RETURN_IF_ERROR(resolve(attribute->mutable_t()));
    for (auto& t : *attribute->mutable_tensors()) DSPERSE_RETURN_IF_ERROR(resolve(&t));
    if (attribute->has_sparse_tensor()) {
      DSPERSE_RETURN_IF_ERROR(resolve_sparse(attribute->mutable_sparse_tensor()));
    }
    for (auto& s : *attribute->mutable_sparse_tensors()) {
      DSPERSE_RETURN_IF_ERROR(resolve_sparse(&s));
    }
    if (attribute->has_g()) graphs.push_back(attribute->mutable_g());
    for (auto& g : *attribute->mutable_graphs()) graphs.push_back(&g);
    return absl::OkStatus();
  };
  for (onnx::FunctionProto& function : *model->mutable_functions()) {
    for (auto& preset : *function.mutable_attribute_proto()) {
      DSPERSE_RETURN_IF_ERROR(resolve_attribute(&preset));
    }
    for (onnx::NodeProto& node : *function.mutable_node()) {
      for (auto& attribute : *node.mutable_attribute()) {
        DSPERSE_RETURN_IF_ERROR(resolve_attribute(&attribute));
      }
    }
  }
  for (onnx::TrainingInfoProto& training : *model->mutable_training_info()) {
    if (training.has_initialization()) graphs.push_back(training.mutable_initialization());
    if (training.has_algorithm()) graphs.push_back(training.mutable_algorithm());
  }
  graphs.push_back(model->mutable_graph());
  while (!graphs.empty()) {
    onnx::GraphProto* graph = graphs.back();
    graphs.pop_back();
    for (auto& tensor : *graph->mutable_initializer()) DSPERSE_RETURN_IF_ERROR(resolve(&tensor));
    for (auto& sparse : *graph->mutable_sparse_initializer()) {
      DSPERSE_RETURN_IF_ERROR(resolve_sparse(&sparse));
    }
    for (onnx::NodeProto& node : *graph->mutable_node()) {
      for (auto& attribute : *node.mutable_attribute()) {
        DSPERSE_RETURN_IF_ERROR(resolve_attribute(&attribute));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace dsperse
