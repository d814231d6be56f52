#include "slicer/cli/slices_of.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "fold/ir/model_file.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/target.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/read_file.h"
#include "slicer/plan.h"
#include "slicer/prepare.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

absl::StatusOr<Json> ReadMetadata(const fs::path& directory) {
  const fs::path path = directory / "metadata.msgpack";
  std::error_code error;
  if (!fs::exists(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory.string(), ": holds no metadata.msgpack"));
  }
  DSPERSE_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path.string()));
  Json metadata = Json::from_msgpack(bytes, true, false);
  if (!metadata.is_object() || !metadata.contains("slices") || !metadata["slices"].is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": is no metadata of slices"));
  }
  return metadata;
}

// The file of each slice, there or not.
absl::StatusOr<std::vector<fs::path>> SliceFiles(const fs::path& directory, const Json& metadata) {
  std::vector<fs::path> files;
  for (const Json& slice : metadata["slices"]) {
    const Json path = slice.is_object() ? slice.value("relative_path", Json()) : Json();
    if (!path.is_string()) {
      return absl::InvalidArgumentError(absl::StrCat((directory / "metadata.msgpack").string(), ": slice ",
                                                     files.size(), " has no relative_path"));
    }
    const fs::path relative = path.get<std::string>();
    const bool climbs = relative.is_absolute() || std::find(relative.begin(), relative.end(),
                                                            fs::path("..")) != relative.end();
    if (climbs) {
      return absl::InvalidArgumentError(absl::StrCat(directory.string(), ": slice path '",
                                                     relative.string(), "' leaves the directory"));
    }
    files.push_back(directory / relative);
  }
  return files;
}

// Are the slices still to be made by DSperse? The receipt says so, or without one that nothing of any slice is there.
bool IsLazy(const fs::path& directory, const std::vector<fs::path>& files) {
  const absl::StatusOr<std::string> receipt = ReadFile((directory / "receipt.json").string());
  if (receipt.ok()) {
    const Json json = Json::parse(*receipt, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("options") && json["options"].is_object()) {
      return json["options"].value("lazy", Json()) == Json(true);
    }
  }
  return std::none_of(files.begin(), files.end(), [&](const fs::path& file) {
    std::error_code error;
    return file.parent_path() != directory && fs::exists(file.parent_path(), error);
  });
}

constexpr char kNoCircuit[] = "only moves data: no circuit is made for it";

// Is a circuit made of `nodes` of the main graph, for the target of `backend`?
bool HasCircuit(const Graph& graph, absl::Span<const NodeId> nodes, const Backend& backend) {
  PrepareOptions options;
  options.backend = std::string(backend.name());
  const Target* const target = Target::Find(LoweringTarget(options));
  return !std::all_of(nodes.begin(), nodes.end(), [&](NodeId n) { return OnlyMovesData(graph, target, n); });
}

void AddOperators(const std::vector<GroupEstimate>& groups,
                  std::map<std::string, GroupEstimate>* all) {
  for (const GroupEstimate& group : groups) {
    GroupEstimate& sum = (*all)[group.name];
    sum.name = group.name;
    sum.nodes += group.nodes;
    sum.counts += group.counts;
    sum.bits = std::max(sum.bits, group.bits);
  }
}

