#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/activation_patterns.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

Matched<OperatorFusion> No(std::string why = "") { return NoMatch<OperatorFusion>(std::move(why)); }

// (x − mean(x)) / sqrt(mean((x − mean(x))²) + ε), by its nodes.
struct Normalized {
  NodeId mean, sub, square, variance, add, sqrt, reciprocal, divide;
  ValueId x, epsilon;
  std::vector<NodeId> nodes() const {
    std::vector<NodeId> all = {mean, sub, square, variance, add, sqrt};
    if (reciprocal.valid()) all.push_back(reciprocal);
    all.push_back(divide);
    return all;
  }
};

// d², of d: as Pow(d, 2) or Mul(d, d). `square` is none where it is neither.
void FindSquare(const Graph& graph, ValueId d, ValueId squared, Normalized* form) {
  form->square = ProducerOf(graph, squared, "Mul");
  if (!form->square.valid()) form->square = ProducerOf(graph, squared, "Pow");
  if (!form->square.valid() || graph.node(form->square).input(0) != d) form->square = NodeId{};
}

std::optional<Normalized> FindNormalized(const Graph& graph, ValueId value) {
  Normalized form;
  ValueId d, root;
  form.divide = ProducerOf(graph, value, "Div");
  if (form.divide.valid()) {
    d = graph.node(form.divide).input(0);
    root = graph.node(form.divide).input(1);
  } else {
    form.divide = ProducerOf(graph, value, "Mul");
    if (!form.divide.valid()) return std::nullopt;
    for (int i = 0; i < 2 && !form.reciprocal.valid(); ++i) {
      form.reciprocal = ProducerOf(graph, graph.node(form.divide).input(i), "Reciprocal");
      d = graph.node(form.divide).input(1 - i);
    }
    if (!form.reciprocal.valid()) return std::nullopt;
    root = graph.node(form.reciprocal).input(0);
  }
  form.sqrt = ProducerOf(graph, root, "Sqrt");
  if (!form.sqrt.valid()) return std::nullopt;
  form.add = ProducerOf(graph, graph.node(form.sqrt).input(0), "Add");
  if (!form.add.valid()) return std::nullopt;
  for (int i = 0; i < 2 && !form.variance.valid(); ++i) {
    form.variance = ProducerOf(graph, graph.node(form.add).input(i), "ReduceMean");
    form.epsilon = graph.node(form.add).input(1 - i);
  }
  form.sub = ProducerOf(graph, d, "Sub");
  if (!form.variance.valid() || !form.sub.valid()) return std::nullopt;
  FindSquare(graph, d, graph.node(form.variance).input(0), &form);
  form.x = graph.node(form.sub).input(0);
  form.mean = ProducerOf(graph, graph.node(form.sub).input(1), "ReduceMean");
  if (!form.square.valid() || !form.mean.valid() || graph.node(form.mean).input(0) != form.x) return std::nullopt;
  return form;
}

// The first axis of a mean over all axes from there on that keeps them, or −1.
int FirstAxis(const Graph& graph, const NodeView& mean, int rank) {
  if (mean.Int("keepdims", 1) != 1) return -1;
  std::vector<int64_t> axes = mean.Ints("axes");
  if (mean.input(1).valid()) {
    const std::optional<Tensor> constant = ConstantOf(graph, mean.input(1));
    if (!constant) return -1;
    const absl::StatusOr<std::vector<int64_t>> read = ToInts(*constant);
    if (!read.ok()) return -1;
    axes = *read;
  }
  if (axes.empty()) return mean.Int("noop_with_empty_axes", 0) == 0 ? 0 : -1;
  for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  std::sort(axes.begin(), axes.end());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != rank - static_cast<int64_t>(axes.size() - i)) return -1;
  }
  return rank - static_cast<int>(axes.size());
}

// Has `value` exactly the dimensions of `shape` from `axis` on, all known?
bool HasShapeFrom(const Shape& value, const Shape& shape, int axis) {
  if (!value.is_static() || value.rank() != shape.rank() - axis) return false;
  for (int i = 0; i < value.rank(); ++i) {
    if (value.dim(i) != shape.dim(axis + i)) return false;
  }
  return true;
}

// Why a value in between must stay, or "".
std::string WhyAnyKept(const Graph& graph, const Normalized& form) {
  for (NodeId id : form.nodes()) {
    // What the mean is taken from is read by the square, once or twice, and by the division.
    size_t readers = 1;
    if (id == form.sub) readers = graph.node(form.square).Is("Mul") ? 3 : 2;
    if (std::string kept = WhyKept(graph, graph.node(id).output(0), readers); !kept.empty()) return kept;
  }
  return "";
}

