// Functions: those by look-up, and those that the layer checks with relations of its own.
//
// The formulas follow JSTprove's layers (layers/{sigmoid,tanh,exp,erf,softmax,gelu,hardswish,layer_norm}.rs and
// gadgets/function_lookup.rs), each version chosen by what `dsperse compile` 3.9.10 counts: constraints
// and multiplications of its five chunk sizes, values of 19 to 41 bits.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/expander_counter.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {
namespace {

constexpr int kUnboundedBits = 64;  // of a layer that the compiler derives no width for

// A look-up of exp splits its argument into a high and a low half of so many bits in all, each looked up
// in a table of its own.
constexpr int kLookUpBits = 24;
constexpr int kLookUpBitsAboveScale = 6;
constexpr int kTableMul = 37967;  // of both tables, 2^12 rows each, measured
constexpr int kTableMulBits = 12;
// Both queries and the product of what they give.
constexpr int kLookUpMul = 9;
// In wider chunks the low half is one digit, whose queries may share terms with those of the table.
constexpr int kExactChunk = 12;

// Bits of the next power of two.
int Width(double value) {
  int exponent = 0;
  return std::frexp(std::ceil(value), &exponent) == 0.5 ? exponent - 1 : exponent;
}

}  // namespace

void ExpanderCounter::ExpTables(Priced* priced) const {
  const int bits = std::min(scale_bits_ + kLookUpBitsAboveScale, kLookUpBits);
  const int low = bits / 2;
  priced->cost.table_constraints += Count(2);
  priced->cost.table_inputs += Count((uint64_t{1} << low) + (uint64_t{1} << (bits - low)));
  priced->cost.table_mul += Count(kTableMul);
  if (low != kTableMulBits) priced->mul_exact = false;
}

void ExpanderCounter::Exp(Count n, Priced* priced) const {
  ExpanderCost& cost = priced->cost;
  // Two divisions, of the argument and of the product, and what the tables give.
  cost.constraints += Count(2) * n;
  cost.inputs += Count(6) * n;
  cost.mul += Count(kLookUpMul) * n;
  cost.Check(std::min(scale_bits_ + kLookUpBitsAboveScale, kLookUpBits) / 2, n);
  cost.Check(scale_bits_ + 1, n);
  priced->mul_exact_chunk = kExactChunk;
}

double ExpanderCounter::Function(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  if (op == "Sqrt") return SquareRoot(node, priced);
  if (op == "Pow") return Pow(node, priced);
  if (op == "Softmax") return Softmax(node, priced);
  if (op == "LayerNormalization") return LayerNormalization(node, priced);
  const double in = BoundOf(view.input(0));
  const Count n = node.n;
  ExpanderCost& cost = priced->cost;
  const int scale = scale_bits_;
  // Constraints, hints and multiplications of each element, beside its checks and look-ups.
  const auto each = [&](int constraints, int inputs, int mul) {
    cost.constraints += Count(constraints) * n;
    cost.inputs += Count(inputs) * n;
    cost.mul += Count(mul) * n;
  };
  if (op == "ReduceMean") {
    Need(in, priced);
    const Count each_reads = ReducedElements(view_, view);
    cost.add += view_.Elements(view.input(0));
    if (each_reads.value() != 0) Divide(n, each_reads.value(), priced);  // by 1 too
    return in;
  }
  if (op == "HardSwish") {
    // Clip to 0 … 6 and the tolerance of y·6 against x·clip on both sides, each of the scale's bits and four.
    each(2, 3, 8);
    cost.Check(scale + 4, Count(4) * n);
    Need(in, priced);
    priced->mul_exact = false;
    return in;
  }
  if (op == "Gelu" && view.String("approximate", "none") == "tanh") {
    // x² and z by the scale, 0.044715·x³ by its square; the tolerance of y·(1 + e^−z) against x.
    each(3, 7, 3);
    cost.Check(scale, Count(2) * n);
    cost.Check(2 * scale, n);
    cost.Check(scale + 4, n);
    Exp(n, priced);
    ExpTables(priced);
    priced->mul_exact = false;
    return in;
  }
  const bool sigmoid = op == "Sigmoid";
  const bool tanh = op == "Tanh";
  const bool erf = op == "Erf";
  if (!sigmoid && !tanh && !erf && op != "Exp") {
    priced->refused = absl::StrCat("operator ", op, " is unknown to jstprove_expander");
    return in;
  }
  const double bound = op == "Exp" ? std::exp(in) : 1;
  // Checks are of the width of the result, whatever the argument's.
  const int bits = Need(bound, priced);
  Exp(n, priced);
  ExpTables(priced);
  if (sigmoid) {
    // 0 ≤ y ≤ 1; the tolerance of y·(1 + e^−x) against 1, on one side.
    each(0, 1, 1);
    cost.Check(bits, Count(2) * n);
    cost.Check(scale + 2, n);
  } else if (tanh) {
    each(0, 1, 2);
    cost.Check(bits + 1, Count(2) * n);
    cost.Check(scale + 3, Count(2) * n);
  } else if (erf) {
    // Sign and magnitude of x, t = 1 / (1 + p·|x|) with its tolerance, eleven divisions along a polynomial of
    // degree 5, the tolerance of the result, and its bounds.
    each(13, 25, 16);
    cost.Check(bits, Count(2) * n);
    cost.Check(bits + 1, Count(2) * n);
    cost.Check(scale, Count(10) * n);
    cost.Check(scale + 1, n);
    cost.Check(scale + 2, Count(2) * n);
    cost.Check(scale + 3, Count(2) * n);
  }
  return bound;
}

