#include "slicer/dsperse_policy.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace dsperse {
namespace {

using Names = absl::flat_hash_set<absl::string_view>;

constexpr uint64_t kLargeEstimate = 750'000;

// Operators that DSperse sends to its circuit compiler, spelt as in its list.
const Names& Proved() {
  static const Names* const names = new Names{
      "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv",
      "ConvTranspose", "Cos", "Div", "Erf", "Exp", "Expand", "Flatten", "Gather", "Gelu", "Gemm",
      "GlobalAveragePool", "GridSample", "GroupNormalization", "HardSwish", "Identity",
      "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Log", "MatMul", "Max", "MaxPool",
      "Min", "Mul", "Pad", "Pow", "ReLU", "ReduceMax", "ReduceMean", "ReduceSum", "Reshape",
      "Resize", "Shape", "Sigmoid", "Sin", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub",
      "Tanh", "Tile", "TopK", "Transpose", "Unsqueeze", "Where"};
  return *names;
}

const Names& PassThrough() {
  static const Names* const names = new Names{
      "Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Clip", "Neg", "Abs", "Sqrt", "Exp", "Log",
      "Sin", "Cos", "Erf", "Cast", "Not", "Identity", "Dropout", "BatchNormalization", "Softmax",
      "LayerNormalization", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Gather"};
  return *names;
}

const Names& Tileable() {
  static const Names* const names = new Names{
      "Conv", "MaxPool", "Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Clip", "Neg", "Abs",
      "Sqrt", "Exp", "Log", "Sin", "Cos", "Erf", "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"};
  return *names;
}

const Names& Arithmetic() {
  static const Names* const names = new Names{"Add", "Sub", "Mul", "Div", "Pow"};
  return *names;
}

bool ReadsInitializer(const Graph& graph, NodeId n) {
  for (ValueId v : graph.node(n).inputs()) {
    if (v.valid() && graph.IsInitializer(v)) return true;
  }
  return false;
}

bool ReadsAny(const Sequence& sequence, int reader, int producer) {
  for (ValueId v : sequence.Reads(reader)) {
    if (sequence.MadeAt(v) == producer) return true;
  }
  return false;
}

}  // namespace

std::vector<int> DsperseCuts(const Graph& graph, const Sequence& sequence,
                             const std::function<std::optional<uint64_t>(NodeId)>& estimate) {
  const int n = sequence.size();
  std::vector<bool> cut(static_cast<size_t>(n) + 1, false);
  auto op = [&](int p) { return graph.node(sequence.node(p)).op_type(); };
  cut[0] = n > 0;
  for (int p = 0; p < n; ++p) {
    const absl::string_view type = op(p);
    const bool weighted = type == "Conv" || type == "Gemm" || type == "MatMul";
    if (weighted && ReadsInitializer(graph, sequence.node(p))) cut[static_cast<size_t>(p)] = true;
    if (type == "Conv" || type == "MaxPool") {
      cut[static_cast<size_t>(p)] = true;
      int end = p + 1;
      while (end < n && PassThrough().contains(op(end)) && ReadsAny(sequence, end, end - 1)) ++end;
      cut[static_cast<size_t>(end)] = true;
    }
    if (!Arithmetic().contains(type)) {
      const std::optional<uint64_t> price = estimate ? estimate(sequence.node(p)) : std::nullopt;
      if (!price || *price > kLargeEstimate) {
        cut[static_cast<size_t>(p)] = cut[static_cast<size_t>(p) + 1] = true;
      }
    }
    if (p == 0) continue;
    if (Proved().contains(op(p - 1)) != Proved().contains(type)) cut[static_cast<size_t>(p)] = true;
    const bool tileable = Tileable().contains(type), before = Tileable().contains(op(p - 1));
    if (tileable != before && !(type == "Relu" && !before)) cut[static_cast<size_t>(p)] = true;
  }
  // A node with bodies shares the slice of everything it reads.
  for (int p = 0; p < n; ++p) {
    if (graph.node(sequence.node(p)).bodies().empty()) continue;
    int first = p;
    for (ValueId v : sequence.Reads(p)) {
      if (sequence.MadeAt(v) >= 0) first = std::min(first, sequence.MadeAt(v));
    }
    for (int q = first + 1; q <= p; ++q) cut[static_cast<size_t>(q)] = false;
  }
  // Slices of constants only are merged with the next one.
  std::vector<int> begins;
  bool only_constants = false;
  for (int p = 0; p < n; ++p) {
    if (cut[static_cast<size_t>(p)] && !only_constants) begins.push_back(p);
    if (cut[static_cast<size_t>(p)]) only_constants = true;
    only_constants &= op(p) == "Constant" || op(p) == "ConstantOfShape";
  }
  return begins;
}

}  // namespace dsperse
