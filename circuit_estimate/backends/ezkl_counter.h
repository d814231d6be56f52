// EzklCounter: walks nodes in order and fills the sheet as EZKL's importer and layouter do.
//
// Scales: a tensor carries a fixed-point scale; after a node whose scale exceeds the limit its
// outputs are rebased. Folding of the importer: a per-channel Mul, Add, Sub or Div by a constant,
// and hence a BatchNormalization, moves into the Conv before it when that has group 1, is not the
// 1×1 case, and its output has one reader. Nothing of this changes the graph.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_COUNTER_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_COUNTER_H_

#include <cstdint>
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

class EzklCounter {
 public:
  EzklCounter(ModelView* view, const Parameters& parameters);

  // Empties the sheet. `known`: all nodes that will follow, or null when they come one by one (then
  // a constant that several nodes share is put on the sheet at its second use instead of its
  // first).
  void Begin(const Range* known);
  void AddInputs(absl::Span<const ValueId> inputs);
  void AddOutputs(absl::Span<const ValueId> outputs);
  // Why the node is refused, or "". A refused node adds nothing.
  std::string AddNode(NodeId id);

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
  };

  Result Price(const Node& node);
  Result Conv(const Node& node);
  Result ConvTranspose(const Node& node);
  Result Matrix(const Node& node);
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
  Result Move(const Node& node);

  int ScaleOf(ValueId value) const;
  // Brings both operands to one scale (costs n unless one is constant) and answers it.
  int Join(const Node& node);
  bool IsPointwiseConv(const NodeView& node);
  bool IsPerChannelConstant(const NodeView& node, int* data);
  // A square whose only reader takes its mean: EZKL makes one operator of the two.
  bool IsMeanOfSquare(const NodeView& node);
  // Whether the importer folds the node into a Conv before it.
  bool Folded(const NodeView& node);
  // The constants of a node that are put on the sheet when other nodes use them too.
  void SharedConstants(const NodeView& node,
                       absl::FunctionRef<void(const std::string& key, Count size)> visit);
  void PlaceShared(const NodeView& node);

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
  absl::btree_map<std::string, int> shared_;
  absl::btree_set<std::string> placed_;
  absl::btree_set<std::string> lookups_;
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_COUNTER_H_
