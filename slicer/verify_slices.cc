#include "slicer/verify_slices.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/tensor_windows.h"
#include "nlohmann/json.hpp"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

// The file at `relative` inside `root`: no absolute path, no way out, no symbolic link on the way.
absl::StatusOr<std::string> Inside(const fs::path& root, const std::string& relative) {
  const fs::path path(relative);
  if (path.is_absolute() || relative.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("slice path '", relative, "' is not relative"));
  }
  fs::path full = root;
  for (const fs::path& part : path) {
    if (part == "..") {
      return absl::InvalidArgumentError(
          absl::StrCat("slice path '", relative, "' leaves the directory"));
    }
    full /= part;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(full, error))) {
      return absl::InvalidArgumentError(
          absl::StrCat("slice path '", relative, "' goes through a symbolic link"));
    }
  }
  return full.string();
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  constexpr int64_t kLargest = int64_t{1} << 30;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  }
  if (fs::file_size(path, error) > kLargest) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": metadata of more than 1 GiB"));
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in) return absl::UnavailableError(absl::StrCat(path, ": can't be read"));
  return std::move(out).str();
}

std::vector<std::string> Names(const Graph& graph, absl::Span<const ValueId> values) {
  std::vector<std::string> out;
  for (ValueId v : values) out.emplace_back(graph.Name(v));
  return out;
}

std::string List(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const std::string& name : names) absl::StrAppend(&out, out.size() > 1 ? ", " : "", name);
  return out + "]";
}

std::vector<Dims> DeclaredShapes(const Graph& graph, absl::Span<const ValueId> values) {
  std::vector<Dims> out;
  for (ValueId v : values) {
    const std::optional<Dims> dims = graph.DeclaredShape(v).AsDims();
    out.push_back(dims ? *dims : Dims(1, -1));  // no shape of a slice has a negative dimension
  }
  return out;
}

// The bounds of values in a slices.json.
absl::Status ReadBounds(const std::string& path, LoadedSlices* out) {
  DSPERSE_ASSIGN_OR_RETURN(const std::string text, ReadWhole(path));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const absl::Status wrong = absl::InvalidArgumentError(absl::StrCat(path, ": is not an account of these slices"));
  if (!json.is_object() || !json.contains("slices")) return wrong;
  const nlohmann::json& slices = json["slices"];
  if (!slices.is_array() || slices.size() != out->slices.size()) return wrong;
  for (size_t i = 0; i < slices.size(); ++i) {
    const nlohmann::json& slice = slices[i];
    if (!slice.is_object() || !slice.contains("inputs") || !slice["inputs"].is_array()) return wrong;
    for (const nlohmann::json& input : slice["inputs"]) {
      if (!input.is_object() || !input.contains("bound")) continue;
      if (!input["bound"].is_number() || !input.contains("name") || !input["name"].is_string()) return wrong;
      out->bounds[i][input["name"].get<std::string>()] = input["bound"].get<double>();
    }
    if (!slice.contains("narrowed")) continue;
    if (!slice["narrowed"].is_array()) return wrong;
    for (const nlohmann::json& value : slice["narrowed"]) {
      if (!value.is_object() || !value.contains("bound") || !value["bound"].is_number()) return wrong;
      if (!value.contains("name") || !value["name"].is_string()) return wrong;
      out->narrowed[i][value["name"].get<std::string>()] = value["bound"].get<double>();
    }
  }
  return absl::OkStatus();
}

double LargestElement(const Tensor& tensor) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double largest = 0;
  const absl::Status read = ForElements(tensor, [&](int64_t, double v) {
    largest = std::isfinite(v) ? std::max(largest, std::fabs(v)) : kInfinity;
  });
  return read.ok() ? largest : kInfinity;
}

// A size or a place that a narrowing (narrowing.h) takes an element of an input by: nothing that it is read for
// is of the model.
bool OfANarrowing(const Graph& graph, ValueId initializer, const Graph& whole) {
  if (graph.Uses(initializer).empty()) return false;
  for (const Use& use : graph.Uses(initializer)) {
    if (use.is_block_output()) return false;
    const NodeView node = graph.node(use.node);
    if (!node.Is("Reshape") && !node.Is("Slice") && !node.Is("Expand")) return false;
    if (whole.FindValue(graph.Name(node.output(0))).valid()) return false;
  }
  return true;
}

