#include "fold/passes/fuse_matmul_add.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/passes/operator_fusion.h"

namespace dsperse {
namespace {

// Does `c` broadcast to `product` without changing it?
bool BroadcastsTo(const Shape& c, const Shape& product) {
  if (!c.has_rank() || !product.has_rank() || c.rank() > product.rank()) return false;
  for (int i = 0; i < c.rank(); ++i) {
    const Dim& small = c.dim(c.rank() - 1 - i);
    const Dim& large = product.dim(product.rank() - 1 - i);
    const bool one = small.known() && small.size() == 1;
    const bool same = small == large && (small.known() || !small.name().empty());
    if (!one && !same) return false;
  }
  return true;
}

absl::StatusOr<Matched<OperatorFusion>> MatchMatMulAdd(const Graph& graph, const NodeView& add,
                                                       PassContext& context) {
  const auto no = [](std::string why = "") { return NoMatch<OperatorFusion>(std::move(why)); };
  if (!add.Is("Add") || add.opset() < 7) return no();
  int side = -1;
  for (int i = 0; i < 2; ++i) {
    const NodeId producer = graph.Producer(add.input(i));
    if (!producer.valid() || !graph.node(producer).Is("MatMul")) continue;
    // Of two products the one that nobody else reads.
    if (side < 0 || !WhyKept(graph, add.input(side)).empty()) side = i;
  }
  if (side < 0) return no();
  const ValueId product = add.input(side);
  const ValueId addend = add.input(1 - side);
  const NodeView matmul = graph.node(graph.Producer(product));
  if (std::string kept = WhyKept(graph, product); !kept.empty()) return no(std::move(kept));
  Facts& facts = context.facts();
  for (ValueId operand : matmul.inputs()) {
    const Shape& shape = facts.ShapeOf(operand);
    if (!shape.has_rank() || shape.rank() != 2) {
      return no(absl::StrCat("'", graph.Name(operand), "' of shape ", shape.ToString(), " is no matrix"));
    }
  }
  const DType type = facts.TypeOf(product);
  if (!IsFloat(type)) return no(absl::StrCat("the product's type is ", DTypeName(type)));
  if (!BroadcastsTo(facts.ShapeOf(addend), facts.ShapeOf(product))) {
    return no(absl::StrCat("'", graph.Name(addend), "' of shape ", facts.ShapeOf(addend).ToString(),
                           " could change the product's ", facts.ShapeOf(product).ToString()));
  }
  OperatorFusion fusion;
  fusion.nodes = {matmul.id(), add.id()};
  fusion.op_type = "Gemm";
  fusion.inputs = {matmul.input(0), matmul.input(1), addend};
  return Match(std::move(fusion));
}

}  // namespace

absl::StatusOr<bool> FuseMatMulAdd::Run(Graph& graph, PassContext& context) const {
  return FuseOperators(graph, context, MatchMatMulAdd);
}

}  // namespace dsperse
