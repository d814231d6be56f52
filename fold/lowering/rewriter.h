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
  ValueId Ints(absl::Span<const int64_t> values, absl::string_view suffix);
  ValueId Constant(Tensor tensor, absl::string_view suffix);

  // `constant` as a result of computation, for provers that scale weights but no other constants: a 1×1
  // Conv of one element of `x` (of the static `shape`) with weights of zero and the constant as bias.
  // An image is not reshaped for that, nor is a constant of shape [1, m, 1, 1]: DSperse loses count of the
  // elements behind Split and Concat, and refuses a Reshape there. (It also does behind a Slice and a Gemm,
  // and can't run a Conv with a stride behind a Reshape.) Opset ≥ 5; `x` of the constant's type.
  ValueId Wire(ValueId x, const Dims& shape, const Tensor& constant, absl::string_view suffix);
  // Attributes of a 1×…×1 Conv over `axes` axes, written out.
  static Attributes Pointwise(int axes);

  // Axes, split sizes and shapes are attributes in old opsets and inputs in newer ones.
  ValueId Unsqueeze(ValueId x, const std::vector<int64_t>& axes, absl::string_view suffix);
  std::vector<ValueId> Split(ValueId x, int64_t axis, const std::vector<int64_t>& sizes,
                             absl::string_view suffix);
  // Inputs and attributes of these, for Emit and Replace.
  std::pair<std::vector<ValueId>, Attributes> SqueezeParts(ValueId x, const std::vector<int64_t>& axes);
  // A ReduceSum over `axes` and a Div by the number of elements that a mean takes.
  void ReplaceByMean(ValueId x, DType type, const std::vector<int64_t>& axes, int64_t count, bool keep_dims);

 private:
  std::string Hint(absl::string_view suffix) const;

  Graph& graph_;
  NodeId anchor_;
};

// Why there is no Conv of element type `type` in the model that `node` is of, or "". For what Rewriter::Wire makes.
std::string WhyNoConvOf(DType type, const NodeView& node);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_REWRITER_H_
