// Comparisons, pools and functions.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/expander_counter.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {
namespace {

// A product that so many multiply-adds read is kept as a value of its own.
constexpr uint64_t kKeptReaders = 10;

constexpr int kLayerNormalizationBits = 64;

// Functions measured as a whole, one node at a time, at values of 19 to 24 bits and chunks of 12.
struct FunctionCost {
  absl::string_view op;
  int constraints;
  int inputs;
  int mul;
  bool table;  // two further tables
};
constexpr FunctionCost kFunctions[] = {
    {"Sigmoid", 6, 15, 42, true}, {"Tanh", 7, 17, 51, true},       {"Exp", 3, 8, 17, true},
    {"Erf", 35, 71, 185, true},   {"HardSwish", 6, 11, 40, false},
};
constexpr int kTableIndexBits = 12;  // checked in one digit where the chunk allows
constexpr int kTableConstraints = 2;
constexpr int kTableInputs = 1 << 13;
constexpr int kTableMul = 37967;

}  // namespace

double ExpanderCounter::Activation(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  const double in = BoundOf(view.input(0));
  const Count n = node.n;
  ExpanderCost& cost = priced->cost;
  const int bits = Need(in, priced);
  if (op == "Max" || op == "Min") {
    if (view.num_inputs() != 2) {
      priced->refused = absl::StrCat(op, " of other than two operands");
      return in;
    }
    cost.constraints += n;
    cost.inputs += n;
    // (M − a)·(M − b) by terms. A constant is a whole number to the tool, below 1 it is 0.
    const ValueId a = view.input(0);
    const ValueId b = view.input(1);
    if (!view_.IsConstant(a) && !view_.IsConstant(b)) {
      cost.mul += Count(5) * n;
    } else {
      const ValueId operand = view_.IsConstant(a) ? a : b;
      const absl::StatusOr<TensorStats> stats = view_.StatsOf(operand);
      const Count elements = view_.Elements(operand);
      Count zeros;
      if (stats.ok() && elements.value() != 0) {
        zeros = Count(n.value() / elements.value()) * Count(stats->below_one);
      }
      cost.mul += Count(2) * n + zeros;
    }
    cost.Check(bits, n);
    return in;
  }
  if (op == "Clip") {
    const ClipBounds bounds = ClipBoundsOf(view_, view);
    if (!bounds.constant) {
      priced->refused = "bounds are not constant";
      return in;
    }
    const Count sides((bounds.low.has_value() ? 1 : 0) + (bounds.high.has_value() ? 1 : 0));
    cost.constraints += sides * n;
    cost.inputs += sides * n;
    cost.mul += Count(3) * sides * n;
    cost.Check(bits, sides * n);
    return in;
  }
  // A sign bit s with s² = s, and the product s·x of as many terms as x has.
  const NodeId producer = view_.graph().Producer(view.input(0));
  const bool of_sum =
      producer.valid() && !FromOutside(view.input(0)) && view_.graph().node(producer).Is("Add");
  const int terms = of_sum ? 2 : 1;
  cost.constraints += n;
  cost.inputs += n;
  const Readers& readers = ReadersOf(node);
  cost.mul += Count(1 + terms) * n + Count(terms) * readers.products;
  if (!readers.exact) priced->mul_exact = false;
  cost.Check(bits, n);
  if (op == "LeakyRelu") {
    Rescale(n, Count(0), bits, priced);
    cost.mul += Count(2) * n;
  }
  return in;
}

const ExpanderCounter::Readers& ExpanderCounter::ReadersOf(const Node& node) {
  const NodeId id = node.view.id();
  auto found = readers_.find(id);
  if (found == readers_.end()) found = readers_.emplace(id, CountReaders(node)).first;
  return found->second;
}

ExpanderCounter::Readers ExpanderCounter::CountReaders(const Node& node) {
  Readers result;
  // A product that few multiply-adds read is written out again in each of them.
  const Graph& graph = view_.graph();
  std::vector<ValueId> values{node.view.output(0)};
  std::vector<NodeId> readers;
  for (size_t i = 0; i < values.size(); ++i) {
    for (const Use& use : graph.Uses(values[i])) {
      if (use.is_block_output()) continue;
      const NodeView reader = graph.node(use.node);
      if (!MovesData(reader.op_type())) {
        readers.push_back(use.node);
      } else if (values.size() < 64) {
        for (ValueId output : reader.outputs()) values.push_back(output);
      }
    }
  }
  if (readers.size() == 1 && values.size() == 1 && graph.node(readers[0]).Is("Conv")) {
    const NodeView conv = graph.node(readers[0]);
    const absl::StatusOr<Window> window = WindowOf(view_, conv);
    const Dims* weight = view_.ShapeOf(conv.input(1));
    if (window.ok() && weight != nullptr && weight->size() == 4 && node.out->size() == 4) {
      const Count planes = Count((*node.out)[0]) * Count((*node.out)[1]);
      for (const TapCount& cover : CoverHistogram(*window)) {
        const Count times = cover.taps * Count((*weight)[0]);
        if (times.value() < kKeptReaders) result.products += times * cover.positions * planes;
      }
      return result;
    }
  }
  for (NodeId id : readers) {
    const NodeView reader = graph.node(id);
    Count columns(0);
    if (reader.Is("Gemm") || reader.Is("MatMul")) {
      if (const std::optional<MatrixProduct> p = MatrixProductOf(view_, reader); p.has_value()) {
        columns = p->l_size == 1 ? p->n : Count(0);
      }
    } else if (reader.Is("Conv") && view_.ShapeOf(reader.input(1)) != nullptr) {
      columns = Count((*view_.ShapeOf(reader.input(1)))[0]);  // at least once each
    } else if (reader.Is("MaxPool") || reader.Is("Max") || reader.Is("Min") || reader.Is("Relu") ||
               reader.Is("Clip")) {
      columns = Count(kKeptReaders);  // no multiply-adds
    }
    if (columns.value() < kKeptReaders) result.exact = false;
  }
  return result;
}

