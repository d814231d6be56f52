#include "fold/lowering/lower_scale_paths.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/precision.h"
#include "fold/ops/views.h"
#include "fold/passes/constants.h"
#include "fold/passes/linear_owner.h"
#include "fold/passes/rewire.h"

namespace dsperse {
namespace {

constexpr double kLeastFactor = 1.0 / 32;

// A constant that is replaced by another one of its shape.
struct Replacement {
  NodeId node;
  int input = 0;
  Tensor tensor;
};
using Replacements = std::vector<Replacement>;

// A Mul or Div of a value by one number.
struct NumberStep {
  int data = 0;
  int constant = 1;
  bool divides = false;
  double number = 1;

  double factor() const { return divides ? 1 / number : number; }
};

class Mover {
 public:
  Mover(Graph& graph, PassContext& context) : graph_(graph), context_(context) {}

  // Takes the number at `step` out if weights can take it.
  absl::StatusOr<bool> Move(NodeId step) {
    const NodeView node = graph_.node(step);
    DSPERSE_ASSIGN_OR_RETURN(const std::optional<NumberStep> number, NumberOf(step));
    if (!number || !(number->factor() >= kLeastFactor) || !(number->factor() < 1)) return false;
    const ValueId x = node.input(number->data);
    const std::optional<Dims> dims = context_.facts().StaticShape(x);
    if (!dims || context_.facts().StaticShape(node.output(0)) != dims) return false;
    if (!WhyNotForward(graph_, node.output(0), x).empty()) return false;

    Replacements changed;
    if (!graph_.HasSingleNodeUse(x)) {
      const std::optional<NodeId> other = OtherReader(x, step);
      if (!other) return false;
      DSPERSE_ASSIGN_OR_RETURN(const bool made_up, MakeUp(*other, x, step, 1 / number->factor(), &changed));
      if (!made_up) return false;
    }
    DSPERSE_ASSIGN_OR_RETURN(const bool taken, Backward(x, number->factor(), &changed));
    if (!taken) return false;
    context_.Applied(node, absl::StrCat("its number ", number->number, " moved into constants before it",
                                        " (re-rounded)"));
    for (Replacement& r : changed) {
      ReplaceConstantInput(graph_, r.node, r.input, std::move(r.tensor), "scaled");
    }
    ForwardAndRemove(graph_, node.output(0), x);
    return true;
  }

 private:
  absl::StatusOr<std::optional<NumberStep>> NumberOf(NodeId id) {
    const NodeView node = graph_.node(id);
    if (!(node.Is("Mul") || node.Is("Div")) || node.num_inputs() != 2 || node.opset() < 7) {
      return std::nullopt;
    }
    NumberStep step;
    step.divides = node.Is("Div");
    std::optional<Tensor> constant = ConstantOf(graph_, node.input(1));
    if (!constant && !step.divides) {
      constant = ConstantOf(graph_, node.input(0));
      std::swap(step.data, step.constant);
    }
    if (!constant || constant->num_elements() != 1 || !IsFloat(constant->dtype())) return std::nullopt;
    if (ConstantOf(graph_, node.input(step.data))) return std::nullopt;
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> value, ToDoubles(*constant));
    step.number = value[0];
    if (!std::isfinite(step.factor()) || step.factor() == 0) return std::nullopt;
    return step;
  }

  // The second of exactly two readers.
  std::optional<NodeId> OtherReader(ValueId value, NodeId reader) const {
    if (graph_.IsBlockOutput(value) || graph_.IsCaptured(value) || graph_.Uses(value).size() != 2) {
      return std::nullopt;
    }
    const NodeId first = graph_.Uses(value)[0].node, second = graph_.Uses(value)[1].node;
    if (first == second) return std::nullopt;
    return first == reader ? second : first;
  }

  // Every element of a constant input times `factor`; false where it can't be.
  absl::StatusOr<bool> Scale(NodeId node, int input, double factor, Replacements* changed) {
    const std::optional<Tensor> constant = ConstantOf(graph_, graph_.node(node).input(input));
    if (!constant || !IsFloat(constant->dtype()) || constant->num_elements() > kMostMade) return false;
    DSPERSE_ASSIGN_OR_RETURN(std::vector<double> values, ToDoubles(*constant));
    for (double& value : values) {
      value *= factor;
      if (!IsFiniteAs(constant->dtype(), value)) return false;
    }
    DSPERSE_ASSIGN_OR_RETURN(Tensor scaled, RoundTo(constant->dtype(), constant->dims(), values));
    changed->push_back({node, input, std::move(scaled)});
    return true;
  }

  absl::StatusOr<bool> ScaleNumber(NodeId id, const NumberStep& step, double factor, Replacements* changed) {
    const double by = step.divides ? 1 / factor : factor;
    // A divisor must not become 0.
    const DType type = ConstantOf(graph_, graph_.node(id).input(step.constant))->dtype();
    if (!KeepsPrecision(type, step.number * by)) return false;
    return Scale(id, step.constant, by, changed);
  }

