#include "fold/passes/drop_unreachable_bounds.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/passes/rewire.h"

namespace dsperse {
namespace {

// One side of a comparison.
struct Bound {
  bool present = false;
  std::optional<double> value;  // if it is a finite constant
};

struct Comparison {
  Bound low;
  Bound high;
};

Bound ClipBound(const NodeView& node, Facts& facts, int input, const char* attribute) {
  if (node.opset() < 11) {
    if (!node.HasAttr(attribute)) return {};
    const double value = node.Float(attribute, 0);
    return {true, std::isfinite(value) ? std::optional<double>(value) : std::nullopt};
  }
  if (!node.input(input).valid()) return {};
  const Tensor* constant = facts.ConstantOf(node.input(input));
  if (constant == nullptr || constant->num_elements() != 1) return {true, std::nullopt};
  const absl::StatusOr<std::vector<double>> values = ToDoubles(*constant);
  if (!values.ok() || !std::isfinite((*values)[0])) return {true, std::nullopt};
  return {true, (*values)[0]};
}

std::optional<Comparison> ComparisonOf(const NodeView& node, Facts& facts) {
  if (node.Is("Relu")) return Comparison{{true, 0.0}, {}};
  if (node.Is("Clip")) {
    return Comparison{ClipBound(node, facts, 1, "min"), ClipBound(node, facts, 2, "max")};
  }
  return std::nullopt;
}

void DropBound(Graph& graph, NodeId node, int input, const char* attribute) {
  if (graph.node(node).opset() < 11) {
    graph.RemoveAttribute(node, attribute);
  } else {
    graph.SetInput(node, input, ValueId());
    graph.TrimInputs(node);
  }
}

}  // namespace

absl::StatusOr<bool> DropUnreachableBounds::Run(Graph& graph, PassContext& context) const {
  Facts& facts = context.facts();
  Ranges ranges(&graph, &facts, &ranges_);
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id)) continue;
    const NodeView node = graph.node(id);
    const std::optional<Comparison> comparison = ComparisonOf(node, facts);
    if (!comparison.has_value() || !(comparison->low.present || comparison->high.present)) continue;
    const bool unknown = (comparison->low.present && !comparison->low.value.has_value()) ||
                         (comparison->high.present && !comparison->high.value.has_value());
    if (unknown) {  // which may lie on the other side of the known one
      context.Missed(node, "a bound is no finite constant");
      continue;
    }
    const Interval x = ranges.Of(node.input(0));
    if (!x.bounded()) {
      context.Missed(node, "nothing bounds its input");
      continue;
    }
    const auto text = [&] { return absl::StrCat("its input lies in ", x.low, " … ", x.high); };
    const Bound& low = comparison->low;
    const Bound& high = comparison->high;
    // A lower bound above the upper one: the result is the upper one, whatever x is.
    const bool crossed = low.value.has_value() && high.value.has_value() && *low.value > *high.value;
    const bool no_low = low.value.has_value() && x.low >= *low.value && !crossed;
    const bool no_high = high.value.has_value() && x.high <= *high.value && !crossed;
    if ((no_low || !low.present) && (no_high || !high.present)) {
      if (std::string why = WhyNotForward(graph, node.output(0), node.input(0)); !why.empty()) {
        context.Missed(node, why);
        continue;
      }
      context.Applied(node, absl::StrCat("removed: ", text()));
      ForwardAndRemove(graph, node.output(0), node.input(0));
      changed = true;
    } else if (no_low || no_high) {
      context.Applied(node, absl::StrCat(no_low ? "lower" : "upper", " bound dropped: ", text()));
      DropBound(graph, id, no_low ? 1 : 2, no_low ? "min" : "max");
      changed = true;
    } else {
      context.Missed(node, text());
    }
  }
  return changed;
}

}  // namespace dsperse
