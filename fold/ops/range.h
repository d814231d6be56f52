// Ranges: a bound of every value of a graph, given bounds of its inputs.
//
// Sound for float32 evaluation in any order of summation: as long as every input lies within its given
// bounds, no element of a value ever leaves the interval. What isn't known is unbounded: operators
// without a rule, inputs without a given range, types other than float and double, results of If, Loop
// and Scan. One interval stands for all elements of a tensor.
#ifndef DSPERSE_FOLD_OPS_RANGE_H_
#define DSPERSE_FOLD_OPS_RANGE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/interval.h"

namespace dsperse {

// Bounds by the name of an input of the main graph.
using InputRanges = std::map<std::string, Interval>;

// From what `--input-range` says: "x=-1,1", or "-1,1" where the model has one input. InvalidArgument:
// malformed, low above high, not finite, no such input, the same input twice.
absl::StatusOr<InputRanges> ParseInputRanges(absl::Span<const std::string> flags,
                                             const Graph& graph);

class Ranges {
 public:
  // All must outlive it. Edits of the graph that keep what values mean are allowed meanwhile.
  Ranges(const Graph* graph, Facts* facts, const InputRanges* inputs)
      : graph_(*graph), facts_(*facts), inputs_(*inputs) {}

  // The bound of `value`. O(what it depends on), once; weights on the way are read once.
  Interval Of(ValueId value);

 private:
  struct Known {
    bool done = false;
    Interval interval;
  };

  Known& At(ValueId value);
  // Of a value that no node has to be looked at for; false: its producer decides.
  bool Leaf(ValueId value, Interval* interval);
  void Compute(NodeId node);

  const Graph& graph_;
  Facts& facts_;
  const InputRanges& inputs_;
  std::vector<Known> known_;
};

// ---- for the rules of the operators (range_*.cc) ----

// What a rule sees of a node.
struct RangeInput {
  const Graph& graph;
  const NodeView& node;
  Facts& facts;
  absl::Span<const Interval> inputs;  // one for each input place; unbounded where absent
};
// The interval of output 0.
using RangeRule = Interval (*)(const RangeInput& in);

// Null: there is no rule. All are of the default domain.
RangeRule FindMovementRange(absl::string_view op_type);     // views, copies, selections
RangeRule FindElementwiseRange(absl::string_view op_type);  // arithmetic and functions, one by one
RangeRule FindReductionRange(absl::string_view op_type);    // pools, reductions, normalizations
RangeRule FindLinearRange(absl::string_view op_type);       // Conv, Gemm, MatMul, BatchNormalization

// Least and largest element of a constant; unbounded where it holds infinities, NaN or no numbers.
// Reads it.
Interval RangeOfConstant(const Tensor& tensor);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_RANGE_H_
