// Comparisons and pools.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/backends/expander_counter.h"
#include "circuit_estimate/shapes.h"
#include "fold/ops/zero_comparison.h"

namespace dsperse {
namespace {

// A product that so many multiply-adds read is kept as a value of its own.
constexpr uint64_t kKeptReaders = 10;

}  // namespace

double ExpanderCounter::Activation(const Node& node, Priced* priced) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  double in = BoundOf(view.input(0));
  if (const ValueId x = ComparedWithZero(view_.facts(), view); x.valid()) {
    if (const double narrow = view_.NarrowBound(x); narrow < BoundOf(x)) {
      in = narrow;
      priced->narrowed = true;
    }
  }
  const Count n = node.n;
  ExpanderCost& cost = priced->cost;
  const int bits = Need(in, priced);
  if (op == "Max" || op == "Min") {
    cost.constraints += n;
    cost.inputs += n;
    // (M − a)·(M − b) by terms. A constant is a whole number to the tool, below 1 it is 0.
    const ValueId a = view.input(0);
    const ValueId b = view.input(1);
    if (zeros_.contains(a) || zeros_.contains(b)) {
      cost.mul += Count(3) * n;
    } else if (!view_.IsConstant(a) && !view_.IsConstant(b)) {
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
      // The compiler sees that one element is the largest of one.
      if (tap.taps == Count(1)) priced->constraints_exact = priced->mul_exact = false;
    } else if (tap.taps == Count(1)) {
      cost.Check(bits, positions);  // nothing is divided
    } else {
      cost.Check(bits, positions * (tap.taps + Count(1)));
      cost.Check(1, positions);
      if (tap.taps.value() > 9) priced->mul_exact = false;  // off by up to 3 a window
    }
  }
  return in;
}

}  // namespace dsperse
