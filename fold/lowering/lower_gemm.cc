#include "fold/lowering/lower_gemm.h"

#include <utility>

#include "fold/ir/status_macros.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

// `tensor` times `factor`, rounded once; nothing where an element would not be finite.
absl::StatusOr<std::optional<Tensor>> Times(const Tensor& tensor, double factor) {
  if (!IsFloat(tensor.dtype()) || tensor.rank() == 0) return std::nullopt;
  DSPERSE_ASSIGN_OR_RETURN(
      Tensor scaled,
      Tensor::Scaled(tensor, 0, std::vector<double>(static_cast<size_t>(tensor.dims()[0]), factor)));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t bad, FirstNonFinite(scaled));
  if (bad >= 0) return std::nullopt;
  return scaled;
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerGemmBias::Match(const Graph& graph, const NodeView& node,
                                                      Facts& facts) const {
  if (node.input(2).valid()) return NoMatch<Rewrite>();
  const std::optional<Tensor> b = ConstantOf(graph, node.input(1));
  if (!b || b->rank() != 2) return NoMatch<Rewrite>("B: " + WhyNotConstant(graph, node.input(1)));
  const int64_t columns = b->dims()[node.Int("transB", 0) != 0 ? 0 : 1];
  const DType type = facts.TypeOf(node.input(0));
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is no float");
  DSPERSE_ASSIGN_OR_RETURN(
      const Tensor zeros,
      RoundTo(type, {columns}, std::vector<double>(static_cast<size_t>(columns), 0.0)));
  return dsperse::Match(Rewrite{"given a C of zeros", [zeros](Rewriter& r) {
    r.graph().SetInput(r.anchor().id(), 2, r.Constant(zeros, "zeros"));
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerGemmFactors::Match(const Graph& graph, const NodeView& node,
                                                         Facts&) const {
  const double alpha = node.Float("alpha", 1), beta = node.Float("beta", 1);
  if (alpha == 1 && beta == 1) return NoMatch<Rewrite>();
  std::optional<Tensor> b = ConstantOf(graph, node.input(1)), c;
  if (!b) return NoMatch<Rewrite>("B: " + WhyNotConstant(graph, node.input(1)));
  if (alpha != 1) {
    DSPERSE_ASSIGN_OR_RETURN(b, Times(*b, alpha));
    if (!b) return NoMatch<Rewrite>("alpha times B is not finite");
  }
  const bool has_c = node.input(2).valid();
  if (has_c && beta != 1) {
    c = ConstantOf(graph, node.input(2));
    if (!c) return NoMatch<Rewrite>("C: " + WhyNotConstant(graph, node.input(2)));
    DSPERSE_ASSIGN_OR_RETURN(c, Times(*c, beta));
    if (!c) return NoMatch<Rewrite>("beta times C is not finite, or C is a scalar");
  }
  return dsperse::Match(Rewrite{"alpha and beta multiplied into its constants", [=](Rewriter& r) {
    Graph& g = r.graph();
    const NodeId id = r.anchor().id();
    if (alpha != 1) g.SetInput(id, 1, r.Constant(*b, "scaled_b"));
    if (c) g.SetInput(id, 2, r.Constant(*c, "scaled_c"));
    g.RemoveAttribute(id, "alpha");
    g.RemoveAttribute(id, "beta");
  }});
}

}  // namespace dsperse