// `product` = normalised · scale.
absl::StatusOr<Matched<OperatorFusion>> MatchScaled(const Graph& graph, const NodeView& product, ValueId bias,
                                                    Facts& facts) {
  std::optional<Normalized> form;
  ValueId scale;
  for (int i = 0; i < 2 && !form; ++i) {
    form = FindNormalized(graph, product.input(i));
    scale = product.input(1 - i);
  }
  if (!form) return No();
  const DType type = facts.TypeOf(form->x);
  if (type != DType::kFloat) return No(absl::StrCat("a LayerNormalization of type ", DTypeName(type)));
  const Shape& shape = facts.ShapeOf(form->x);
  if (!shape.has_rank()) return No("the rank of its input is not known");
  const int axis = FirstAxis(graph, graph.node(form->mean), shape.rank());
  if (axis < 0 || axis == shape.rank() ||
      axis != FirstAxis(graph, graph.node(form->variance), shape.rank())) {
    return No("its means are not over the same last axes, which they keep");
  }
  const NodeView square = graph.node(form->square);
  if (square.Is("Mul") && square.input(1) != square.input(0)) return No();
  if (square.Is("Pow")) {
    DSPERSE_ASSIGN_OR_RETURN(const bool two, IsNumber(graph, square.input(1), 2, shape.rank()));
    if (!two) return No(absl::StrCat("'", graph.Name(square.input(1)), "' is not 2"));
  }
  const std::optional<Tensor> epsilon = ConstantOf(graph, form->epsilon);
  if (!epsilon || epsilon->num_elements() != 1 || static_cast<int>(epsilon->dims().size()) > shape.rank()) {
    return No(absl::StrCat("'", graph.Name(form->epsilon), "' is not one constant number"));
  }
  for (ValueId value : {scale, bias}) {
    if (value.valid() && !HasShapeFrom(facts.ShapeOf(value), shape, axis)) {
      return No(absl::StrCat("'", graph.Name(value), "' of shape ", facts.ShapeOf(value).ToString(),
                             " is not of the shape of the means' axes"));
    }
  }
  if (std::string kept = WhyAnyKept(graph, *form); !kept.empty()) return No(std::move(kept));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> eps, ToDoubles(*epsilon));
  OperatorFusion fusion;
  fusion.nodes = form->nodes();
  fusion.nodes.push_back(product.id());
  fusion.op_type = "LayerNormalization";
  fusion.inputs = {form->x, scale};
  if (bias.valid()) fusion.inputs.push_back(bias);
  fusion.attributes = {{"axis", static_cast<int64_t>(axis) - shape.rank()},
                       {"epsilon", static_cast<float>(eps[0])}};
  fusion.re_rounded = true;
  return Match(std::move(fusion));
}

// `add` = scaled + bias. Says nothing of why not: the product does.
absl::StatusOr<Matched<OperatorFusion>> MatchShifted(const Graph& graph, const NodeView& add, Facts& facts) {
  for (int i = 0; i < 2; ++i) {
    const NodeId product = ProducerOf(graph, add.input(i), "Mul");
    if (!product.valid()) continue;
    DSPERSE_ASSIGN_OR_RETURN(Matched<OperatorFusion> fusion,
                             MatchScaled(graph, graph.node(product), add.input(1 - i), facts));
    if (!fusion || !WhyKept(graph, add.input(i)).empty()) continue;
    fusion->nodes.push_back(add.id());
    return fusion;
  }
  return No();
}

}  // namespace

absl::StatusOr<Matched<OperatorFusion>> MatchLayerNormalization(const Graph& graph, const NodeView& last,
                                                                PassContext& context) {
  if (last.opset() < 17) return No();
  Facts& facts = context.facts();
  if (last.Is("Add")) return MatchShifted(graph, last, facts);
  if (!last.Is("Mul")) return No();
  DSPERSE_ASSIGN_OR_RETURN(Matched<OperatorFusion> fusion, MatchScaled(graph, last, ValueId{}, facts));
  if (!fusion) return fusion;
  // With its bias, if that is one.
  const absl::Span<const Use> uses = graph.Uses(last.output(0));
  if (uses.size() == 1 && !uses[0].is_block_output() && graph.node(uses[0].node).Is("Add")) {
    DSPERSE_ASSIGN_OR_RETURN(const Matched<OperatorFusion> with_bias,
                             MatchShifted(graph, graph.node(uses[0].node), facts));
    if (with_bias) return No();
  }
  return fusion;
}

}  // namespace dsperse
