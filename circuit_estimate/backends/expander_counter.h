// ExpanderCounter: prices nodes in order, carrying a bound of every value.
//
// JSTprove bounds each value by its own rules (inputs of a circuit by 1, so that slices lift theirs, weights
// by their largest row sum) and sizes range checks by the bits of that bound; a bound never shrinks by a rescale. A
// node that needs more than 64 bits is refused; here its inputs are then taken as bounded as
// they would be in a slice that begins with it, and counting goes on.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EXPANDER_COUNTER_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EXPANDER_COUNTER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "circuit_estimate/backends/expander_cost.h"
#include "circuit_estimate/model_view.h"
#include "circuit_estimate/parameters.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {

class ExpanderCounter {
 public:
  ExpanderCounter(ModelView* view, const Parameters& parameters);

  void Begin();

  struct Priced {
    ExpanderCost cost;
    std::string refused;   // the operator or its attributes
    // Needs more than 64 bits here, and is priced as if a slice began with it; or leaves attributes out that the
    // compiler asks for, and is priced as if they were written out.
    std::string refused_here;
    int bits = 0;
    bool constraints_exact = true;  // constraints and inputs
    bool mul_exact = true;
    int mul_exact_chunk = 64;      // up to this size of chunks, if at all
    bool narrowed = false;         // priced with ModelView::NarrowBound
    bool makes_constants = false;  // some results depend on no input
  };
  Priced AddNode(NodeId id);

 private:
  struct Node {
    NodeView view;
    const Dims* in;   // of input 0
    const Dims* out;  // of output 0
    Count n;          // elements of output 0
  };
  // Prices the node's operator with the bounds as they stand; answers the bound of its outputs.
  double Price(const Node& node, Priced* priced);
  double Linear(const Node& node, Priced* priced);
  double Convolution(const Node& node, Priced* priced);
  double Matrix(const Node& node, Priced* priced);
  double Mul(const Node& node, Priced* priced);
  double Div(const Node& node, Priced* priced);
  double Pool(const Node& node, Priced* priced);
  double Activation(const Node& node, Priced* priced);
  double Function(const Node& node, Priced* priced);
  double Pow(const Node& node, Priced* priced);
  double SquareRoot(const Node& node, Priced* priced);
  double Softmax(const Node& node, Priced* priced);
  double LayerNormalization(const Node& node, Priced* priced);

  // What the compiler refuses of an operator that it knows, by attributes and ranks, or "".
  std::string Refusal(const Node& node) const;
  // The attributes that it asks for and ONNX doesn't, or "".
  std::string LeavesOut(const NodeView& view) const;
  // Both, the same in every slice, so found once.
  struct Refusals {
    std::string always, here;
  };
  const Refusals& RefusalsOf(const Node& node);
  // Products of a ConvTranspose and one channel in and out: those that fall into the picture.
  Count TransposedTaps(const Node& node);
  // Bound of a sum of products with constant weights; none, with the reason noted, when refused.
  std::optional<double> WeightedBound(const Node& node, Priced* priced);
  double BoundOf(ValueId value);
  int Bits(double bound) const;
  // Notes that a node's values need the bits of `bound`, and answers them.
  int Need(double bound, Priced* priced) const;
  // Rescaling of n products to `bits` bits; `constant` of them depend on no input, which the tool
  // sees.
  void Rescale(Count n, Count constant, int bits, Priced* priced) const;
  // Division of n numbers by a whole number that is at least 2.
  void Divide(Count n, uint64_t divisor, Priced* priced) const;
  // Look-ups of exp: what each of n costs, and what a node that has any costs once.
  void Exp(Count n, Priced* priced) const;
  void ExpTables(Priced* priced) const;
  // What a node's window costs and what reads a node: the same in every slice, so counted once.
  struct Windows {
    std::string problem;          // why there is no window, or ""
    Count taps;                   // kernel elements inside the picture, over all positions
    std::vector<TapCount> histogram;
  };
  struct Readers {
    Count products;     // that a product of one term is written out again in
    bool exact = true;  // false: more, not counted
  };
  const Windows& WindowsOf(const NodeView& view);
  const Readers& ReadersOf(const Node& node);
  Readers CountReaders(const Node& node);
  bool FromOutside(ValueId value) const { return !bounds_.contains(value) || lifted_.contains(value); }
  // x − x, 0 + 0 and x − 0 cost nothing, whatever is known of x: the compiler adds up coefficients. Slices
  // begin with such nodes (bounds grow by them). False for any other node.
  bool AddsNothing(const NodeView& view);

  ModelView& view_;
  const int scale_bits_;
  const bool weights_are_inputs_;
  absl::flat_hash_map<NodeId, std::unique_ptr<const Windows>> windows_;
  absl::flat_hash_map<NodeId, Readers> readers_;
  absl::flat_hash_map<NodeId, std::unique_ptr<const Refusals>> refusals_;
  // Bounds of values made inside the range; others are inputs or constants (their largest).
  absl::flat_hash_map<ValueId, double> bounds_;
  // Values that are 0 as sums of variables, and values that are an input of the circuit less such a 0.
  absl::flat_hash_set<ValueId> zeros_;
  absl::flat_hash_set<ValueId> lifted_;
  // Values some of whose elements the tool knows at compile time.
  absl::flat_hash_set<ValueId> partly_constant_;
  // While pricing as if a slice began at the node.
  bool cut_ = false;
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EXPANDER_COUNTER_H_
