// ModelView: a graph as estimators look at it. Shapes with every unknown size read as 1 (an
// exported batch), constants by value, readers counted. Nothing is changed; answers are remembered.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_MODEL_VIEW_H_
#define DSPERSE_CIRCUIT_ESTIMATE_MODEL_VIEW_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "circuit_estimate/count.h"
#include "circuit_estimate/weight_stats.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

// How large a value can get (±) that enters a circuit, for backends that derive bounds from there.
using EntryBounds = std::function<double(ValueId)>;

class ModelView {
 public:
  // Both must outlive the view.
  ModelView(const Graph* graph, Facts* facts) : graph_(*graph), facts_(*facts) {}

  const Graph& graph() const { return graph_; }
  Facts& facts() { return facts_; }

  // The dimensions of `value`, sizes not known read as 1; null when its rank is not known.
  const Dims* ShapeOf(ValueId value);
  // Elements of `value`; 0 when its rank is not known.
  Count Elements(ValueId value);
  // True if some size other than the first had to be taken for 1.
  bool guessed_sizes() const { return guessed_sizes_; }

  const Tensor* ConstantOf(ValueId value) { return facts_.ConstantOf(value); }
  bool IsConstant(ValueId value) { return value.valid() && ConstantOf(value) != nullptr; }
  // The constant if its elements are few enough to be looked at one by one; otherwise null.
  const Tensor* SmallConstantOf(ValueId value);
  // The one element of a constant, as a double.
  std::optional<double> ScalarOf(ValueId value);
  // All elements of a small constant of integers.
  std::optional<std::vector<int64_t>> IntsOf(ValueId value);
  // All elements of a small constant.
  std::optional<std::vector<double>> DoublesOf(ValueId value);
  // Statistics of a constant; see weight_stats.h.
  absl::StatusOr<TensorStats> StatsOf(ValueId value);
  absl::StatusOr<double> LargestChannelSum(ValueId value, int axis);
  // Reads the weights of these nodes' products ahead, on several threads.
  void PrefetchWeights(absl::Span<const NodeId> nodes);
  // The first sum asked for has those of the whole main graph read ahead.
  void set_asks_for_all() { asks_for_all_ = true; }
  // Every element is zero (of any constant; false for what isn't constant).
  bool IsZero(ValueId value);

  // 1 unless set, as provers take it.
  double EntryBound(ValueId value) const { return entry_bounds_ ? entry_bounds_(value) : 1; }
  void set_entry_bounds(EntryBounds bounds) { entry_bounds_ = std::move(bounds); }
  // They are set: circuits are priced as slices will be written, not as they are.
  bool has_entry_bounds() const { return entry_bounds_ != nullptr; }
  // What the bound of a value is made where it is compared with zero, if it is wider; infinity unless set.
  double NarrowBound(ValueId value) const { return narrow_bounds_ ? narrow_bounds_(value) : INFINITY; }
  void set_narrow_bounds(EntryBounds bounds) { narrow_bounds_ = std::move(bounds); }

  // A node of the main graph that computes nothing at proving time: all its outputs are constants.
  bool IsConstantNode(NodeId node);
  // The nodes of the main graph that compute, in order.
  std::vector<NodeId> ComputingNodes();

 private:
  struct Shaped {
    bool known = false;
    bool looked = false;
    Dims dims;
  };

  const Graph& graph_;
  Facts& facts_;
  std::vector<Shaped> shapes_;
  WeightStats weights_;
  bool guessed_sizes_ = false;
  bool asks_for_all_ = false;
  EntryBounds entry_bounds_;
  EntryBounds narrow_bounds_;
};

// A list of nodes with what it reads from outside and what others read from it: a slice, or all.
struct Range {
  std::vector<NodeId> nodes;
  std::vector<ValueId> inputs;  // not constants; by first use
  std::vector<ValueId>
      outputs;  // read by nodes outside the range or by the model's user; by position
};

// The whole model. Inputs and outputs are the model's own, in their order (also unused inputs).
Range WholeRange(ModelView& view);
// Nodes [begin, end) of `nodes`. O(nodes of the range and their uses).
Range MakeRange(ModelView& view, absl::Span<const NodeId> nodes, size_t begin, size_t end);

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_MODEL_VIEW_H_
