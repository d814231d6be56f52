#include "fold/ops/fixed_point.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

namespace dsperse {
namespace {

constexpr double kNearlyOne = 0.15;

// The operand of the Neg that makes `value`, or none.
ValueId NegatedBy(const Graph& graph, ValueId value) {
  const NodeId producer = graph.Producer(value);
  if (!producer.valid() || !graph.node(producer).Is("Neg")) return {};
  return graph.node(producer).input(0);
}

// Is `value` b − b?
bool IsDifferenceWithItself(const Graph& graph, ValueId value, ValueId b) {
  const NodeId producer = value.valid() ? graph.Producer(value) : NodeId();
  if (!producer.valid() || !graph.node(producer).Is("Sub")) return false;
  const NodeView sub = graph.node(producer);
  return sub.input(0) == b && sub.input(1) == b;
}

}  // namespace

int ScalePower(const NodeView& node, int index) {
  if (index != 1 && index != 2) return 0;
  for (absl::string_view op : {"Conv", "ConvTranspose", "Gemm", "LayerNormalization"}) {
    if (node.Is(op)) return index;
  }
  return index == 1 && node.Is("MatMul") ? 1 : 0;
}

bool AllZero(const Tensor& tensor) {
  if (tensor.num_elements() > (1 << 20)) return false;
  const absl::StatusOr<std::vector<double>> values = ToDoubles(tensor);
  return values.ok() && std::all_of(values->begin(), values->end(), [](double v) { return v == 0; });
}

bool CoversBound(const Graph& graph, ValueId a, ValueId b) {
  if (a == b || NegatedBy(graph, a) == b || NegatedBy(graph, b) == a) return true;
  const NodeId producer = graph.Producer(a);
  if (!producer.valid() || !graph.node(producer).Is("Add")) return false;
  const NodeView add = graph.node(producer);
  return IsDifferenceWithItself(graph, add.input(0), b) || IsDifferenceWithItself(graph, add.input(1), b);
}

bool TakesShapeOfAnother(const NodeView& node, Facts& facts) {
  const std::optional<Dims> first = facts.StaticShape(node.input(0)), made = facts.StaticShape(node.output(0));
  return first && made && *first != *made;
}

bool IsCircuitEpsilon(double epsilon) { return std::abs(epsilon / kCircuitEpsilon - 1) <= kNearlyOne; }

}  // namespace dsperse
