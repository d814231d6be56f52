// RangePricer: the price of a range of nodes, grown node by node.
//
// Slicer and lowering need a number, not an estimator: they take this interface, and the command line
// hands them the estimator's. A prover's price depends on where a slice starts (value bits, scales), so
// a range is begun at a node and extended along one topological order.
#ifndef DSPERSE_FOLD_OPS_PRICING_H_
#define DSPERSE_FOLD_OPS_PRICING_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

struct RangePrice {
  uint64_t price = 0;   // of all nodes so far, in the backend's unit; without boundary and fixed prices
  int bits = 0;         // largest number of bits any value of the range needs by the backend's own bound
  bool provable = true; // false once a node can't be priced because the backend refuses it
  bool exact = true;    // false once an approximate formula took part
};

// What a slice costs beside its nodes.
struct SlicePrices {
  uint64_t per_slice = 0;
  uint64_t per_input_element = 0;
  uint64_t per_output_element = 0;
};

class RangePricer {
 public:
  virtual ~RangePricer() = default;
  // Starts an empty range: its inputs are whatever later nodes read from outside it.
  virtual void Begin() = 0;
  // Adds `node` (topological order) and returns the price of the range so far. O(node).
  virtual RangePrice Extend(NodeId node) = 0;
  virtual SlicePrices slice_prices() const = 0;
  virtual absl::string_view unit() const = 0;  // "constraints"
};

// Makes a pricer for a graph: what callers hand to slicer and lowering.
using PricerFactory = std::function<std::unique_ptr<RangePricer>(const Graph& graph, Facts& facts)>;

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_PRICING_H_
