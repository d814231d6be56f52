#include "fold/lowering/lower_gemm.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/lowering/broadcast.h"
#include "fold/lowering/precision.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

// `tensor` times `factor`, rounded once; nothing where an element would not be finite, all would lose digits, or a
// ConstantOfShape has a size that no file holds.
absl::StatusOr<std::optional<Tensor>> Times(const Tensor& tensor, double factor) {
  if (!IsFloat(tensor.dtype()) || tensor.rank() == 0) return std::nullopt;
  if (tensor.num_elements() == 0) return tensor;
  if (tensor.is_uniform() && tensor.num_elements() > kMostMade) return std::nullopt;
  if (!WeightsKeepPrecision(tensor.dtype(), factor)) return std::nullopt;
  DSPERSE_ASSIGN_OR_RETURN(
      Tensor scaled,
      Tensor::Scaled(tensor, 0, std::vector<double>(static_cast<size_t>(tensor.dims()[0]), factor)));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t bad, FirstNonFinite(scaled));
  if (bad >= 0) return std::nullopt;
  return scaled;
}

// The Add of a constant vector of `columns` elements along the last axis that alone reads `value`.
struct Addend {
  NodeId add;
  int data_input = 0;
  Tensor constant;
};

std::optional<Addend> AddendOf(const Graph& graph, ValueId value, int64_t columns) {
  if (!graph.HasSingleNodeUse(value)) return std::nullopt;
  const NodeView add = graph.node(graph.Uses(value)[0].node);
  if (!add.Is("Add") || add.num_inputs() != 2 || add.opset() < 7) return std::nullopt;
  const int data = add.input(0) == value ? 0 : 1;
  const std::optional<Tensor> constant = ConstantOf(graph, add.input(1 - data));
  if (!constant || constant->num_elements() != columns || constant->rank() < 1 ||
      constant->dims().back() != columns || !IsFloat(constant->dtype())) {
    return std::nullopt;
  }
  absl::StatusOr<Tensor> flat = constant->WithDims({columns});
  if (!flat.ok()) return std::nullopt;
  return Addend{add.id(), data, *std::move(flat)};
}

// Columns of a constant right operand of rank 2, or −1.
int64_t ColumnsOf(const Graph& graph, const NodeView& matmul) {
  const std::optional<Tensor> b = ConstantOf(graph, matmul.input(1));
  return b && b->rank() == 2 && IsFloat(b->dtype()) ? b->dims()[1] : -1;
}

// C with axes of one element dropped: one number, or one a column.
absl::StatusOr<Matched<Rewrite>> MatchFlat(const Graph& graph, const NodeView& node) {
  const std::optional<Tensor> c = ConstantOf(graph, node.input(2));
  if (!c || c->rank() == 1) return NoMatch<Rewrite>();
  const int64_t elements = c->num_elements();
  if (elements < 1 || (c->rank() > 0 && c->dims().back() != elements)) {
    return NoMatch<Rewrite>("its C differs from row to row");
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor flat, c->WithDims({elements}));
  return dsperse::Match(Rewrite{"its C written as a vector", [flat](Rewriter& r) {
    r.graph().SetInput(r.anchor().id(), 2, r.Constant(flat, "flat_c"));
  }});
}

}  // namespace

bool LowerMatMul::Wanted(const Graph& graph, const NodeView& node, const Target&) const {
  const int64_t columns = ColumnsOf(graph, node);
  return columns > 0 && AddendOf(graph, node.output(0), columns).has_value();
}

absl::StatusOr<Matched<Rewrite>> LowerMatMul::Match(const Graph& graph, const NodeView& node,
                                                    Facts& facts) const {
  const int64_t columns = ColumnsOf(graph, node);
  if (columns < 1) return NoMatch<Rewrite>("its right operand is not a constant matrix");
  if (std::string why = WhyNotBroadcast(node, "C of Gemm"); !why.empty()) return NoMatch<Rewrite>(why);
  const std::optional<Dims> in = facts.StaticShape(node.input(0));
  const std::optional<Dims> out = facts.StaticShape(node.output(0));
  if (!in || !out || in->size() < 2) return NoMatch<Rewrite>("its shapes are not known");
  // Reshape takes a 0 for the size that its input has there.
  const absl::StatusOr<int64_t> elements = NumElements(*in);
  if (!elements.ok() || *elements < 1) return NoMatch<Rewrite>("its input has no element, or too many");
  if (columns > kMostMade) return NoMatch<Rewrite>(absl::StrCat("it has ", columns, " columns"));
  const DType type = facts.TypeOf(node.input(0));
  std::optional<Addend> addend = AddendOf(graph, node.output(0), columns);
  // A constant of a higher rank would raise that of the result.
  if (addend && facts.ShapeOf(graph.node(addend->add).output(0)) != facts.ShapeOf(node.output(0))) {
    addend.reset();
  }
  DSPERSE_ASSIGN_OR_RETURN(
      const Tensor zeros,
      RoundTo(type, {columns}, std::vector<double>(static_cast<size_t>(columns), 0.0)));
  const int64_t depth = in->back();
  const int64_t rows = *elements / depth;
  const bool flat = in->size() == 2;
  const std::string text = addend ? "written as Gemm with the Add behind it" : "written as Gemm";
  return dsperse::Match(Rewrite{text, [=](Rewriter& r) {
    Graph& g = r.graph();
    const ValueId result = r.anchor().output(0), b = r.anchor().input(1);
    const ValueId c = r.Constant(addend ? addend->constant : zeros, "bias");
    ValueId a = r.anchor().input(0);
    if (flat) {
      r.Replace("Gemm", {a, b, c});
    } else {
      a = r.Emit("Reshape", {a, r.Ints({rows, depth}, "rows_shape")}, "rows");
      const ValueId product = r.Emit("Gemm", {a, b, c}, "gemm");
      r.Replace("Reshape", {product, r.Ints(*out, "shape")});
    }
    if (!addend) return;
    const ValueId sum = g.node(addend->add).output(0);
    g.SetInput(addend->add, addend->data_input, ValueId());
    g.TakeOutput(g.Producer(result), 0, sum);
    g.RemoveNode(addend->add);
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerGemmBias::Match(const Graph& graph, const NodeView& node,
                                                      Facts& facts) const {
  if (node.input(2).valid()) return MatchFlat(graph, node);
  const std::optional<Tensor> b = ConstantOf(graph, node.input(1));
  if (!b || b->rank() != 2) return NoMatch<Rewrite>("B: " + WhyNotConstant(graph, node.input(1)));
  const int64_t columns = b->dims()[node.Int("transB", 0) != 0 ? 0 : 1];
  const DType type = facts.TypeOf(node.input(0));
  if (!IsFloat(type)) return NoMatch<Rewrite>("its element type is no float");
  if (columns > kMostMade) return NoMatch<Rewrite>(absl::StrCat("it has ", columns, " columns"));
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
    if (!b) return NoMatch<Rewrite>("alpha times B is not finite, or too small or large for its type");
  }
  const bool has_c = node.input(2).valid();
  if (has_c && beta != 1) {
    c = ConstantOf(graph, node.input(2));
    if (!c) return NoMatch<Rewrite>("C: " + WhyNotConstant(graph, node.input(2)));
    DSPERSE_ASSIGN_OR_RETURN(c, Times(*c, beta));
    if (!c) return NoMatch<Rewrite>("beta times C is not finite, or too small or large for its type, or C is a scalar");
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