absl::StatusOr<GraphEstimate> FromFiles(const std::vector<fs::path>& files,
                                        const Backend& backend, const Parameters& parameters,
                                        const LoadOptions& load) {
  GraphEstimate all;
  all.backend = &backend;
  all.parameters = parameters;
  all.inputs = all.outputs = all.fixed = all.total = Counts(backend.metrics().size());
  std::map<std::string, GroupEstimate> operators;
  for (size_t i = 0; i < files.size(); ++i) {
    DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(files[i].string(), load));
    GroupEstimate group;
    group.name = absl::StrCat("slice_", i);
    const std::vector<NodeId> nodes = model.graph.Nodes(model.graph.main());
    if (!HasCircuit(model.graph, nodes, backend)) {
      group.nodes = static_cast<int64_t>(nodes.size());
      group.counts = Counts(backend.metrics().size());
      group.note = kNoCircuit;
      all.slices.push_back(std::move(group));
      continue;
    }
    Facts facts(&model.graph);
    DSPERSE_ASSIGN_OR_RETURN(GraphEstimate slice,
                             EstimateGraph(model.graph, facts, backend, parameters));
    group.nodes = static_cast<int64_t>(slice.nodes.size());
    group.counts = slice.total;
    group.bits = slice.bits;
    group.note = slice.note;
    all.inputs += slice.inputs;
    all.outputs += slice.outputs;
    all.fixed += slice.fixed;
    all.total += slice.total;
    all.bits = std::max(all.bits, slice.bits);
    AddOperators(slice.operators, &operators);
    for (Unsupported& node : slice.unsupported) {
      node.node = absl::StrCat(group.name, ": ", node.node);
      all.unsupported.push_back(std::move(node));
    }
    all.nodes.insert(all.nodes.end(), slice.nodes.begin(), slice.nodes.end());
    all.slices.push_back(std::move(group));
  }
  for (auto& [name, group] : operators) all.operators.push_back(std::move(group));
  const size_t price = backend.price_metric();
  std::stable_sort(all.operators.begin(), all.operators.end(),
                   [price](const GroupEstimate& a, const GroupEstimate& b) {
                     return b.counts.values[price] < a.counts.values[price];
                   });
  return all;
}

}  // namespace

absl::StatusOr<GraphEstimate> EstimateSlices(const std::string& directory, const Backend& backend,
                                             const Parameters& parameters, int64_t max_memory) {
  LoadOptions load;
  load.max_memory = max_memory;
  DSPERSE_ASSIGN_OR_RETURN(const Json metadata, ReadMetadata(directory));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<fs::path> files, SliceFiles(directory, metadata));
  const auto missing = std::find_if(files.begin(), files.end(), [](const fs::path& file) {
    std::error_code error;
    return !fs::exists(file, error);
  });
  if (missing == files.end()) return FromFiles(files, backend, parameters, load);
  if (!IsLazy(directory, files)) {
    return absl::NotFoundError(
        absl::StrCat(missing->string(), ": there is no such file; metadata.msgpack lists it as a slice"));
  }

  DSPERSE_ASSIGN_OR_RETURN(LoadedModel model,
                           LoadModel((fs::path(directory) / "model.onnx").string(), load));
  std::vector<NodeRange> slices;
  const int64_t nodes = static_cast<int64_t>(model.graph.Nodes(model.graph.main()).size());
  for (const Json& point : metadata.value("slice_points", Json::array())) {
    if (!point.is_number_integer()) {
      return absl::InvalidArgumentError(absl::StrCat(directory, ": slice_points holds no number"));
    }
    const int64_t begin = point.get<int64_t>();
    if (!slices.empty()) slices.back().end = begin;
    slices.push_back({begin, nodes});
  }
  if (slices.size() != metadata["slices"].size()) {
    return absl::InvalidArgumentError(absl::StrCat(directory, ": ", metadata["slices"].size(),
                                                   " slices, but ", slices.size(),
                                                   " slice points"));
  }
  Facts facts(&model.graph);
  DSPERSE_ASSIGN_OR_RETURN(GraphEstimate estimate,
                           EstimateGraph(model.graph, facts, backend, parameters, slices));
  estimate.note = "of model.onnx between the cuts: the slices have no files yet";
  // The slices' own totals, not the uncut model's.
  estimate.total = Counts(backend.metrics().size());
  const std::vector<NodeId> order = model.graph.Nodes(model.graph.main());
  for (size_t i = 0; i < slices.size(); ++i) {
    GroupEstimate& slice = estimate.slices[i];
    const auto of_slice = absl::MakeConstSpan(order).subspan(static_cast<size_t>(slices[i].begin),
                                                             static_cast<size_t>(slices[i].end - slices[i].begin));
    if (!HasCircuit(model.graph, of_slice, backend)) {
      slice.counts = Counts(backend.metrics().size());
      slice.note = kNoCircuit;
    }
    estimate.total += slice.counts;
  }
  return estimate;
}

}  // namespace dsperse
