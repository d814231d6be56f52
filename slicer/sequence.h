// Sequence: one topological order of the main graph's nodes, with what a cut at any place costs.
//
// Slices are ranges of positions in such an order. A contiguous range of a topological order is always
// convex, and slices taken in order never read from a later one: both follow from the order.
#ifndef DSPERSE_SLICER_SEQUENCE_H_
#define DSPERSE_SLICER_SEQUENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

class Sequence {
 public:
  // `order` holds every node of the main graph once, producers first. Unimplemented, naming the value
  // and the flags that fix it, when an activation's shape is not static. ResourceExhausted when all activations
  // together have 2^63 elements or more: no sum of theirs does, in what takes a Sequence.
  static absl::StatusOr<Sequence> Make(const Graph& graph, Facts& facts, std::vector<NodeId> order);

  int size() const { return static_cast<int>(order_.size()); }
  NodeId node(int position) const { return order_[static_cast<size_t>(position)]; }
  absl::Span<const NodeId> order() const { return order_; }
  // Activations the node reads, each once: its inputs and what its bodies capture, but no constants.
  absl::Span<const ValueId> Reads(int position) const { return reads_[static_cast<size_t>(position)]; }
  // Values it produces that anybody reads.
  absl::Span<const ValueId> Writes(int position) const { return writes_[static_cast<size_t>(position)]; }
  // Where a value is made (−1: a model input) and last read (size(): it is a model output).
  int MadeAt(ValueId value) const { return made_at_[static_cast<size_t>(value.index)]; }
  int LastReadAt(ValueId value) const { return last_read_at_[static_cast<size_t>(value.index)]; }
  int64_t Elements(ValueId value) const { return elements_[static_cast<size_t>(value.index)]; }

  // Live-in of [begin, end) in order of first use, live-out in order of production.
  std::vector<ValueId> LiveIn(int begin, int end) const;
  std::vector<ValueId> LiveOut(int begin, int end) const;

 private:
  std::vector<NodeId> order_;
  std::vector<std::vector<ValueId>> reads_;
  std::vector<std::vector<ValueId>> writes_;
  std::vector<int32_t> made_at_, last_read_at_;  // by value index
  std::vector<int64_t> elements_;
};

// Counts boundary elements of a range that begins somewhere and grows node by node. O(reads) a step.
class BoundaryCounter {
 public:
  explicit BoundaryCounter(const Sequence* sequence);
  void Begin(int position);
  void Extend();  // by the next position
  int64_t in_elements() const { return in_; }
  int64_t out_elements() const { return out_; }

 private:
  const Sequence* sequence_;
  std::vector<int32_t> seen_;  // by value index: the begin for which it was counted as live-in
  int begin_ = 0;
  int end_ = 0;
  int64_t in_ = 0;
  int64_t out_ = 0;
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_SEQUENCE_H_
