#include "circuit_estimate/backends/expander_counter.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {

namespace {

constexpr int kMostBits = 64;
constexpr int kQuotientBits = 64;  // of a division by a constant

}  // namespace

ExpanderCounter::ExpanderCounter(ModelView* view, const Parameters& parameters)
    : view_(*view),
      scale_bits_(static_cast<int>(parameters.Number("scale_bits"))),
      weights_are_inputs_(parameters.Text("weights") == "inputs") {}

void ExpanderCounter::Begin() {
  bounds_.clear();
  zeros_.clear();
  lifted_.clear();
  partly_constant_.clear();
}

int ExpanderCounter::Bits(double bound) const {
  const double scaled = std::fabs(std::ldexp(bound, scale_bits_));
  if (!(scaled > 1)) return 2;
  if (!std::isfinite(scaled)) return 4096;
  // ⌈log2⌉ from the exponent: no library logarithm, so every machine answers the same.
  int exponent = 0;
  const double mantissa = std::frexp(scaled, &exponent);
  return (mantissa == 0.5 ? exponent - 1 : exponent) + 1;
}

int ExpanderCounter::Need(double bound, Priced* priced) const {
  const int bits = Bits(bound);
  priced->bits = std::max(priced->bits, bits);
  return bits;
}

double ExpanderCounter::BoundOf(ValueId value) {
  if (!value.valid()) return 1;
  if (const auto found = bounds_.find(value); found != bounds_.end())
    return cut_ ? view_.EntryBound(value) : found->second;
  if (!view_.IsConstant(value)) return view_.EntryBound(value);
  const absl::StatusOr<TensorStats> stats = view_.StatsOf(value);
  return stats.ok() ? stats->max_abs : 1;
}

void ExpanderCounter::Rescale(Count n, Count constant, int bits, Priced* priced) const {
  // scaled value = 2^k · quotient + remainder; of a constant both are known, but still checked.
  priced->cost.constraints += n - constant;
  priced->cost.inputs += Count(2) * (n - constant);
  priced->cost.Check(scale_bits_, n);
  priced->cost.Check(bits, n);
  if (constant.value() != 0) priced->cost.trivial = priced->makes_constants = true;
}

void ExpanderCounter::Divide(Count n, uint64_t divisor, Priced* priced) const {
  int bits = 0;
  while (bits < 63 && (uint64_t{1} << bits) < divisor) ++bits;
  const bool power = (uint64_t{1} << bits) == divisor;
  priced->cost.constraints += n;
  priced->cost.inputs += Count(2) * n;
  priced->cost.Check(kQuotientBits, n);
  // The remainder r (a digit even where it can only be 0), and d − 1 − r where d is no power of two. In one digit each they share a term
  // of the sum over all queries, two elements at a time, if these meet there: seen where nothing
  // else is checked.
  priced->cost.Check(std::max(1, bits), power ? n : Count(2) * n);
  if (power) return;
  priced->mul_exact = false;
  if (bits <= 12 && n.value() % 2 == 0) priced->cost.saved_mul += Count(n.value() / 2);
}

bool ExpanderCounter::AddsNothing(const NodeView& view) {
  const ValueId a = view.input(0);
  const ValueId b = view.input(1);
  const bool subtracts = view.Is("Sub");
  if (subtracts && a == b) {
    zeros_.insert(view.output(0));
    return true;
  }
  if (!zeros_.contains(b)) return false;
  if (zeros_.contains(a)) {
    zeros_.insert(view.output(0));
  } else if (subtracts && FromOutside(a) && !view_.IsConstant(a)) {
    lifted_.insert(view.output(0));
  }
  return true;
}

ExpanderCounter::Priced ExpanderCounter::AddNode(NodeId id) {
  const NodeView view = view_.graph().node(id);
  const Node node{view, view_.ShapeOf(view.input(0)), view_.ShapeOf(view.output(0)),
                  view_.Elements(view.output(0))};
  Priced priced;
  double bound = 1;
  if (!view.domain().empty()) {
    priced.refused = absl::StrCat("operators of domain ", view.domain(), " are unknown to jstprove_expander");
  } else if (node.in == nullptr || node.out == nullptr) {
    priced.refused = "shapes are not known";
  } else {
    const Refusals& refusals = RefusalsOf(node);
    priced.refused = refusals.always;
    priced.refused_here = refusals.here;
    bound = priced.refused.empty() ? Price(node, &priced) : BoundOf(view.input(0));
  }
  if (priced.refused.empty() && priced.bits > kMostBits) {
    const std::string reason = absl::StrCat("needs ", priced.bits, " bits, more than the ", kMostBits,
                                            " that it takes: a slice must begin before it");
    const int needed = priced.bits;
    priced = Priced();
    cut_ = true;
    bound = Price(node, &priced);
    cut_ = false;
    priced.refused_here = reason;
    if (priced.bits > kMostBits) {
      priced.refused = absl::StrCat("needs ", priced.bits, " bits even at the start of a slice");
    }
    priced.bits = needed;
  }
  if (!priced.refused.empty()) priced.cost = ExpanderCost();
  // What is read of known values costs less than the formulas say.
  bool reads_constants = false;
  for (ValueId input : view.inputs()) {
    reads_constants = reads_constants || (input.valid() && partly_constant_.contains(input));
  }
  if (reads_constants && !MovesData(view.op_type())) {
    priced.constraints_exact = priced.mul_exact = false;
  }
  if (reads_constants || priced.makes_constants) {
    for (ValueId output : view.outputs()) {
      if (output.valid()) partly_constant_.insert(output);
    }
  }
  for (ValueId output : view.outputs()) {
    if (output.valid()) bounds_[output] = bound;
  }
  return priced;
}

double ExpanderCounter::Price(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  const double in = BoundOf(view.input(0));
  if (op == "Conv" || op == "ConvTranspose" || op == "Gemm" || op == "MatMul" ||
      op == "BatchNormalization") {
    return Linear(node, priced);
  }
  if (op == "Mul") return Mul(node, priced);
  if (op == "Div") return Div(node, priced);
  if (op == "Add" || op == "Sub") {
    if (!AddsNothing(view)) priced->cost.add += node.n;
    return in + BoundOf(view.input(1));
  }
  if (op == "Neg") return in;
  if (op == "ReduceSum") {
    priced->cost.add += view_.Elements(view.input(0));
    // Whichever axes are summed (JstproveReduceSum in fold/ops/target.cc).
    return in * static_cast<double>(node.in->empty() ? 1 : std::max<int64_t>(1, node.in->back()));
  }
  if (op == "Relu" || op == "ReLU" || op == "LeakyRelu" || op == "Clip" || op == "Max" ||
      op == "Min") {
    return Activation(node, priced);
  }
  if (op == "MaxPool" || op == "AveragePool" || op == "GlobalAveragePool")
    return Pool(node, priced);
  if (op == "Concat") {
    double bound = 0;
    for (ValueId input : view.inputs()) bound = std::max(bound, BoundOf(input));
    return bound;
  }
  if (MovesData(op)) {
    if (zeros_.contains(view.input(0)) && op != "Concat" && op != "Pad") zeros_.insert(view.output(0));
    return in;
  }
  return Function(node, priced);
}

}  // namespace dsperse
