// Rewriter: puts new nodes in the place of one, in the form that the model's opset has for them.
#ifndef DSPERSE_FOLD_LOWERING_REWRITER_H_
#define DSPERSE_FOLD_LOWERING_REWRITER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"

namespace dsperse {

using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

// Names of what it makes are those of the replaced node with a suffix.
class Rewriter {
 public:
  // `anchor` is the node that is to go; everything new is put before it.
  Rewriter(Graph& graph, NodeId anchor) : graph_(graph), anchor_(anchor) {}

  Graph& graph() { return graph_; }
  NodeView anchor() const { return graph_.node(anchor_); }
  int64_t opset() const { return anchor().opset(); }

  // A new node with one output, which is returned.
  ValueId Emit(absl::string_view op, std::vector<ValueId> inputs, absl::string_view suffix,
               Attributes attributes = {});
  // A new node with `count` outputs.
  std::vector<ValueId> EmitMany(absl::string_view op, std::vector<ValueId> inputs,
                                absl::string_view suffix, int count, Attributes attributes = {});
  // The node that takes over the anchor's output 0; the anchor goes. Call last. `like_anchor` carries
  // over the anchor's attributes first.
  void Replace(absl::string_view op, std::vector<ValueId> inputs, Attributes attributes = {},
               bool like_anchor = false);

  // One element of the float type `type`, rounded to it.
  ValueId Scalar(DType type, double value, absl::string_view suffix);
  ValueId Ints(const std::vector<int64_t>& values, absl::string_view suffix);
  ValueId Constant(Tensor tensor, absl::string_view suffix);

  // Axes, split sizes and shapes are attributes in old opsets and inputs in newer ones.
  ValueId Unsqueeze(ValueId x, const std::vector<int64_t>& axes, absl::string_view suffix);
  std::vector<ValueId> Split(ValueId x, int64_t axis, const std::vector<int64_t>& sizes,
                             absl::string_view suffix);
  // Inputs and attributes of these, for Emit and Replace.
  std::pair<std::vector<ValueId>, Attributes> SqueezeParts(ValueId x, const std::vector<int64_t>& axes);
  std::pair<std::vector<ValueId>, Attributes> ReduceMeanParts(ValueId x,
                                                              const std::vector<int64_t>& axes,
                                                              bool keep_dims);

 private:
  std::string Hint(absl::string_view suffix) const;

  Graph& graph_;
  NodeId anchor_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_REWRITER_H_
