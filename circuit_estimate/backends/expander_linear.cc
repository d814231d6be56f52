// Operators whose results are sums of products, rescaled: Conv, Gemm, MatMul, BatchNormalization,
// Mul, Div.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/expander_counter.h"
#include "circuit_estimate/shapes.h"
#include "fold/ops/random_check.h"

namespace dsperse {

double ExpanderCounter::Linear(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  if (view.Is("Conv") || view.Is("ConvTranspose")) return Convolution(node, priced);
  if (view.Is("Gemm") || view.Is("MatMul")) return Matrix(node, priced);
  const double in = BoundOf(view.input(0));
  const std::optional<ScaleShift> affine = ScaleShiftOf(view_, view);
  if (!affine.has_value()) {
    priced->refused = "parameters are not constant";
    return in;
  }
  double scale = 0;
  double shift = 0;
  for (double v : affine->scale) scale = std::max(scale, std::fabs(v));
  for (double v : affine->shift) shift = std::max(shift, std::fabs(v));
  const double bound = scale * in + shift;
  priced->cost.products += node.n;
  Rescale(node.n, Count(0), Need(bound, priced), priced);
  return bound;
}

std::optional<double> ExpanderCounter::WeightedBound(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const ValueId weight = view.input(1);
  const Tensor* tensor = view_.ConstantOf(weight);
  if (tensor == nullptr) {
    priced->refused = "weights are not constant";
    return std::nullopt;
  }
  const absl::StatusOr<double> sum = view_.LargestChannelSum(weight, ChannelAxis(view, *tensor));
  if (!sum.ok()) {
    priced->refused = std::string(sum.status().message());
    return std::nullopt;
  }
  double bound = *sum * BoundOf(view.input(0));
  if (view_.IsConstant(view.input(2))) bound += BoundOf(view.input(2));
  return bound;
}

std::string ExpanderCounter::ProblemOf(const NodeView& view) {
  const absl::string_view op = view.op_type();
  if (op != "Conv" && op != "ConvTranspose") return "";
  for (int64_t dilation : view.Ints("dilations")) {
    if (dilation != 1) return absl::StrCat(op, " with dilation above 1");
  }
  if (view.Int("group", 1) != 1) return absl::StrCat(op, " with group > 1");
  if (view_.ShapeOf(view.input(0))->size() != 4) return absl::StrCat(op, " over other than two spatial axes");
  return "";
}

const ExpanderCounter::Windows& ExpanderCounter::WindowsOf(const NodeView& view) {
  std::unique_ptr<const Windows>& known = windows_[view.id()];
  if (known != nullptr) return *known;
  auto windows = std::make_unique<Windows>();
  windows->problem = ProblemOf(view);
  if (!windows->problem.empty() || view.Is("ConvTranspose")) return *(known = std::move(windows));
  const absl::StatusOr<Window> window = WindowOf(view_, view);
  if (window.ok()) {
    windows->taps = TapsInside(*window);
    windows->histogram = TapHistogram(*window);
  } else {
    windows->problem = std::string(window.status().message());
  }
  known = std::move(windows);
  return *known;
}

double ExpanderCounter::Convolution(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const double in = BoundOf(view.input(0));
  const Windows& windows = WindowsOf(view);
  priced->refused = windows.problem;
  if (!priced->refused.empty()) return in;
  const std::optional<double> bound = WeightedBound(node, priced);
  const Dims* weight = view_.ShapeOf(view.input(1));
  if (!bound.has_value() || weight == nullptr) return in;
  if (weight->size() != 4) {
    priced->refused = absl::StrCat("weights of rank ", weight->size());
    return in;
  }
  const int bits = Need(*bound, priced);
  if (view.Is("ConvTranspose")) {
    priced->cost.products +=
        view_.Elements(view.input(0)) * Product(absl::MakeConstSpan(*weight).subspan(1));
    Rescale(node.n, Count(0), bits, priced);
    return *bound;
  }
  // Taps in the padding are skipped; a position that meets nothing but padding is a constant.
  const Count images((*node.in)[0]);
  priced->cost.products += windows.taps * Count((*weight)[0]) * Count((*weight)[1]) * images;
  Count blind;
  for (const TapCount& tap : windows.histogram) {
    if (tap.taps.value() == 0) blind += tap.positions;
  }
  // No more than all: where sizes are guessed, the window and the result needn't agree on them.
  Rescale(node.n, std::min(node.n, blind * Count((*weight)[0]) * images), bits, priced);
  return *bound;
}

double ExpanderCounter::Matrix(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const double in = BoundOf(view.input(0));
  const std::optional<MatrixProduct> p = MatrixProductOf(view_, view);
  if (!p.has_value()) {
    priced->refused = "shapes of the operands are not known";
    return in;
  }
  if (view.Is("Gemm") && !view.input(2).valid()) {
    priced->refused = "Gemm without C";
    return in;
  }
  const bool variable = view.Is("MatMul") && !view_.IsConstant(view.input(1));
  double bound = in;
  if (variable) {
    bound = in * BoundOf(view.input(1)) * static_cast<double>(p->m_size);
  } else {
    const std::optional<double> weighted = WeightedBound(node, priced);
    if (!weighted.has_value()) return in;
    bound = *weighted;
  }
  Rescale(node.n, Count(0), Need(bound, priced), priced);
  ExpanderCost& cost = priced->cost;
  Count& products = variable ? cost.mul : cost.products;
  if (IsChecked({static_cast<double>(p->l_size), static_cast<double>(p->m_size), static_cast<double>(p->n_size)})) {
    cost.constraints += p->l * p->batches;
    cost.inputs += node.n;
    cost.mul += Count(3) * node.n;
    cost.add += p->batches * p->l * p->m;
    products += p->batches * p->m * p->n;
  } else {
    products += node.n * p->m;
  }
  return bound;
}

double ExpanderCounter::Mul(const Node& node, Priced* priced) {
  const ValueId a = node.view.input(0);
  const ValueId b = node.view.input(1);
  const double bound = BoundOf(a) * BoundOf(b);
  const int bits = Need(bound, priced);
  if (!view_.IsConstant(a) && !view_.IsConstant(b)) {
    Rescale(node.n, Count(0), bits, priced);
    priced->cost.mul += node.n;
    return bound;
  }
  // The tool takes a constant factor as a whole number: what is below 1 becomes 0, and the result a
  // constant.
  const ValueId factor = view_.IsConstant(a) ? a : b;
  const absl::StatusOr<TensorStats> stats = view_.StatsOf(factor);
  const Count elements = view_.Elements(factor);
  Count zeros;
  if (stats.ok() && elements.value() != 0) {
    zeros = Count(node.n.value() / elements.value()) * Count(stats->below_one);
  }
  Rescale(node.n, zeros, bits, priced);
  priced->cost.add += node.n - zeros;  // never an input of the circuit, as weights may be
  return bound;
}

double ExpanderCounter::Div(const Node& node, Priced* priced) {
  const double in = BoundOf(node.view.input(0));
  const std::optional<std::vector<double>> divisors = view_.DoublesOf(node.view.input(1));
  if (!divisors.has_value() || divisors->empty()) {
    priced->refused = "Div needs a constant divisor";
    return in;
  }
  // Divisors are whole numbers to the tool: 1 is no division at all.
  const Count each(node.n.value() / divisors->size());
  double least = INFINITY;
  for (double divisor : *divisors) {
    const double whole = std::trunc(divisor);
    if (!(whole >= 1 && whole <= 4294967295.0)) {
      priced->refused = absl::StrCat("divisor ", divisor, " is not within 1 … 2^32");
      return in;
    }
    least = std::min(least, divisor);
    if (whole > 1) Divide(each, static_cast<uint64_t>(whole), priced);
  }
  return in / least;
}

}  // namespace dsperse
