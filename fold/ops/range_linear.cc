// Ranges of operators whose results are sums of products: Conv, ConvTranspose, Gemm, MatMul,
// BatchNormalization.
#include <cmath>
#include <optional>
#include <vector>

#include "fold/ops/range.h"
#include "fold/ops/tensor_windows.h"

namespace dsperse {
namespace {

// Sums of the positive and of the negative weights of one output channel.
struct ChannelSums {
  double positive = 0;
  double negative = 0;
};

struct WeightSums {
  std::vector<ChannelSums> channels;
  double terms = 0;  // of one channel
};

// Along `axis`; where it is outside of the rank, all elements are one channel. Empty where a weight is
// not finite or can't be read.
std::optional<WeightSums> SumWeights(const Tensor& weight, int axis) {
  const bool split = axis >= 0 && axis < weight.rank();
  const int64_t channels = split ? weight.dims()[axis] : 1;
  if (weight.num_elements() == 0) return std::nullopt;  // its other sizes may be anything
  int64_t inner = 1;
  for (int a = axis + 1; split && a < weight.rank(); ++a) inner *= weight.dims()[a];
  WeightSums sums;
  sums.channels.resize(static_cast<size_t>(channels));
  sums.terms = static_cast<double>(weight.num_elements() / channels);
  bool finite = true;
  const absl::Status read = ForElements(weight, [&](int64_t index, double w) {
    ChannelSums& channel = sums.channels[split ? static_cast<size_t>(index / inner % channels) : 0];
    if (w > 0) {
      channel.positive += w;
    } else {
      channel.negative += w;
    }
    finite = finite && std::isfinite(w);
  });
  if (!read.ok() || !finite) return std::nullopt;
  return sums;
}

// Σ w·x over each channel, times `scale`; the hull of all.
Interval WeightedSum(const WeightSums& sums, Interval x, double scale) {
  if (!x.bounded()) return {};
  Interval all;
  bool first = true;
  for (const ChannelSums& c : sums.channels) {
    const double p = (scale > 0 ? c.positive : c.negative) * scale;
    const double n = (scale > 0 ? c.negative : c.positive) * scale;
    const Interval exact{p * x.low + n * x.high, p * x.high + n * x.low};
    // The sums of weights themselves are rounded in double: far below what is added.
    const Interval wide = Widen(exact, sums.terms + 2, (p - n) * x.magnitude());
    all = first ? wide : Hull(all, wide);
    first = false;
    if (!all.bounded()) return {};
  }
  return all;
}

// `sum` plus a bias, which some implementations start the sum with.
Interval WithBias(Interval sum, Interval bias, double terms) {
  if (!sum.bounded() || !bias.bounded()) return {};
  return Widen({sum.low + bias.low, sum.high + bias.high}, terms + 2,
               sum.magnitude() + bias.magnitude());
}

bool IsPadded(const NodeView& node) {
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (auto_pad != "NOTSET" && auto_pad != "VALID") return true;
  for (int64_t pad : node.Ints("pads")) {
    if (pad != 0) return true;
  }
  return false;
}

// A sum of `terms` products of values of both.
Interval SumOfProducts(Interval a, Interval b, double terms) {
  const Interval p = Products(a, b);
  if (!p.bounded()) return {};
  return Widen({p.low * terms, p.high * terms}, terms + 2, p.magnitude() * terms);
}

Interval Conv(const RangeInput& in) {
  const Tensor* weight = in.facts.ConstantOf(in.node.input(1));
  if (weight == nullptr) return {};
  const bool transposed = in.node.Is("ConvTranspose");
  const std::optional<WeightSums> sums = SumWeights(*weight, transposed ? 1 : 0);
  if (!sums.has_value()) return {};
  // Where taps meet padding, or only some of the kernel (transposed), terms are missing: as if x were 0.
  const Interval x =
      transposed || IsPadded(in.node) ? HullWithZero(in.inputs[0]) : in.inputs[0];
  const Interval sum = WeightedSum(*sums, x, 1);
  return in.node.input(2).valid() ? WithBias(sum, in.inputs[2], sums->terms) : sum;
}

Interval Gemm(const RangeInput& in) {
  const double alpha = in.node.Float("alpha", 1);
  const double beta = in.node.Float("beta", 1);
  Interval sum;
  double terms = 0;
  const Tensor* b = in.facts.ConstantOf(in.node.input(1));
  if (b != nullptr) {
    const std::optional<WeightSums> sums =
        SumWeights(*b, in.node.Int("transB", 0) != 0 ? 0 : 1);
    if (!sums.has_value()) return {};
    terms = sums->terms;
    sum = alpha == 0 ? Interval::Point(0) : WeightedSum(*sums, in.inputs[0], alpha);
  } else {
    const std::optional<Dims> a = in.facts.StaticShape(in.node.input(0));
    if (!a.has_value() || a->size() != 2) return {};
    terms = static_cast<double>((*a)[in.node.Int("transA", 0) != 0 ? 0 : 1]);
    sum = Multiply(SumOfProducts(in.inputs[0], in.inputs[1], terms), Interval::Point(alpha));
  }
  if (!in.node.input(2).valid() || beta == 0) return sum;
  return WithBias(sum, Multiply(in.inputs[2], Interval::Point(beta)), terms);
}

Interval MatMul(const RangeInput& in) {
  for (int side : {1, 0}) {
    const Tensor* weight = in.facts.ConstantOf(in.node.input(side));
    if (weight == nullptr) continue;
    const int rank = weight->rank();
    const int axis = rank < 2 ? -1 : side == 1 ? rank - 1 : rank - 2;
    const std::optional<WeightSums> sums = SumWeights(*weight, axis);
    if (!sums.has_value()) return {};
    // Several matrices: a channel's sum runs over all of them, one of them is a part of it.
    const Interval x = in.inputs[static_cast<size_t>(1 - side)];
    return WeightedSum(*sums, rank > 2 ? HullWithZero(x) : x, 1);
  }
  const std::optional<Dims> a = in.facts.StaticShape(in.node.input(0));
  if (!a.has_value() || a->empty()) return {};
  return SumOfProducts(in.inputs[0], in.inputs[1], static_cast<double>(a->back()));
}

Interval BatchNormalization(const RangeInput& in) {
  if (in.node.Int("training_mode", 0) != 0 || in.node.num_outputs() > 1) return {};
  std::vector<double> p[4];
  for (int i = 0; i < 4; ++i) {
    const Tensor* constant = in.facts.ConstantOf(in.node.input(i + 1));
    if (constant == nullptr) return {};
    absl::StatusOr<std::vector<double>> values = ToDoubles(*constant);
    if (!values.ok() || (i > 0 && values->size() != p[0].size())) return {};
    p[i] = *std::move(values);
  }
  const double epsilon = in.node.Float("epsilon", 1e-5f);
  const Interval x = in.inputs[0];
  if (!x.bounded()) return {};
  Interval all;
  for (size_t c = 0; c < p[0].size(); ++c) {
    if (!(p[3][c] + epsilon > 0)) return {};
    const double scale = p[0][c] / std::sqrt(p[3][c] + epsilon);
    if (!std::isfinite(scale)) return {};
    const double shift = p[1][c] - scale * p[2][c];
    const Interval exact = Interval::Of(scale * x.low + shift, scale * x.high + shift);
    // (x − μ)·s + β and x·s + (β − μ·s) round differently; the root's rounding counts as an operation.
    const double terms =
        std::fabs(scale) * (x.magnitude() + std::fabs(p[2][c])) + std::fabs(p[1][c]);
    const Interval wide = Widen(exact, 16, terms);
    all = c == 0 ? wide : Hull(all, wide);
    if (!all.bounded()) return {};
  }
  return all;
}

}  // namespace

RangeRule FindLinearRange(absl::string_view op_type) {
  if (op_type == "Conv" || op_type == "ConvTranspose") return &Conv;
  if (op_type == "Gemm") return &Gemm;
  if (op_type == "MatMul") return &MatMul;
  if (op_type == "BatchNormalization") return &BatchNormalization;
  return nullptr;
}

}  // namespace dsperse
