#include "fold/passes/activation_patterns.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/constants.h"

namespace dsperse {
namespace {

Matched<OperatorFusion> No(std::string why = "") { return NoMatch<OperatorFusion>(std::move(why)); }

std::string IsNot(const Graph& graph, ValueId value, absl::string_view what) {
  return absl::StrCat("'", graph.Name(value), "' is not ", what);
}

// 1 + Erf(u) with u = x/√2, by its outermost value.
struct ErfTerm {
  NodeId add, erf, scaling;
  ValueId one;   // to be the number 1
  ValueId x, by; // u = x / by, or x · by
  bool divides = false;
};

std::optional<ErfTerm> FindErfTerm(const Graph& graph, ValueId value) {
  ErfTerm term;
  term.add = ProducerOf(graph, value, "Add");
  if (!term.add.valid()) return std::nullopt;
  const NodeView add = graph.node(term.add);
  for (int i = 0; i < 2 && !term.erf.valid(); ++i) {
    term.erf = ProducerOf(graph, add.input(i), "Erf");
    term.one = add.input(1 - i);
  }
  if (!term.erf.valid()) return std::nullopt;
  const ValueId u = graph.node(term.erf).input(0);
  term.scaling = ProducerOf(graph, u, "Div");
  term.divides = term.scaling.valid();
  if (!term.divides) term.scaling = ProducerOf(graph, u, "Mul");
  if (!term.scaling.valid()) return std::nullopt;
  const NodeView scaling = graph.node(term.scaling);
  const bool swapped = !term.divides && ConstantOf(graph, scaling.input(0)).has_value();
  term.x = scaling.input(swapped ? 1 : 0);
  term.by = scaling.input(swapped ? 0 : 1);
  return term;
}

// The product inner · outer of three factors.
struct ThreeFactors {
  NodeId inner;
  ValueId factors[3];
};

absl::StatusOr<Matched<OperatorFusion>> MatchGeluProduct(const Graph& graph, const NodeView& last,
                                                         const ThreeFactors& product, Facts& facts) {
  for (int i = 0; i < 3; ++i) {
    const std::optional<ErfTerm> term = FindErfTerm(graph, product.factors[i]);
    if (!term) continue;
    ValueId half = product.factors[(i + 1) % 3];
    ValueId x = product.factors[(i + 2) % 3];
    if (half == term->x) std::swap(half, x);
    if (x != term->x) return No();
    const DType type = facts.TypeOf(x);
    if (type != DType::kFloat && type != DType::kDouble) {
      return No(absl::StrCat("a Gelu of type ", DTypeName(type)));
    }
    const Shape& shape = facts.ShapeOf(x);
    const int rank = shape.has_rank() ? shape.rank() : 0;
    DSPERSE_ASSIGN_OR_RETURN(const bool is_half, IsNumber(graph, half, 0.5, rank));
    if (!is_half) return No(IsNot(graph, half, "0.5"));
    DSPERSE_ASSIGN_OR_RETURN(const bool is_one, IsNumber(graph, term->one, 1, rank));
    if (!is_one) return No(IsNot(graph, term->one, "1"));
    const double root = std::sqrt(2.0);
    DSPERSE_ASSIGN_OR_RETURN(const bool is_root,
                             IsNumber(graph, term->by, term->divides ? root : 1 / root, rank));
    if (!is_root) return No(IsNot(graph, term->by, term->divides ? "√2" : "1/√2"));
    OperatorFusion fusion;
    fusion.nodes = {term->scaling, term->erf, term->add, product.inner, last.id()};
    for (size_t n = 0; n + 1 < fusion.nodes.size(); ++n) {
      if (std::string kept = WhyKept(graph, graph.node(fusion.nodes[n]).output(0)); !kept.empty()) {
        return No(std::move(kept));
      }
    }
    fusion.op_type = "Gelu";
    fusion.inputs = {x};
    fusion.re_rounded = true;
    return Match(std::move(fusion));
  }
  return No();
}

}  // namespace

NodeId ProducerOf(const Graph& graph, ValueId value, absl::string_view op_type) {
  const NodeId producer = value.valid() ? graph.Producer(value) : NodeId{};
  if (!producer.valid() || !graph.node(producer).Is(op_type)) return NodeId{};
  return producer;
}

absl::StatusOr<bool> IsNumber(const Graph& graph, ValueId value, double number, int rank) {
  const std::optional<Tensor> constant = ConstantOf(graph, value);
  if (!constant || constant->num_elements() != 1 || static_cast<int>(constant->dims().size()) > rank) return false;
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> read, ToDoubles(*constant));
  if (!IsFloat(constant->dtype())) return read[0] == number;
  DSPERSE_ASSIGN_OR_RETURN(const Tensor nearest,
                           RoundTo(constant->dtype(), {}, absl::MakeConstSpan(&number, 1)));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> rounded, ToDoubles(nearest));
  return read[0] == rounded[0];
}

absl::StatusOr<Matched<OperatorFusion>> MatchHardSwish(const Graph& graph, const NodeView& last, PassContext&) {
  if (!last.Is("Mul") || last.opset() < 14) return No();
  for (int i = 0; i < 2; ++i) {
    const NodeId producer = ProducerOf(graph, last.input(i), "HardSigmoid");
    if (!producer.valid()) continue;
    const NodeView sigmoid = graph.node(producer);
    if (sigmoid.input(0) != last.input(1 - i)) continue;
    const float alpha = sigmoid.Float("alpha", 0.2f);
    const float beta = sigmoid.Float("beta", 0.5f);
    if (alpha != 1.0f / 6.0f || beta != 0.5f) {
      return No(absl::StrCat("HardSigmoid has factors ", alpha, " and ", beta, ", HardSwish 1/6 and 0.5"));
    }
    if (std::string kept = WhyKept(graph, last.input(i)); !kept.empty()) return No(std::move(kept));
    OperatorFusion fusion;
    fusion.nodes = {producer, last.id()};
    fusion.op_type = "HardSwish";
    fusion.inputs = {last.input(1 - i)};
    fusion.re_rounded = true;
    return Match(std::move(fusion));
  }
  return No();
}

absl::StatusOr<Matched<OperatorFusion>> MatchGelu(const Graph& graph, const NodeView& last, PassContext& context) {
  if (!last.Is("Mul") || last.opset() < 20) return No();
  for (int i = 0; i < 2; ++i) {
    ThreeFactors product;
    product.inner = ProducerOf(graph, last.input(i), "Mul");
    if (!product.inner.valid()) continue;
    const NodeView inner = graph.node(product.inner);
    product.factors[0] = inner.input(0);
    product.factors[1] = inner.input(1);
    product.factors[2] = last.input(1 - i);
    DSPERSE_ASSIGN_OR_RETURN(Matched<OperatorFusion> fusion,
                             MatchGeluProduct(graph, last, product, context.facts()));
    if (fusion || !fusion.why_not.empty()) return fusion;
  }
  return No();
}

}  // namespace dsperse
