#include "slicer/bound_nodes.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

constexpr int64_t kExpandSince = 8;  // the opset

// What a slice makes zeros of.
ValueId ZeroSource(const Slice& slice) { return slice.inputs.front(); }

int MostDoublings(const Slice& slice) {
  int most = 0;
  for (const Narrowing& narrowing : slice.narrowings) most = std::max(most, narrowing.to.doublings);
  return most;
}

}  // namespace

BoundNodes::BoundNodes(const Graph& graph, Facts& facts, const Plan& plan) : graph_(graph) {
  for (const Slice& slice : plan.slices) {
    if (!slice.lifts.empty() && graph.opset() >= kExpandSince) NameShapes(facts, slice);
  }
  for (const Slice& slice : plan.slices) NameLifts(facts, slice);
  for (const Slice& slice : plan.slices) NameNarrowings(facts, slice);
}

std::string BoundNodes::Fresh(std::string name) {
  while (graph_.FindValue(name).valid() || !made_names_.insert(name).second) name += '_';
  return name;
}

std::string BoundNodes::Make(std::string name, DType type, const Dims& dims) {
  values_.push_back({Fresh(std::move(name)), type, dims});
  return values_.back().name;
}

void BoundNodes::NameShapes(Facts& facts, const Slice& slice) {
  for (ValueId input : slice.inputs) {
    const std::optional<Dims> dims = facts.StaticShape(input);
    if (!dims || dims->size() < 2 || !IsFloat(facts.TypeOf(input))) continue;
    ExpandNames& names = shapes_[input.index];
    if (!names.shape.empty()) continue;
    names.shape = Fresh(absl::StrCat(graph_.Name(input), "_sizes"));
    names.expanded = Make(absl::StrCat(graph_.Name(input), "_shaped"), facts.TypeOf(input), *dims);
    names.dims = *dims;
  }
}

void BoundNodes::NameLifts(Facts& facts, const Slice& slice) {
  for (size_t i = 0; i < slice.lifts.size(); ++i) {
    if (slice.lifts[i].doublings == 0) continue;
    const ValueId input = slice.inputs[i];
    std::vector<std::string>& names = lifts_[input.index];
    if (!names.empty()) continue;
    const absl::string_view x = graph_.Name(input);
    const DType type = facts.TypeOf(input);
    const Dims dims = *facts.StaticShape(input);
    names.push_back(Make(absl::StrCat(x, "_minus_itself"), type, dims));
    for (int d = 1; d < slice.lifts[i].doublings; ++d) {
      names.push_back(Make(absl::StrCat(x, "_zero_", d), type, dims));
    }
    names.push_back(Make(absl::StrCat(x, "_lifted"), type, dims));
  }
}

void BoundNodes::NameNarrowings(Facts& facts, const Slice& slice) {
  if (slice.narrowings.empty()) return;
  const ValueId source = ZeroSource(slice);
  const absl::string_view x = graph_.Name(source);
  const DType type = facts.TypeOf(source);
  ZeroNames& names = zeros_[source.index];
  if (names.zeros.empty()) {
    names.shape = Fresh(absl::StrCat(x, "_one_axis"));
    names.starts = Fresh(absl::StrCat(x, "_first"));
    names.ends = Fresh(absl::StrCat(x, "_second"));
    names.flat = Make(absl::StrCat(x, "_flat"), type, {*facts.ShapeOf(source).NumElements()});
    names.element = Make(absl::StrCat(x, "_element"), type, {1});
  }
  for (int d = static_cast<int>(names.zeros.size()); d < MostDoublings(slice); ++d) {
    names.zeros.push_back(Make(absl::StrCat(x, "_element_zero_", d), type, {1}));
  }
  for (const Narrowing& narrowing : slice.narrowings) {
    const ValueId result = graph_.node(narrowing.node).output(0);
    const absl::string_view y = graph_.Name(result);
    const Dims dims = *facts.StaticShape(result);
    ExpandNames& expand = expands_[result.index];
    expand.shape = Fresh(absl::StrCat(y, "_shape"));
    expand.expanded = Make(absl::StrCat(y, "_first"), facts.TypeOf(result), dims);
    expand.dims = dims;
  }
}

