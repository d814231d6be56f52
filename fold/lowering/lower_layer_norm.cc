#include "fold/lowering/lower_layer_norm.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "fold/ops/fixed_point.h"

namespace dsperse {
namespace {

constexpr double kMostTimes = 4096;
// Quotients keep a multiple of 2^-18: of a number near 1 that was divided by more, too few digits are left. (Measured:
// with 224, for an epsilon of 0.5, results differ by more than a thousandth of the largest.)
constexpr double kMostDivisor = 16;

// n·x as sums: x doubled for each binary digit of n behind the first, and x added where it is 1.
ValueId Times(Rewriter& r, ValueId x, int n) {
  int bit = 1;
  while (bit * 2 <= n) bit *= 2;
  ValueId sum = x;
  int step = 0;
  for (bit /= 2; bit >= 1; bit /= 2) {
    sum = r.Emit("Add", {sum, sum}, absl::StrCat("double_", step++));
    if ((n & bit) != 0) sum = r.Emit("Add", {sum, x}, absl::StrCat("double_", step++));
  }
  return sum;
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerLayerNorm::Match(const Graph&, const NodeView& node, Facts& facts) const {
  const double epsilon = node.Float("epsilon", 1e-5f);
  if (IsCircuitEpsilon(epsilon)) return NoMatch<Rewrite>();
  for (int i = 1; i < node.num_outputs(); ++i) {
    if (node.output(i).valid()) return NoMatch<Rewrite>(absl::StrCat("its output ", i, " is used"));
  }
  const DType type = facts.TypeOf(node.input(0));
  if (!IsFloat(type) || type == DType::kFloat16) {
    return NoMatch<Rewrite>(absl::StrCat("its element type is ", DTypeName(type)));
  }
  const double ratio = epsilon > 0 ? std::sqrt(kCircuitEpsilon / epsilon) : 0;
  const bool multiplies = ratio > 1;
  const double whole = ratio > 0 ? std::nearbyint(multiplies ? ratio : 1 / ratio) : 0;
  const double made = multiplies ? epsilon * whole * whole : epsilon / (whole * whole);
  if (!(whole >= 2 && whole <= kMostTimes && IsCircuitEpsilon(made))) {
    return NoMatch<Rewrite>(absl::StrCat("epsilon ", epsilon, " is no square of a whole number times ", kCircuitEpsilon));
  }
  if (!multiplies && whole > kMostDivisor) {
    return NoMatch<Rewrite>(absl::StrCat("epsilon ", epsilon, ": its input divided by ", whole, " would lose its digits"));
  }
  const int n = static_cast<int>(whole);
  const std::string text = absl::StrCat("its input ", multiplies ? "times " : "divided by ", n, ", epsilon ", made);
  return dsperse::Match(Rewrite{text, [=](Rewriter& r) {
    std::vector<ValueId> inputs(r.anchor().inputs().begin(), r.anchor().inputs().end());
    inputs[0] = multiplies ? Times(r, inputs[0], n) : r.Emit("Div", {inputs[0], r.Scalar(type, n, "divisor")}, "divided");
    r.Replace("LayerNormalization", std::move(inputs), {{"epsilon", static_cast<float>(made)}}, /*like_anchor=*/true);
  }});
}

}  // namespace dsperse
