#include "fold/lowering/lower_shapes.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ops/fixed_point.h"

namespace dsperse {
namespace {

constexpr int64_t kExpand = 8;  // the opset that has it

constexpr char kOther[] = "its result has another shape than its operands give";

// Does a value of these sizes expand to `made`? A file may declare a result that it can't have.
bool ExpandsTo(const std::optional<Dims>& dims, const Dims& made) {
  if (!dims || dims->size() > made.size()) return false;
  const size_t ahead = made.size() - dims->size();
  for (size_t i = 0; i < dims->size(); ++i) {
    if ((*dims)[i] != 1 && (*dims)[i] != made[i + ahead]) return false;
  }
  return true;
}

Matched<Rewrite> MatchOrder(const NodeView& node, Facts& facts) {
  if (!TakesShapeOfAnother(node, facts)) return NoMatch<Rewrite>();
  for (ValueId operand : node.inputs()) {
    const Tensor* constant = facts.ConstantOf(operand);
    if (constant != nullptr && !AllZero(*constant)) return NoMatch<Rewrite>();
  }
  const std::string op(node.op_type());
  const std::optional<Dims> made = facts.StaticShape(node.output(0));
  if (!ExpandsTo(facts.StaticShape(node.input(0)), *made)) return NoMatch<Rewrite>(kOther);
  if (facts.StaticShape(node.input(1)) != made) {
    if (node.opset() < kExpand) {
      return NoMatch<Rewrite>(absl::StrCat("Expand is there from opset 8 on, the model has ", node.opset()));
    }
    return Match(Rewrite{"its first operand expanded to the result's shape", [op, shape = *made](Rewriter& r) {
      const ValueId wide = r.Emit("Expand", {r.anchor().input(0), r.Ints(shape, "shape")}, "first");
      r.Replace(op, {wide, r.anchor().input(1)});
    }});
  }
  if (op == "Sub") {
    return Match(Rewrite{"written as -b + a", [](Rewriter& r) {
      const ValueId negative = r.Emit("Neg", {r.anchor().input(1)}, "negative");
      r.Replace("Add", {negative, r.anchor().input(0)});
    }});
  }
  return Match(Rewrite{"its operands exchanged", [op](Rewriter& r) {
    const ValueId first = r.anchor().input(0);
    r.Replace(op, {r.anchor().input(1), first});
  }});
}

// `otherwise`: the axis of a node that has none.
Matched<Rewrite> MatchAxis(const NodeView& node, int64_t otherwise, Facts& facts) {
  const Shape& shape = facts.ShapeOf(node.input(0));
  const int64_t axis = node.Int("axis", otherwise);
  if (axis >= 0) return NoMatch<Rewrite>();
  if (!shape.has_rank()) return NoMatch<Rewrite>("its rank is not known");
  const int64_t counted = axis + shape.rank();
  if (counted < 0) return NoMatch<Rewrite>("it names an axis that isn't there");
  return Match(Rewrite{"its axis counted from the front", [counted](Rewriter& r) {
    const absl::Span<const ValueId> inputs = r.anchor().inputs();
    r.Replace(std::string(r.anchor().op_type()), {inputs.begin(), inputs.end()}, {{"axis", counted}});
  }});
}

}  // namespace

absl::StatusOr<Matched<Rewrite>> LowerAddOrder::Match(const Graph&, const NodeView& node, Facts& facts) const {
  return MatchOrder(node, facts);
}
absl::StatusOr<Matched<Rewrite>> LowerMulOrder::Match(const Graph&, const NodeView& node, Facts& facts) const {
  return MatchOrder(node, facts);
}
absl::StatusOr<Matched<Rewrite>> LowerSubOrder::Match(const Graph&, const NodeView& node, Facts& facts) const {
  return MatchOrder(node, facts);
}

absl::StatusOr<Matched<Rewrite>> LowerMatMulBatches::Match(const Graph&, const NodeView& node, Facts& facts) const {
  const std::optional<Dims> made = facts.StaticShape(node.output(0));
  if (node.num_inputs() != 2) return NoMatch<Rewrite>("it has not two operands");
  std::vector<Dims> wanted;
  bool expanded[2] = {};
  for (ValueId operand : node.inputs()) {
    const std::optional<Dims> dims = facts.StaticShape(operand);
    if (!dims || !made) return NoMatch<Rewrite>("its shapes are not known");
    if (dims->size() < 3) return NoMatch<Rewrite>();
    if (made->size() < 3) return NoMatch<Rewrite>(kOther);
    wanted.emplace_back(made->begin(), made->end() - 2);
    wanted.back().insert(wanted.back().end(), dims->end() - 2, dims->end());
    if (!ExpandsTo(dims, wanted.back())) return NoMatch<Rewrite>(kOther);
    expanded[wanted.size() - 1] = wanted.back() != *dims;
  }
  if (!expanded[0] && !expanded[1]) return NoMatch<Rewrite>();
  if (node.opset() < kExpand) {
    return NoMatch<Rewrite>(absl::StrCat("Expand is there from opset 8 on, the model has ", node.opset()));
  }
  return dsperse::Match(Rewrite{"its batches expanded to one shape", [=](Rewriter& r) {
    std::vector<ValueId> operands(r.anchor().inputs().begin(), r.anchor().inputs().end());
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!expanded[i]) continue;
      operands[i] = r.Emit("Expand", {operands[i], r.Ints(wanted[i], absl::StrCat("shape_", i))}, absl::StrCat("batches_", i));
    }
    r.Replace("MatMul", std::move(operands));
  }});
}

absl::StatusOr<Matched<Rewrite>> LowerGatherAxis::Match(const Graph&, const NodeView& node, Facts& facts) const {
  return MatchAxis(node, 0, facts);
}
absl::StatusOr<Matched<Rewrite>> LowerFlattenAxis::Match(const Graph&, const NodeView& node, Facts& facts) const {
  return MatchAxis(node, 1, facts);
}

}  // namespace dsperse
