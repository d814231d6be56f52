// EzklCounter: walks nodes in order and fills the sheet as EZKL's importer and layouter do.
//
// Scales: a tensor carries a fixed-point scale; after a node whose scale exceeds the limit its
// outputs are rebased. Folding of the importer: a per-channel Mul, Add, Sub or Div by a constant,
// and hence a BatchNormalization, moves into the Conv before it when that has group 1, is not the
// 1×1 case, and its output has one reader. Nothing of this changes the graph.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_COUNTER_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_COUNTER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "circuit_estimate/backends/ezkl_sheet.h"
#include "circuit_estimate/model_view.h"
#include "circuit_estimate/parameters.h"
#include "circuit_estimate/shapes.h"

namespace dsperse {

// The number of bits that a product with 2^-bits adds to the scale, which is all that it does.
std::optional<int> ShiftOf(double factor);

class EzklCounter {
 public:
  EzklCounter(ModelView* view, const Parameters& parameters);

  // Empties the sheet. `known`: all nodes that will follow, or null when they come one by one (then
  // a constant that several nodes share is put on the sheet at its second use instead of its
  // first).
  void Begin(const Range* known);
  void AddInputs(absl::Span<const ValueId> inputs);
  void AddOutputs(absl::Span<const ValueId> outputs);
  struct Priced {
    std::string refused;  // why; a refused node adds nothing
    bool exact = true;    // false: EZKL's importer rewrites it in a way that no formula follows
  };
  Priced AddNode(NodeId id);

  const EzklSheet& sheet() const { return sheet_; }
  int lookups() const { return static_cast<int>(lookups_.size()); }

 private:
  struct Node {
    NodeView view;
    const Dims* in;   // of input 0
    const Dims* out;  // of output 0
    Count n;          // elements of output 0
    int scale;        // of input 0
  };
  enum class After {
    kRebase,  // rebase where the scale is above the limit
    kKeep,    // leave the scale as it is
  };
  // What a handler says of its outputs.
  struct Result {
    int scale = 0;
    After after = After::kRebase;
    std::string refused = "";
    bool exact = true;
  };

  Result Price(const Node& node);
  Result Conv(const Node& node);
  Result ConvTranspose(const Node& node);
  Result Matrix(const Node& node);
  // alpha and C of a Gemm.
  Result ScaledSum(const Node& node);
  Result BatchNormalization(const Node& node);
  Result Clip(const Node& node);
  Result Pow(const Node& node);
  Result Mul(const Node& node);
  Result AddSub(const Node& node);
  Result Sum(const Node& node);
  Result AveragePool(const Node& node);
  Result Reduce(const Node& node);
  Result Softmax(const Node& node);
  Result Normalization(const Node& node);
  Result Slice(const Node& node);
  Result Split(const Node& node);
  Result Move(const Node& node);

  // Why the importer or the layouter refuses the node, as far as its attributes tell, or "".
  std::string Refusal(const Node& node);
  // The operand that the importer puts in the place of the node: x of x · 1, of x + 0, of a Slice that cuts nothing.
  ValueId StandsFor(const NodeView& node);
  bool IsAll(ValueId value, double element);
  // Max(x, 0) in either order: it is a Relu.
  bool IsMaxWithZero(const NodeView& node);
  // Its result is sliced in other places: EZKL's importer moves a Slice to the front of many operators.
  bool MayMoveForward(const NodeView& node);
  // Puts the axes of an einsum's result into the order that the importer lays them in: a Transpose behind it, or behind
  // functions of single elements, is made part of it.
  void Order(const NodeView& node, std::vector<int>* result);
  bool IsOfSingleElements(const NodeView& node);
  // A result that no result of the range depends on: the importer drops what makes it.
  void FindDead(const Range& range);

  int ScaleOf(ValueId value) const;
  // A sum of values at one scale, which may have to be rebased; answers the scale.
  int Summed(Count n, int scale);
  // A product of n values with a number; answers its scale.
  int Scaled(Count n, int scale, double factor);
  // Brings both operands to one scale (costs the elements of the one of the smaller scale, unless one is constant) and
  // answers it.
  int Join(const Node& node);
  bool IsPointwiseConv(const NodeView& node);
  bool IsPerChannelConstant(const NodeView& node, int* data);
  // A square whose only reader takes its mean: EZKL makes one operator of the two.
  bool IsMeanOfSquare(const NodeView& node);
  // The node that `value` comes from, seen through nodes that the importer drops and nobody else reads; none where it is
  // not of the range or somebody else reads it.
  NodeId OnlySource(ValueId value);
  // A Conv that the importer folds constants into.
  bool TakesConstants(const NodeView& conv);
  // Whether the importer folds the node into a Conv before it.
  bool Folded(const NodeView& node);
  // It would be, but the Conv's result is one of the model too: the importer computes the Conv twice.
  bool FoldedIntoACopy(const NodeView& node);
  // The constants of a node that are put on the sheet when other nodes use them too; `part`: before which of its steps.
  enum Part { kFirst, kMeanFactor, kEpsilon, kScale, kShift };
  void SharedConstants(const NodeView& node,
                       absl::FunctionRef<void(Part part, const std::string& key, Count size)> visit);
  void PlaceShared(const NodeView& node, Part part);

  ModelView& view_;
  const int input_scale_;
  const int param_scale_;
  const int limit_;  // scale above which a result is rebased
  const uint64_t columns_;
  const uint64_t digits_;

  EzklSheet sheet_;
  bool known_ = false;
  absl::flat_hash_set<NodeId> inside_;
  absl::flat_hash_map<ValueId, int> scales_;
  absl::flat_hash_map<NodeId, NodeId> folded_into_;
  absl::flat_hash_set<NodeId> bases_;  // Convs that something is folded into
  absl::flat_hash_set<NodeId> dead_;
  absl::flat_hash_set<std::string> computed_;  // operator and operands of the nodes so far
  absl::btree_map<std::string, int> shared_;
  absl::btree_set<std::string> placed_;
  absl::btree_set<std::string> lookups_;
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_COUNTER_H_
