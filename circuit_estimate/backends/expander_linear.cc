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

const ExpanderCounter::Windows& ExpanderCounter::WindowsOf(const NodeView& view) {
  std::unique_ptr<const Windows>& known = windows_[view.id()];
  if (known != nullptr) return *known;
  auto windows = std::make_unique<Windows>();
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
  const std::optional<double> bound = WeightedBound(node, priced);
  const Dims* weight = view_.ShapeOf(view.input(1));
  if (!bound.has_value() || weight == nullptr) return in;
  if (weight->size() != 4) {
    priced->refused = absl::StrCat("weights of rank ", weight->size());
    return in;
  }
  const int bits = Need(*bound, priced);
  if (view.Is("ConvTranspose")) {
    if (weights_are_inputs_) priced->mul_exact = false;  // seen to be a few off
    priced->cost.products +=
        Count((*node.in)[0]) * Count((*weight)[0]) * Count((*weight)[1]) * TransposedTaps(node);
    Rescale(node.n, Count(0), bits, priced);
    return *bound;
  }
  const Windows& windows = WindowsOf(view);
  if (!windows.problem.empty()) {
    priced->refused = windows.problem;
    return in;
  }
  // Taps in the padding are skipped; a position that meets nothing but padding is a constant.
  const Count images((*node.in)[0]);
  priced->cost.products += windows.taps * Count((*weight)[0]) * Count((*weight)[1]) * images;
  // (A bias is an input of the circuit where weights are, whatever it holds.)
  Count blind;
  const bool knows_bias = !view.input(2).valid() || !weights_are_inputs_;
  for (const TapCount& tap : windows.histogram) {
    if (tap.taps.value() == 0 && knows_bias) blind += tap.positions;
  }
  // No more than all: where sizes are guessed, the window and the result needn't agree on them.
  Rescale(node.n, std::min(node.n, blind * Count((*weight)[0]) * images), bits, priced);
  return *bound;
}

Count ExpanderCounter::TransposedTaps(const Node& node) {
  const std::vector<int64_t> kernel = KernelOf(view_, node.view);
  const std::vector<int64_t> strides = node.view.Ints("strides", std::vector<int64_t>(kernel.size(), 1));
  const std::vector<int64_t> pads = node.view.Ints("pads", std::vector<int64_t>(2 * kernel.size(), 0));
  Count taps(1);
  for (size_t axis = 0; axis < kernel.size() && axis < strides.size() && axis < pads.size(); ++axis) {
    // Element i of the image meets element k of the kernel at i · stride + k − pad of the result.
    const int64_t in = axis + 2 < node.in->size() ? (*node.in)[axis + 2] : 0;
    const int64_t out = axis + 2 < node.out->size() ? (*node.out)[axis + 2] : 0;
    const int64_t stride = std::max<int64_t>(1, strides[axis]);
    Count inside(0);
    for (int64_t k = 0; k < kernel[axis]; ++k) {
      const int64_t first = k < pads[axis] ? (pads[axis] - k - 1) / stride + 1 : 0;
      const int64_t after = out + pads[axis] > k ? std::min(in, (out + pads[axis] - k - 1) / stride + 1) : 0;
      inside += Count(std::max<int64_t>(0, after - first));
    }
    taps *= inside;
  }
  return taps;
}

double ExpanderCounter::Matrix(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const double in = BoundOf(view.input(0));
  const std::optional<MatrixProduct> p = MatrixProductOf(view_, view);
  if (!p.has_value()) {
    priced->refused = "shapes of the operands are not known";
    return in;
  }
  const bool variable = view.Is("MatMul") && !view_.IsConstant(view.input(1));
  double bound = in;
  if (variable) {
    bound = in * BoundOf(view.input(1)) * static_cast<double>(p->m_size);
    if (const Tensor* left = view_.ConstantOf(view.input(0)); left != nullptr && left->rank() == 2) {
      const absl::StatusOr<double> row = view_.LargestChannelSum(view.input(0), 0);
      if (row.ok()) bound = *row * BoundOf(view.input(1));
    }
  } else {
    const std::optional<double> weighted = WeightedBound(node, priced);
    if (!weighted.has_value()) return in;
    bound = *weighted;
  }
  Rescale(node.n, Count(0), Need(bound, priced), priced);
  ExpanderCost& cost = priced->cost;
  Count& products = variable ? cost.mul : cost.products;
  if (IsChecked({static_cast<double>(p->l_size), static_cast<double>(p->m_size), static_cast<double>(p->n_size)})) {
    // In circuits that take weights as inputs, seen to be some products less.
    if (weights_are_inputs_) priced->mul_exact = false;
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