std::vector<std::string> BoundNodes::Initializers(const Slice& slice) const {
  std::vector<std::string> all;
  for (size_t i = 0; i < slice.lifts.size(); ++i) {
    if (const auto it = shapes_.find(slice.inputs[i].index); it != shapes_.end()) all.push_back(it->second.shape);
  }
  if (slice.narrowings.empty()) return all;
  const ZeroNames& names = zeros_.at(ZeroSource(slice).index);
  all.insert(all.end(), {names.shape, names.starts, names.ends});
  for (const Narrowing& narrowing : slice.narrowings) {
    all.push_back(expands_.at(graph_.node(narrowing.node).output(0).index).shape);
  }
  return all;
}

BoundNodes::Writer BoundNodes::Begin(const Slice& slice, onnx::GraphProto* out) const {
  Writer writer(this, &slice, out);
  for (size_t i = 0; i < slice.lifts.size(); ++i) {
    const ValueId input = slice.inputs[i];
    const std::string name(graph_.Name(input));
    if (const auto it = shapes_.find(input.index); it != shapes_.end()) writer.AddShape(name, it->second);
    if (slice.lifts[i].doublings > 0) writer.AddLift(name, lifts_.at(input.index));
  }
  if (!slice.narrowings.empty()) writer.AddZeros();
  return writer;
}

const std::string& BoundNodes::Writer::Made(const std::string& input) const {
  const auto it = made_.find(input);
  return it == made_.end() ? input : it->second;
}

void BoundNodes::Writer::AddShape(const std::string& x, const ExpandNames& names) {
  AddInts(names.shape, names.dims);
  AddNode("Expand", x, names.shape, names.expanded);
  made_[x] = names.expanded;
}

void BoundNodes::Writer::AddLift(const std::string& input, const std::vector<std::string>& names) {
  const std::string x = Made(input);
  AddNode("Sub", x, x, names[0]);
  for (size_t i = 1; i + 1 < names.size(); ++i) AddNode("Add", names[i - 1], names[i - 1], names[i]);
  AddNode("Sub", x, names[names.size() - 2], names.back());
  made_[input] = names.back();
}

void BoundNodes::Writer::AddZeros() {
  const ValueId source = ZeroSource(slice_);
  const ZeroNames& names = bounds_.zeros_.at(source.index);
  AddInts(names.shape, {-1});
  AddInts(names.starts, {0});
  AddInts(names.ends, {1});
  AddNode("Reshape", std::string(bounds_.graph_.Name(source)), names.shape, names.flat);
  AddNode("Slice", names.flat, names.starts, names.element)->add_input(names.ends);
  AddNode("Sub", names.element, names.element, names.zeros[0]);
  for (size_t i = 1; i < static_cast<size_t>(MostDoublings(slice_)); ++i) {
    AddNode("Add", names.zeros[i - 1], names.zeros[i - 1], names.zeros[i]);
  }
}

void BoundNodes::Writer::Adapt(NodeId id, onnx::NodeProto* node) {
  if (narrowed_ < slice_.narrowings.size() && slice_.narrowings[narrowed_].node == id) {
    const Narrowing& narrowing = slice_.narrowings[narrowed_++];
    const Graph& graph = bounds_.graph_;
    const ExpandNames& names = bounds_.expands_.at(graph.node(id).output(0).index);
    const ZeroNames& zeros = bounds_.zeros_.at(ZeroSource(slice_).index);
    AddInts(names.shape, names.dims);
    AddNode("Expand", zeros.zeros[static_cast<size_t>(narrowing.to.doublings - 1)], names.shape, names.expanded);
    node->set_input(0, names.expanded);
    node->set_input(1, std::string(graph.Name(narrowing.value)));
  }
  for (std::string& input : *node->mutable_input()) input = Made(input);
}

void BoundNodes::Writer::AddInts(const std::string& name, absl::Span<const int64_t> elements) {
  onnx::TensorProto* tensor = out_.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::INT64);
  tensor->add_dims(static_cast<int64_t>(elements.size()));
  for (int64_t element : elements) tensor->add_int64_data(element);
}

onnx::NodeProto* BoundNodes::Writer::AddNode(const char* op_type, const std::string& a, const std::string& b,
                                             const std::string& made) {
  onnx::NodeProto* node = out_.add_node();
  node->set_op_type(op_type);
  node->set_name(made);  // the compiler keeps bounds by names of nodes
  node->add_input(a);
  node->add_input(b);
  node->add_output(made);
  return node;
}

}  // namespace dsperse
