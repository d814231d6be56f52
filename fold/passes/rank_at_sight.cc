#include "fold/passes/rank_at_sight.h"

#include <algorithm>
#include <optional>

#include "absl/strings/string_view.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

constexpr int kMaxSteps = 16;

// The result's rank is that of the first input; of Add and its like it may be larger, as they broadcast.
constexpr absl::string_view kNotLess[] = {
    "Add",       "AveragePool", "BatchNormalization", "Clip", "Div",  "Dropout",   "GlobalAveragePool",
    "HardSwish", "Identity",    "LeakyRelu",          "Mul",  "Relu", "Sigmoid",   "GlobalMaxPool",
    "MaxPool",   "Sub",         "Tanh",
};

bool HasRankOfFirstInput(absl::string_view op_type) {
  return std::find(std::begin(kNotLess), std::end(kNotLess), op_type) != std::end(kNotLess);
}

}  // namespace

int LeastRankAtSight(const Graph& graph, ValueId value) {
  for (int step = 0; step < kMaxSteps; ++step) {
    const NodeId producer = value.valid() ? graph.Producer(value) : NodeId();
    if (!producer.valid()) return 0;
    const NodeView node = graph.node(producer);
    if (!node.domain().empty() || graph.OutputIndex(value) != 0) return 0;
    if (node.Is("Conv") || node.Is("ConvTranspose")) {
      const std::optional<Tensor> weight = ConstantOf(graph, node.input(1));
      return weight ? weight->rank() : 0;
    }
    if (!HasRankOfFirstInput(node.op_type())) return 0;
    value = node.input(0);
  }
  return 0;
}

}  // namespace dsperse