double ExpanderCounter::Softmax(const Node& node, Priced* priced) {
  const Count row = RowElements(view_, node.view);
  const Count n = node.n;
  const Count rows(row.value() == 0 ? 0 : n.value() / row.value());
  const int bits = Need(1, priced);
  const double length = static_cast<double>(row.value());
  ExpanderCost& cost = priced->cost;
  // Of each element: how far it is below the largest, 0 ≤ y ≤ 1, and y·Σ against e with a tolerance. Of each
  // row: the largest is one of the elements, and Σ y is 1 with a tolerance.
  cost.inputs += n + rows;
  cost.constraints += rows;
  cost.mul += Count(4) * n;
  cost.Check(std::min(scale_bits_ + kLookUpBitsAboveScale, kLookUpBits) - 1, n);
  cost.Check(bits, Count(2) * n);
  cost.Check(Width(2 * length * std::ldexp(1.0, scale_bits_)), n);
  cost.Check(Width(2 * length + 1), rows);
  Exp(n, priced);
  ExpTables(priced);
  priced->mul_exact = false;
  return 1;
}

double ExpanderCounter::SquareRoot(const Node& node, Priced* priced) {
  // As compiled at values of 19 to 27 bits: two checks of their bits and two of one bit more.
  const double in = BoundOf(node.view.input(0));
  const int bits = Need(in, priced);
  priced->cost.inputs += node.n;
  priced->cost.mul += node.n;
  priced->cost.Check(bits, Count(2) * node.n);
  priced->cost.Check(bits + 1, Count(2) * node.n);
  return std::max(in, std::sqrt(in));
}

double ExpanderCounter::Pow(const Node& node, Priced* priced) {
  const double in = BoundOf(node.view.input(0));
  const std::optional<double> exponent = view_.ScalarOf(node.view.input(1));
  if (exponent == std::optional<double>(0.5)) return SquareRoot(node, priced);
  constexpr double kMostExponent = 64;
  if (!exponent.has_value() || !(*exponent >= 1 && *exponent <= kMostExponent) ||
      *exponent != std::floor(*exponent)) {
    priced->refused = "Pow has a formula for 0.5 and whole exponents from 1 to 64";
    return in;
  }
  // Square and multiply. Every product, and once more the result, is divided by the scale with a
  // check of the remainder; only the result itself is checked too.
  const int power = static_cast<int>(*exponent);
  uint64_t products = 0;
  double bound = 1;
  for (int left = power; left > 1; left /= 2) products += left % 2 == 0 ? 1 : 2;
  for (int i = 0; i < power; ++i) bound *= in;
  ExpanderCost& cost = priced->cost;
  const Count divisions = node.n * Count(products == 0 ? 0 : products + 1);
  cost.constraints += divisions;
  cost.inputs += Count(2) * divisions;
  if (products != 0) cost.Check(scale_bits_, divisions);
  cost.Check(Need(bound, priced), node.n);
  cost.mul += node.n * Count(products);
  return bound;
}

double ExpanderCounter::LayerNormalization(const Node& node, Priced* priced) {
  // JSTprove's layer, check by check: per row the reciprocal of the deviation, the mean and the
  // variance; per element the result, its division, the normalized value and a tolerance on both
  // sides.
  const NodeView& view = node.view;
  const double in = BoundOf(view.input(0));
  const Count row = RowElements(view_, view);
  if (row.value() == 0) return in;
  const Count rows(node.n.value() / row.value());
  double scale = 1;
  double shift = 0;
  if (view.input(1).valid()) scale = BoundOf(view.input(1));
  if (view.input(2).valid()) shift = BoundOf(view.input(2));
  const double bound = 2 * in / std::sqrt(view.Float("epsilon", 1e-5f)) * scale + shift;
  const int bits = kUnboundedBits;  // whatever the bound
  const double lane = static_cast<double>(row.value());
  const double alpha = std::ldexp(1.0, scale_bits_);
  const int norm_bits = Width(std::sqrt(lane) * alpha) + 1;
  const int quotient_bits = std::max(2 * bits + 1, scale_bits_ + 1) - scale_bits_ + 1;
  const int tolerance_bits = Width(2 * (2 * std::round(scale * alpha) + alpha + 4) + 1);
  ExpanderCost& cost = priced->cost;
  cost.inputs += Count(2) * rows;
  cost.Check(bits, rows);
  cost.Check(Width(2 * lane + 1), rows);
  cost.Check(bits + 1, rows);
  cost.Check(Width(2 * lane * alpha * alpha), rows);
  const Count n = node.n;
  cost.constraints += n;
  cost.inputs += Count(3) * n;
  cost.mul += Count(3) * n;
  cost.Check(bits, n);
  cost.Check(scale_bits_, n);
  cost.Check(quotient_bits, n);
  cost.Check(norm_bits + 1, n);
  cost.Check(tolerance_bits, Count(2) * n);
  priced->mul_exact = false;
  return bound;
}

}  // namespace dsperse