  // A linear operator's whole weight times `factor`; its bias too where `bias`.
  absl::StatusOr<bool> ScaleLinear(NodeId id, double factor, bool bias, ValueId data, Replacements* changed) {
    const Matched<LinearOwner> owner = MatchLinearOwner(graph_, id, context_);
    const NodeView node = graph_.node(id);
    if (!owner || (data.valid() && node.input(owner->data_input) != data)) return false;
    const ChannelAxis& axis = owner->out.valid() ? owner->out : owner->in;
    if (!axis.valid()) return false;
    const std::vector<double> factors(static_cast<size_t>(axis.channels), factor);
    const std::vector<double> none;
    DSPERSE_ASSIGN_OR_RETURN(Tensor weight, owner->out.valid() ? ScaleWeight(*owner, factors, none)
                                                               : ScaleWeight(*owner, none, factors));
    if (factor > 1) {
      DSPERSE_ASSIGN_OR_RETURN(const int64_t bad, FirstNonFinite(weight));
      if (bad >= 0) return false;
    }
    if (bias && owner->has_bias_input() && node.num_inputs() > owner->bias_input() &&
        node.input(owner->bias_input()).valid()) {
      DSPERSE_ASSIGN_OR_RETURN(const bool scaled, Scale(id, owner->bias_input(), factor, changed));
      if (!scaled) return false;
    }
    changed->push_back({id, owner->weight_input, std::move(weight)});
    return true;
  }

  // `value` times `factor`, by constants that it is computed from. One product of computed matrices may
  // lie on the way.
  absl::StatusOr<bool> Backward(ValueId value, double factor, Replacements* changed) {
    const size_t before = changed->size();
    size_t kept = before;  // with those between a product and `value`
    std::vector<ValueId> starts = {value};
    bool product_seen = false;
    while (!starts.empty()) {
      ValueId v = starts.back();
      starts.pop_back();
      changed->resize(kept);
      while (true) {
        const NodeId id = graph_.Producer(v);
        if (!id.valid() || graph_.BlockOf(v) != graph_.BlockOf(value)) break;
        const NodeView node = graph_.node(id);
        if (!node.domain().empty()) break;
        ValueId next;
        if (Rearranges(node)) {
          next = node.input(0);
        } else if (node.Is("Add") && node.num_inputs() == 2) {
          const int constant = IsConstant(graph_, node.input(1)) ? 1 : 0;
          next = node.input(1 - constant);
          DSPERSE_ASSIGN_OR_RETURN(const bool scaled, Scale(id, constant, factor, changed));
          if (!scaled) break;
        } else if (IsLinearOp(node)) {
          DSPERSE_ASSIGN_OR_RETURN(const bool scaled, ScaleLinear(id, factor, true, ValueId(), changed));
          if (scaled) return true;
          if (!node.Is("MatMul") || product_seen) break;
          product_seen = true;
          kept = changed->size();
          for (const int operand : {1, 0}) {
            const ValueId factor_matrix = node.input(operand);
            if (!IsConstant(graph_, factor_matrix) && graph_.HasSingleNodeUse(factor_matrix)) {
              starts.push_back(factor_matrix);
            }
          }
          break;
        } else {
          break;
        }
        if (!graph_.HasSingleNodeUse(next)) break;
        v = next;
      }
    }
    changed->resize(before);
    return false;
  }

  // What `reader` makes of `x` shall stay as it is, or be made up for behind it, with `x` smaller by
  // 1/`factor`. `step` goes: its number can't take anything.
  absl::StatusOr<bool> MakeUp(NodeId reader, ValueId x, NodeId step, double factor, Replacements* changed) {
    DSPERSE_ASSIGN_OR_RETURN(const std::optional<NumberStep> own, NumberOf(reader));
    if (own) return ScaleNumber(reader, *own, factor, changed);
    const NodeView product = graph_.node(reader);
    if (!product.Is("Mul") || product.num_inputs() != 2 || product.input(0) == product.input(1)) return false;
    // Behind it.
    ValueId v = product.output(0);
    while (graph_.HasSingleNodeUse(v)) {
      const NodeId id = graph_.Uses(v)[0].node;
      const NodeView node = graph_.node(id);
      if (!node.domain().empty()) break;
      if (Rearranges(node) && node.input(0) == v) {
        v = node.output(0);
        continue;
      }
      DSPERSE_ASSIGN_OR_RETURN(const std::optional<NumberStep> next, NumberOf(id));
      if (next) return ScaleNumber(id, *next, factor, changed);
      if (!IsLinearOp(node)) break;
      DSPERSE_ASSIGN_OR_RETURN(const bool scaled, ScaleLinear(id, factor, false, v, changed));
      if (scaled) return true;
      break;
    }
    // In its other factor.
    const ValueId other = product.input(0) == x ? product.input(1) : product.input(0);
    const NodeId maker = graph_.Producer(other);
    if (!maker.valid() || maker == step || !graph_.HasSingleNodeUse(other)) return false;
    DSPERSE_ASSIGN_OR_RETURN(const std::optional<NumberStep> number, NumberOf(maker));
    return number ? ScaleNumber(maker, *number, factor, changed) : false;
  }

  Graph& graph_;
  PassContext& context_;
};

}  // namespace

absl::StatusOr<bool> LowerScalePaths::Run(Graph& graph, PassContext& context) const {
  if (context.target == nullptr || context.options().exact) return false;
  bool changed = false;
  for (NodeId id : graph.AllNodes()) {
    if (!graph.IsLive(id)) continue;
    Mover mover(graph, context);
    DSPERSE_ASSIGN_OR_RETURN(const bool moved, mover.Move(id));
    changed = changed || moved;
  }
  return changed;
}

}  // namespace dsperse
