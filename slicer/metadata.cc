#include "slicer/metadata.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

Json ShapeJson(const Dims& dims) {
  Json out = Json::array();
  for (int64_t d : dims) out.push_back(static_cast<uint64_t>(d));
  return out;
}

Json ShapesJson(const std::vector<Dims>& shapes) {
  Json out = Json::array();
  for (const Dims& dims : shapes) out.push_back(ShapeJson(dims));
  return out;
}

Json SliceJson(const SliceMetadata& slice, uint64_t index) {
  Json out;
  out["index"] = index;
  out["filename"] = absl::StrCat("slice_", index, ".onnx");
  out["path"] = absl::StrCat("payload/slice_", index, ".onnx");
  out["relative_path"] = slice.relative_path;
  out["shape"]["tensor_shape"]["input"] = ShapesJson(slice.input_shapes);
  out["shape"]["tensor_shape"]["output"] = ShapesJson(slice.output_shapes);
  out["dependencies"]["input"] = slice.inputs;
  out["dependencies"]["output"] = slice.outputs;
  out["dependencies"]["filtered_inputs"] = slice.filtered_inputs;
  out["compilation"] = Json::object();
  return out;
}

// ---- decoding ----

// Sorted, so that looking a key up doesn't take time with their number.
using Parsed = nlohmann::json;

// Builds a value, but none that is nested deeper than any metadata: the parser takes a stack frame a level.
class ShallowBuilder : public nlohmann::detail::json_sax_dom_parser<Parsed> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<Parsed>;
  explicit ShallowBuilder(Parsed* value) : Base(*value, /*allow_exceptions_=*/false) {}
  bool start_object(size_t size) { return ++depth_ <= kDeepest && Base::start_object(size); }
  bool start_array(size_t size) { return ++depth_ <= kDeepest && Base::start_array(size); }
  bool end_object() {
    --depth_;
    return Base::end_object();
  }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }

 private:
  static constexpr int kDeepest = 64;
  int depth_ = 0;
};

absl::Status Wrong(absl::string_view key, absl::string_view want) {
  return absl::InvalidArgumentError(absl::StrCat("metadata: ", key, " is no ", want));
}