// One slice against its metadata and the whole model; appends what is wrong.
absl::Status CheckSlice(const LoadedSlices& directory, size_t index, std::vector<std::string>* wrong) {
  const SliceMetadata& metadata = directory.metadata.slices[index];
  const Graph& graph = directory.slices[index].graph;
  const Graph& whole = directory.whole.graph;
  auto note = [&](absl::string_view text) {
    wrong->push_back(absl::StrCat("slice ", index, ": ", text));
  };
  const std::vector<std::string> inputs = Names(graph, RequiredInputs(graph));
  const std::vector<std::string> outputs = Names(graph, graph.Outputs(graph.main()));
  if (inputs != metadata.filtered_inputs) {
    note(absl::StrCat("its file's inputs ", List(inputs), " are not filtered_inputs ",
                      List(metadata.filtered_inputs), " in that order"));
  }
  if (outputs != metadata.outputs) {
    note(absl::StrCat("its file's outputs ", List(outputs), " are not dependencies.output ",
                      List(metadata.outputs), " in that order"));
  }
  if (!metadata.input_shapes.empty() &&
      DeclaredShapes(graph, RequiredInputs(graph)) != metadata.input_shapes) {
    note("the shapes of its inputs differ from the metadata");
  }
  if (!metadata.output_shapes.empty() &&
      DeclaredShapes(graph, graph.Outputs(graph.main())) != metadata.output_shapes) {
    note("the shapes of its outputs differ from the metadata");
  }
  const absl::flat_hash_set<std::string> named(metadata.inputs.begin(), metadata.inputs.end());
  for (ValueId v : graph.Initializers(graph.main())) {
    const absl::string_view name = graph.Name(v);
    if (!named.contains(name)) note(absl::StrCat("dependencies.input lacks the weight '", name, "'"));
    const ValueId same = whole.FindValue(name);
    if (!same.valid() && OfANarrowing(graph, v, whole)) continue;
    const Tensor* ours = graph.InitializerTensor(v);
    const Tensor* theirs = same.valid() ? whole.InitializerTensor(same) : nullptr;
    if (ours == nullptr || theirs == nullptr) {
      note(absl::StrCat("model.onnx has no weight '", name, "'"));
      continue;
    }
    DSPERSE_ASSIGN_OR_RETURN(const bool equal, SameBits(*ours, *theirs));
    if (!equal) note(absl::StrCat("its weight '", name, "' is not that of model.onnx"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedSlices> LoadSlices(const std::string& path, const LoadOptions& options) {
  const fs::path root(path);
  LoadedSlices out;
  DSPERSE_ASSIGN_OR_RETURN(const std::string metadata_path, Inside(root, "metadata.msgpack"));
  DSPERSE_ASSIGN_OR_RETURN(const std::string bytes, ReadWhole(metadata_path));
  DSPERSE_ASSIGN_OR_RETURN(out.metadata, DecodeMetadata(bytes));
  DSPERSE_ASSIGN_OR_RETURN(const std::string whole_path, Inside(root, "model.onnx"));
  DSPERSE_ASSIGN_OR_RETURN(out.whole, LoadModel(whole_path, options));
  for (const SliceMetadata& slice : out.metadata.slices) {
    DSPERSE_ASSIGN_OR_RETURN(const std::string file, Inside(root, slice.relative_path));
    DSPERSE_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(file, options));
    out.slices.push_back(std::move(model));
  }
  out.bounds.resize(out.slices.size());
  out.narrowed.resize(out.slices.size());
  DSPERSE_ASSIGN_OR_RETURN(const std::string account, Inside(root, "slices.json"));
  std::error_code error;
  if (fs::exists(account, error)) DSPERSE_RETURN_IF_ERROR(ReadBounds(account, &out));
  return out;
}

absl::StatusOr<std::vector<std::string>> CheckSlices(const LoadedSlices& directory) {
  std::vector<std::string> wrong;
  const Graph& whole = directory.whole.graph;
  absl::flat_hash_set<std::string> made;
  for (const std::string& name : Names(whole, RequiredInputs(whole))) made.insert(name);
  for (size_t i = 0; i < directory.slices.size(); ++i) {
    for (const std::string& name : directory.metadata.slices[i].filtered_inputs) {
      if (!made.contains(name)) {
        wrong.push_back(absl::StrCat("slice ", i, ": no earlier slice makes its input '", name, "'"));
      }
    }
    for (const std::string& name : directory.metadata.slices[i].outputs) made.insert(name);
    DSPERSE_RETURN_IF_ERROR(CheckSlice(directory, i, &wrong));
  }
  for (const std::string& name : Names(whole, whole.Outputs(whole.main()))) {
    if (!made.contains(name)) wrong.push_back(absl::StrCat("no slice makes the output '", name, "'"));
  }
  if (directory.metadata.output_names != Names(whole, whole.Outputs(whole.main()))) {
    wrong.push_back("output_names are not the outputs of model.onnx");
  }
  return wrong;
}

absl::StatusOr<std::vector<Tensor>> RunSlices(const LoadedSlices& directory,
                                              absl::Span<const Tensor> inputs,
                                              const RunOptions& options,
                                              std::vector<BoundedValue>* bounded) {
  const Graph& whole = directory.whole.graph;
  absl::flat_hash_map<std::string, Tensor> values;
  const std::vector<std::string> names = Names(whole, RequiredInputs(whole));
  if (names.size() != inputs.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model has ", names.size(), " inputs, not ", inputs.size()));
  }
  for (size_t i = 0; i < names.size(); ++i) values[names[i]] = inputs[i];
  size_t watched = 0;
  const auto watch = [&](size_t slice, const std::string& name, bool inside, double bound) {
    if (watched == bounded->size()) bounded->push_back({static_cast<int>(slice), name, inside, bound, 0});
    return watched++;
  };
  const auto see = [&](size_t place, const Tensor& tensor) {
    double& largest = (*bounded)[place].largest;
    largest = std::max(largest, LargestElement(tensor));
  };
  for (size_t i = 0; i < directory.slices.size(); ++i) {
    const Graph& graph = directory.slices[i].graph;
    std::vector<Tensor> feed;
    for (const std::string& name : Names(graph, RequiredInputs(graph))) {
      const auto it = values.find(name);
      if (it == values.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("slice ", i, ": no earlier slice makes its input '", name, "'"));
      }
      feed.push_back(it->second);
      const auto bound = directory.bounds[i].find(name);
      if (bounded == nullptr || bound == directory.bounds[i].end()) continue;
      see(watch(i, name, /*inside=*/false, bound->second), it->second);
    }
    RunOptions run = options;
    std::map<std::string, size_t, std::less<>> places;
    if (bounded != nullptr && !directory.narrowed[i].empty()) {
      for (const auto& [name, bound] : directory.narrowed[i]) {
        places[name] = watch(i, name, /*inside=*/true, bound);
        if (const auto fed = values.find(name); fed != values.end()) see(places[name], fed->second);
      }
      run.tap = [&](ValueId value, const Tensor& tensor) -> absl::Status {
        if (const auto place = places.find(graph.Name(value)); place != places.end()) see(place->second, tensor);
        return options.tap ? options.tap(value, tensor) : absl::OkStatus();
      };
    }
    DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> results, RunGraph(graph, feed, run));
    const std::vector<std::string> outputs = Names(graph, graph.Outputs(graph.main()));
    for (size_t k = 0; k < outputs.size(); ++k) values[outputs[k]] = std::move(results[k]);
  }
  std::vector<Tensor> out;
  for (const std::string& name : Names(whole, whole.Outputs(whole.main()))) {
    const auto it = values.find(name);
    if (it == values.end()) {
      return absl::InvalidArgumentError(absl::StrCat("no slice makes the output '", name, "'"));
    }
    out.push_back(it->second);
  }
  return out;
}

}  // namespace dsperse
