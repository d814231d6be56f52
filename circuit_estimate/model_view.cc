#include "circuit_estimate/model_view.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {
namespace {

constexpr int64_t kSmall = 1 << 16;  // elements

}  // namespace

const Dims* ModelView::ShapeOf(ValueId value) {
  if (!value.valid()) return nullptr;
  if (shapes_.size() <= static_cast<size_t>(value.index)) {
    shapes_.resize(static_cast<size_t>(graph_.ValueLimit()));
  }
  Shaped& shaped = shapes_[static_cast<size_t>(value.index)];
  if (!shaped.looked) {
    shaped.looked = true;
    const Shape& shape = facts_.ShapeOf(value);
    shaped.known = shape.has_rank();
    if (shaped.known) {
      for (int i = 0; i < shape.rank(); ++i) {
        const bool known = shape.dim(i).known();
        shaped.dims.push_back(known ? shape.dim(i).size() : 1);
        guessed_sizes_ = guessed_sizes_ || (!known && i > 0);
      }
    }
  }
  return shaped.known ? &shaped.dims : nullptr;
}

Count ModelView::Elements(ValueId value) {
  const Dims* dims = ShapeOf(value);
  if (dims == nullptr) return Count(0);
  Count count(1);
  for (int64_t size : *dims) {
    if (size == 0) return Count(0);
    count *= Count(size);
  }
  return count;
}

const Tensor* ModelView::SmallConstantOf(ValueId value) {
  const Tensor* tensor = value.valid() ? ConstantOf(value) : nullptr;
  return tensor != nullptr && tensor->num_elements() <= kSmall ? tensor : nullptr;
}

std::optional<double> ModelView::ScalarOf(ValueId value) {
  const Tensor* tensor = value.valid() ? ConstantOf(value) : nullptr;
  if (tensor == nullptr || tensor->num_elements() != 1) return std::nullopt;
  const std::optional<std::vector<double>> all = DoublesOf(value);
  if (!all.has_value() || all->size() != 1) return std::nullopt;
  return (*all)[0];
}

std::optional<std::vector<int64_t>> ModelView::IntsOf(ValueId value) {
  const Tensor* tensor = SmallConstantOf(value);
  if (tensor == nullptr) return std::nullopt;
  absl::StatusOr<std::vector<int64_t>> ints = ToInts(*tensor);
  if (!ints.ok()) return std::nullopt;
  return *std::move(ints);
}

std::optional<std::vector<double>> ModelView::DoublesOf(ValueId value) {
  const Tensor* tensor = SmallConstantOf(value);
  if (tensor == nullptr) return std::nullopt;
  absl::StatusOr<std::vector<double>> doubles = ToDoubles(*tensor);
  if (!doubles.ok()) return std::nullopt;
  return *std::move(doubles);
}

namespace {

absl::Status NotConstant(const Graph& graph, ValueId value) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", value.valid() ? graph.Name(value) : "", "' is not a constant"));
}

}  // namespace

absl::StatusOr<TensorStats> ModelView::StatsOf(ValueId value) {
  const Tensor* tensor = value.valid() ? ConstantOf(value) : nullptr;
  if (tensor == nullptr) return NotConstant(graph_, value);
  return weights_.Of(value, *tensor);
}

absl::StatusOr<double> ModelView::LargestChannelSum(ValueId value, int axis) {
  const Tensor* tensor = value.valid() ? ConstantOf(value) : nullptr;
  if (tensor == nullptr) return NotConstant(graph_, value);
  if (asks_for_all_) {
    asks_for_all_ = false;
    PrefetchWeights(graph_.Nodes(graph_.main()));
  }
  return weights_.LargestChannelSum(value, *tensor, axis);
}

void ModelView::PrefetchWeights(absl::Span<const NodeId> nodes) {
  std::vector<WeightStats::Request> requests;
  for (NodeId id : nodes) {
    const NodeView node = graph_.node(id);
    if (!node.Is("Conv") && !node.Is("ConvTranspose") && !node.Is("Gemm") && !node.Is("MatMul"))
      continue;
    const ValueId weight = node.input(1);
    const Tensor* tensor = weight.valid() ? ConstantOf(weight) : nullptr;
    if (tensor != nullptr) requests.push_back({weight, tensor, ChannelAxis(node, *tensor)});
  }
  weights_.Prefetch(requests);
}

bool ModelView::IsZero(ValueId value) {
  if (!IsConstant(value)) return false;
  const absl::StatusOr<TensorStats> stats = StatsOf(value);
  return stats.ok() && stats->max_abs == 0;
}

bool ModelView::IsConstantNode(NodeId node) {
  bool any = false;
  for (ValueId output : graph_.node(node).outputs()) {
    if (!output.valid()) continue;
    if (!IsConstant(output)) return false;
    any = true;
  }
  return any;
}

std::vector<NodeId> ModelView::ComputingNodes() {
  std::vector<NodeId> nodes;
  for (NodeId node : graph_.Nodes(graph_.main())) {
    if (!IsConstantNode(node)) nodes.push_back(node);
  }
  return nodes;
}

Range WholeRange(ModelView& view) {
  Range range;
  range.nodes = view.ComputingNodes();
  const Graph& graph = view.graph();
  for (ValueId input : graph.Inputs(graph.main())) {
    if (!view.IsConstant(input)) range.inputs.push_back(input);
  }
  for (ValueId output : graph.Outputs(graph.main())) range.outputs.push_back(output);
  return range;
}

Range MakeRange(ModelView& view, absl::Span<const NodeId> nodes, size_t begin, size_t end) {
  const Graph& graph = view.graph();
  Range range;
  absl::flat_hash_set<NodeId> inside;
  absl::flat_hash_set<ValueId> made;
  absl::flat_hash_set<ValueId> seen;
  for (size_t i = begin; i < end && i < nodes.size(); ++i) {
    if (view.IsConstantNode(nodes[i])) continue;
    range.nodes.push_back(nodes[i]);
    inside.insert(nodes[i]);
    for (ValueId output : graph.node(nodes[i]).outputs()) made.insert(output);
  }
  for (NodeId node : range.nodes) {
    for (ValueId input : graph.node(node).inputs()) {
      if (!input.valid() || made.contains(input) || view.IsConstant(input)) continue;
      if (seen.insert(input).second) range.inputs.push_back(input);
    }
  }
  for (NodeId node : range.nodes) {
    for (ValueId output : graph.node(node).outputs()) {
      if (!output.valid()) continue;
      bool leaves = false;
      for (const Use& use : graph.Uses(output)) {
        leaves = leaves || use.is_block_output() || !inside.contains(use.node);
      }
      if (leaves) range.outputs.push_back(output);
    }
  }
  return range;
}

}  // namespace dsperse