// The member `key` of `object`, or null.
const Parsed* Find(const Parsed& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

absl::Status ReadStrings(const Parsed* json, absl::string_view key, std::vector<std::string>* out) {
  if (json == nullptr || !json->is_array()) return Wrong(key, "list of strings");
  for (const Parsed& item : *json) {
    if (!item.is_string()) return Wrong(key, "list of strings");
    out->push_back(item.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status ReadDims(const Parsed& json, absl::string_view key, Dims* out) {
  if (!json.is_array()) return Wrong(key, "shape");
  for (const Parsed& item : json) {
    if (!item.is_number_integer()) return Wrong(key, "shape");
    if (item.is_number_unsigned() ? item.get<uint64_t>() > INT64_MAX : item.get<int64_t>() < 0) {
      return Wrong(key, "shape of dimensions that fit");
    }
    out->push_back(item.get<int64_t>());
  }
  return absl::OkStatus();
}

absl::Status ReadShapes(const Parsed* json, absl::string_view key, std::vector<Dims>* out) {
  if (json == nullptr || !json->is_array()) return Wrong(key, "list of shapes");
  for (const Parsed& item : *json) {
    DSPERSE_RETURN_IF_ERROR(ReadDims(item, key, &out->emplace_back()));
  }
  return absl::OkStatus();
}

absl::Status ReadSlice(const Parsed& json, size_t position, SliceMetadata* out) {
  if (!json.is_object()) return Wrong("a slice", "map");
  const Parsed* index = Find(json, "index");
  if (index == nullptr || !index->is_number_integer() || index->get<int64_t>() != static_cast<int64_t>(position)) {
    return absl::InvalidArgumentError(
        absl::StrCat("metadata: slice ", position, " does not have that index"));
  }
  const Parsed* path = Find(json, "relative_path");
  if (path == nullptr || !path->is_string()) return Wrong("relative_path", "string");
  out->relative_path = path->get<std::string>();
  const Parsed* dependencies = Find(json, "dependencies");
  if (dependencies == nullptr) return Wrong("dependencies", "map");
  DSPERSE_RETURN_IF_ERROR(
      ReadStrings(Find(*dependencies, "input"), "dependencies.input", &out->inputs));
  DSPERSE_RETURN_IF_ERROR(
      ReadStrings(Find(*dependencies, "output"), "dependencies.output", &out->outputs));
  DSPERSE_RETURN_IF_ERROR(ReadStrings(Find(*dependencies, "filtered_inputs"),
                                      "dependencies.filtered_inputs", &out->filtered_inputs));
  if (const Parsed* shape = Find(json, "shape"); shape != nullptr) {
    const Parsed* tensor = Find(*shape, "tensor_shape");
    if (tensor == nullptr) return Wrong("shape.tensor_shape", "map");
    DSPERSE_RETURN_IF_ERROR(ReadShapes(Find(*tensor, "input"), "shape input", &out->input_shapes));
    DSPERSE_RETURN_IF_ERROR(ReadShapes(Find(*tensor, "output"), "shape output", &out->output_shapes));
  }
  return absl::OkStatus();
}

}  // namespace

std::string SlicePath(int index) {
  return absl::StrCat("slice_", index, "/payload/slice_", index, ".onnx");
}

Metadata MakeMetadata(const Graph& graph, Facts& facts, const Plan& plan,
                      const Extractor& extractor) {
  Metadata out;
  auto shapes = [&](absl::Span<const ValueId> values) {
    std::vector<Dims> list;
    for (ValueId v : values) list.push_back(facts.StaticShape(v).value_or(Dims()));
    return list;
  };
  auto names = [&](const std::vector<ValueId>& values) {
    std::vector<std::string> list;
    for (ValueId v : values) list.emplace_back(graph.Name(v));
    return list;
  };
  std::vector<ValueId> inputs;
  for (ValueId v : graph.Inputs(graph.main())) {
    if (!graph.IsInitializer(v)) inputs.push_back(v);
  }
  out.input_shapes = shapes(inputs);
  out.output_shapes = shapes(graph.Outputs(graph.main()));
  for (ValueId v : graph.Outputs(graph.main())) out.output_names.emplace_back(graph.Name(v));
  for (size_t i = 0; i < plan.slices.size(); ++i) {
    const SliceInterface& face = extractor.interface(static_cast<int>(i));
    out.slice_points.push_back(static_cast<uint64_t>(plan.slices[i].begin));
    SliceMetadata slice;
    slice.relative_path = SlicePath(static_cast<int>(i));
    slice.input_shapes = shapes(face.inputs);
    slice.output_shapes = shapes(face.outputs);
    slice.filtered_inputs = names(face.inputs);
    slice.inputs = slice.filtered_inputs;
    for (ValueId v : face.initializers) slice.inputs.emplace_back(graph.Name(v));
    const std::vector<std::string> added = extractor.bounds().Initializers(plan.slices[i]);
    slice.inputs.insert(slice.inputs.end(), added.begin(), added.end());
    slice.outputs = names(face.outputs);
    out.slices.push_back(std::move(slice));
  }
  for (int32_t i = 0; i < graph.ValueLimit(); ++i) {
    const ValueId v{i};
    if (!graph.IsLive(v) || graph.BlockOf(v) != graph.main()) continue;
    const std::string name(graph.Name(v));
    if (const std::optional<Dims> dims = facts.StaticShape(v)) out.traced_shapes.emplace_back(name, *dims);
    if (const DType type = facts.TypeOf(v); type != DType::kUndefined) {
      out.traced_types.emplace_back(name, static_cast<int>(type));
    }
  }
  // The compiler looks up the shape of every value of a slice here.
  for (const AddedValue& added : extractor.bounds().values()) {
    out.traced_shapes.emplace_back(added.name, added.dims);
    out.traced_types.emplace_back(added.name, static_cast<int>(added.type));
  }
  std::sort(out.traced_shapes.begin(), out.traced_shapes.end());
  std::sort(out.traced_types.begin(), out.traced_types.end());
  return out;
}

std::string EncodeMetadata(const Metadata& metadata) {
  Json root;
  root["original_model"] = "model.onnx";
  root["model_type"] = "ONNX";
  root["input_shape"] = ShapesJson(metadata.input_shapes);
  root["output_shapes"] = ShapesJson(metadata.output_shapes);
  root["output_names"] = metadata.output_names;
  root["slice_points"] = metadata.slice_points;
  root["slices"] = Json::array();
  for (size_t i = 0; i < metadata.slices.size(); ++i) {
    root["slices"].push_back(SliceJson(metadata.slices[i], i));
  }
  // Objects are filled through their own map: a look-up per key in an ordered one is linear.
  Json::object_t traced_shapes, traced_types;
  for (const auto& [name, dims] : metadata.traced_shapes) {
    traced_shapes.push_back({name, ShapeJson(dims)});
  }
  for (const auto& [name, type] : metadata.traced_types) {
    traced_types.push_back({name, static_cast<uint64_t>(type)});
  }
  root["traced_shapes"] = std::move(traced_shapes);
  root["traced_types"] = std::move(traced_types);
  root["original_model_path"] = "model.onnx";
  std::string out;
  Json::to_msgpack(root, nlohmann::detail::output_adapter<char>(out));
  return out;
}

absl::StatusOr<Metadata> DecodeMetadata(absl::string_view bytes) {
  Parsed root;
  ShallowBuilder builder(&root);
  if (!Parsed::sax_parse(bytes.begin(), bytes.end(), &builder, Parsed::input_format_t::msgpack,
                         /*strict=*/true) ||
      !root.is_object()) {
    return absl::InvalidArgumentError("metadata: not a MessagePack map");
  }
  Metadata out;
  DSPERSE_RETURN_IF_ERROR(ReadShapes(Find(root, "input_shape"), "input_shape", &out.input_shapes));
  if (const Parsed* v = Find(root, "output_shapes"); v != nullptr) {
    DSPERSE_RETURN_IF_ERROR(ReadShapes(v, "output_shapes", &out.output_shapes));
  }
  if (const Parsed* v = Find(root, "output_names"); v != nullptr) {
    DSPERSE_RETURN_IF_ERROR(ReadStrings(v, "output_names", &out.output_names));
  }
  if (const Parsed* v = Find(root, "slice_points"); v != nullptr) {
    if (!v->is_array()) return Wrong("slice_points", "list");
    for (const Parsed& item : *v) {
      if (!item.is_number_unsigned()) return Wrong("slice_points", "list of indices");
      out.slice_points.push_back(item.get<uint64_t>());
    }
  }
  const Parsed* slices = Find(root, "slices");
  if (slices == nullptr || !slices->is_array()) return Wrong("slices", "list");
  for (const Parsed& item : *slices) {
    const size_t position = out.slices.size();
    DSPERSE_RETURN_IF_ERROR(ReadSlice(item, position, &out.slices.emplace_back()));
  }
  if (const Parsed* v = Find(root, "traced_shapes"); v != nullptr && v->is_object()) {
    for (const auto& [name, dims] : v->items()) {
      out.traced_shapes.emplace_back(name, Dims());
      DSPERSE_RETURN_IF_ERROR(ReadDims(dims, "traced_shapes", &out.traced_shapes.back().second));
    }
  }
  if (const Parsed* v = Find(root, "traced_types"); v != nullptr && v->is_object()) {
    for (const auto& [name, type] : v->items()) {
      if (!type.is_number_integer()) return Wrong("traced_types", "map of numbers");
      out.traced_types.emplace_back(name, type.get<int>());
    }
  }
  return out;
}

}  // namespace dsperse