double ExpanderCounter::Pool(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const double in = BoundOf(view.input(0));
  const int bits = Need(in, priced);
  ExpanderCost& cost = priced->cost;
  const Count planes =
      node.out->size() > 1 ? Count((*node.out)[0]) * Count((*node.out)[1]) : Count(1);
  const std::vector<TapCount> whole{{ReducedElements(view_, view), Count(1)}};
  const Windows* const windows = view.Is("GlobalAveragePool") ? nullptr : &WindowsOf(view);
  if (windows != nullptr && !windows->problem.empty()) {
    priced->refused = windows->problem;
    return in;
  }
  const bool outside = FromOutside(view.input(0));
  for (const TapCount& tap : windows == nullptr ? whole : windows->histogram) {
    const Count positions = planes * tap.positions;
    cost.inputs += positions;
    if (view.Is("MaxPool")) {
      // The product of all differences is zero; a product of many terms is split.
      const Count terms = !outside               ? Count(2) * tap.taps + Count(3)
                          : tap.taps == Count(9) ? Count(17)
                                                 : Count(2) * tap.taps;
      cost.constraints += positions;
      cost.mul += positions * terms;
      cost.Check(bits, positions * tap.taps);
      if (tap.taps.value() > 9) priced->mul_exact = false;
    } else {
      cost.Check(bits, positions * (tap.taps + Count(1)));
      cost.Check(1, positions);
      if (tap.taps.value() > 9) priced->mul_exact = false;  // off by up to 3 a window
    }
  }
  return in;
}

double ExpanderCounter::Function(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  const double in = BoundOf(view.input(0));
  const Count n = node.n;
  ExpanderCost& cost = priced->cost;
  const auto tables = [&] {
    cost.table_constraints += Count(kTableConstraints);
    cost.table_inputs += Count(kTableInputs);
    cost.table_mul += Count(kTableMul);
  };
  const auto each = [&](Count times, int constraints, int inputs, int mul) {
    cost.constraints += Count(constraints) * times;
    cost.inputs += Count(inputs) * times;
    cost.mul += Count(mul) * times;
  };
  const auto measured = [&](double bound) {
    const int bits = Need(bound, priced);
    cost.checked = true;
    priced->chunk_of_12 = true;
    priced->mul_exact = false;
    priced->constraints_exact = bits >= 19 && bits <= 24;
  };
  for (const FunctionCost& function : kFunctions) {
    if (function.op != op) continue;
    measured(in);
    each(n, function.constraints, function.inputs, function.mul);
    if (function.table) {
      tables();
      cost.Check(kTableIndexBits, n);
    }
    if (op == "HardSwish") return in;
    if (op == "Exp") return std::exp(in);
    return 1;
  }
  if (op == "Sqrt") return SquareRoot(node, priced);
  if (op == "Pow") {
    return Pow(node, priced);
  }
  if (op == "ReduceMean") {
    Need(in, priced);
    const Count each_reads = ReducedElements(view_, view);
    cost.add += view_.Elements(view.input(0));
    if (each_reads.value() != 0) Divide(n, each_reads.value(), priced);  // by 1 too
    return in;
  }
  if (op == "Softmax") {
    measured(in);
    const Count row = RowElements(view_, view);
    const Count rows(row.value() == 0 ? 0 : n.value() / row.value());
    each(n, 7, 17, 57);
    each(rows, 1, 1, 0);
    tables();
    return 1;
  }
  if (op == "LayerNormalization") return LayerNormalization(node, priced);
  priced->refused = absl::StrCat("operator ", op, " is unknown to it");
  return in;
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
  const int bits = kLayerNormalizationBits;  // whatever the bound
  const auto width = [](double value) {      // of the next power of two
    int exponent = 0;
    return std::frexp(std::ceil(value), &exponent) == 0.5 ? exponent - 1 : exponent;
  };
  const double lane = static_cast<double>(row.value());
  const double alpha = std::ldexp(1.0, scale_bits_);
  const int norm_bits = width(std::sqrt(lane) * alpha) + 1;
  const int quotient_bits = std::max(2 * bits + 1, scale_bits_ + 1) - scale_bits_ + 1;
  const int tolerance_bits = width(2 * (2 * std::round(scale * alpha) + alpha + 4) + 1);
  ExpanderCost& cost = priced->cost;
  cost.inputs += Count(2) * rows;
  cost.Check(bits, rows);
  cost.Check(width(2 * lane + 1), rows);
  cost.Check(bits + 1, rows);
  cost.Check(width(2 * lane * alpha * alpha), rows);
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
