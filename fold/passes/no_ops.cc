#include "fold/passes/no_ops.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/passes/constants.h"
#include "fold/passes/rank_at_sight.h"

namespace dsperse {
namespace {

constexpr auto kNone = [] { return NoMatch<NoOp>(); };

Matched<NoOp> Returns(ValueId input) { return Match(NoOp{input}); }

// The one element of a constant scalar as a number; nothing where it isn't constant.
std::optional<double> ConstantScalar(const Graph& graph, ValueId value) {
  const std::optional<Tensor> tensor = ConstantOf(graph, value);
  if (!tensor || tensor->num_elements() != 1) return std::nullopt;
  const absl::StatusOr<std::vector<double>> values = ToDoubles(*tensor);
  return values.ok() ? std::optional((*values)[0]) : std::nullopt;
}

// Why a Dropout may drop something, or "".
std::string WhyDropoutMayDrop(const Graph& graph, const NodeView& node) {
  const int64_t opset = node.opset();
  if (opset < 7) {
    return node.Int("is_test", 0) == 1 ? "" : "it is in training mode (is_test = 0)";
  }
  if (opset < 12 || !node.input(2).valid()) return "";
  const std::optional<double> training = ConstantScalar(graph, node.input(2));
  if (training == 0.0) return "";
  // With a ratio of 0 nothing is dropped in training mode either.
  if (node.input(1).valid() && ConstantScalar(graph, node.input(1)) == 0.0) return "";
  if (training) return "it is in training mode";
  return absl::StrCat("its training_mode ", WhyNotConstant(graph, node.input(2)));
}

Matched<NoOp> MatchDropout(const Graph& graph, const NodeView& node, PassContext&) {
  std::string why_not = WhyDropoutMayDrop(graph, node);
  if (!why_not.empty()) return NoMatch<NoOp>(std::move(why_not));
  if (node.output(1).valid() && !graph.Uses(node.output(1)).empty()) {
    return NoMatch<NoOp>("its mask is read");
  }
  return Returns(node.input(0));
}

bool SameKnownShape(const Shape& a, const Shape& b) {
  if (!a.has_rank() || a != b) return false;
  // Equal names are equal numbers; two unknown dimensions are not.
  return std::all_of(a.dims().begin(), a.dims().end(),
                     [](const Dim& d) { return d.known() || !d.name().empty(); });
}

// Is the result of the same known shape as `input`?
bool KeepsShape(const NodeView& node, ValueId input, PassContext& context) {
  const Shape before = context.facts().ShapeOf(input);
  return SameKnownShape(before, context.facts().ShapeOf(node.output(0)));
}

bool AllEqual(const std::optional<std::vector<int64_t>>& values, int64_t expected) {
  return values &&
         std::all_of(values->begin(), values->end(), [&](int64_t v) { return v == expected; });
}

// Integers that newer opsets take as an input and older ones as an attribute; nothing where they
// are not constant. `absent` where they are in neither place.
std::optional<std::vector<int64_t>> Ints(const Graph& graph, const NodeView& node, int input,
                                         absl::string_view attribute, std::vector<int64_t> absent) {
  if (node.HasAttr(attribute)) return node.Ints(attribute);
  if (!node.input(input).valid()) return absent;
  const std::optional<Tensor> tensor = ConstantOf(graph, node.input(input));
  if (!tensor) return std::nullopt;
  const absl::StatusOr<std::vector<int64_t>> values = ToInts(*tensor);
  return values.ok() ? std::optional(*values) : std::nullopt;
}

// Is every element of the constant behind `value` equal to `number`? (±0 counts as equal.)
bool IsConstantNumber(const Graph& graph, ValueId value, double number) {
  std::optional<Tensor> tensor = ConstantOf(graph, value);
  if (!tensor || tensor->num_elements() == 0 || !IsComputable(tensor->dtype()) ||
      tensor->dtype() == DType::kBool) {
    return false;
  }
  // One element decides at once for most; the rest are read only if that fits.
  const size_t width = static_cast<size_t>(BitWidth(tensor->dtype()) / 8);
  std::string first(width, '\0');
  if (!tensor->Read(0, absl::MakeSpan(first.data(), width)).ok()) return false;
  const absl::StatusOr<Tensor> one = Tensor::FromBytes(tensor->dtype(), {}, first);
  if (!one.ok()) return false;
  const auto equals = [&](const Tensor& t) {
    const absl::StatusOr<std::vector<double>> values = ToDoubles(t);
    return values.ok() &&
           std::all_of(values->begin(), values->end(), [&](double v) { return v == number; });
  };
  return equals(*one) && (tensor->is_uniform() || equals(*tensor));
}

Matched<NoOp> MatchArithmetic(const Graph& graph, const NodeView& node, PassContext& context) {
  const bool adds = node.Is("Add"), multiplies = node.Is("Mul");
  const double neutral = adds || node.Is("Sub") ? 0 : 1;
  for (int i = 0; i < 2; ++i) {
    if (i == 1 && !adds && !multiplies) break;  // 0 − x, 1 / x, 1 ^ x are something else
    const ValueId data = node.input(i);
    if (!data.valid() || !node.input(1 - i).valid()) continue;
    if (!IsConstantNumber(graph, node.input(1 - i), neutral)) continue;
    if (context.facts().TypeOf(data) != context.facts().TypeOf(node.output(0))) continue;
    if (KeepsShape(node, data, context)) return Returns(data);
    return NoMatch<NoOp>("its constant may broadcast the shape");
  }
  return kNone();
}

Matched<NoOp> MatchPad(const Graph& graph, const NodeView& node, PassContext&) {
  const absl::string_view attribute = node.HasAttr("paddings") ? "paddings" : "pads";
  if (!node.HasAttr(attribute) && !node.input(1).valid()) return kNone();
  return AllEqual(Ints(graph, node, 1, attribute, {}), 0) ? Returns(node.input(0)) : kNone();
}

Matched<NoOp> MatchSlice(const Graph& graph, const NodeView& node, PassContext& context) {
  // Of the same shape with steps of one, it takes everything; with a step of −1 it would reverse.
  if (!AllEqual(Ints(graph, node, 4, "steps", {1}), 1)) return kNone();
  return KeepsShape(node, node.input(0), context) ? Returns(node.input(0)) : kNone();
}

Matched<NoOp> MatchTranspose(const Graph&, const NodeView& node, PassContext& context) {
  const std::vector<int64_t> perm = node.Ints("perm");
  if (perm.empty()) {
    const Shape& shape = context.facts().ShapeOf(node.input(0));
    return shape.has_rank() && shape.rank() <= 1 ? Returns(node.input(0)) : kNone();
  }
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] != static_cast<int64_t>(i)) return kNone();
  }
  return Returns(node.input(0));
}

Matched<NoOp> MatchTile(const Graph& graph, const NodeView& node, PassContext&) {
  if (node.opset() < 6) return kNone();
  return AllEqual(Ints(graph, node, 1, "", {}), 1) ? Returns(node.input(0)) : kNone();
}

Matched<NoOp> MatchIdentity(const Graph&, const NodeView& node, PassContext&) {
  return Returns(node.input(0));
}

// Cast and CastLike.
Matched<NoOp> MatchCast(const Graph&, const NodeView& node, PassContext& context) {
  const DType type = context.facts().TypeOf(node.input(0));
  const bool same = type != DType::kUndefined && type == context.facts().TypeOf(node.output(0));
  return same ? Returns(node.input(0)) : kNone();
}

// Operators whose result has the input's elements in the same order, if it has its shape.
Matched<NoOp> MatchView(const Graph&, const NodeView& node, PassContext& context) {
  return KeepsShape(node, node.input(0), context) ? Returns(node.input(0)) : kNone();
}

Matched<NoOp> MatchFlatten(const Graph& graph, const NodeView& node, PassContext& context) {
  if (LeastRankAtSight(graph, node.input(0)) > 2) return kNone();  // its result is a matrix
  return MatchView(graph, node, context);
}

// Of one input nothing is joined.
Matched<NoOp> MatchVariadic(const Graph&, const NodeView& node, PassContext&) {
  return node.num_inputs() == 1 ? Returns(node.input(0)) : kNone();
}

Matched<NoOp> MatchSplit(const Graph& graph, const NodeView& node, PassContext& context) {
  return node.num_outputs() == 1 ? MatchView(graph, node, context) : kNone();
}

struct Matcher {
  absl::string_view op;
  Matched<NoOp> (*match)(const Graph&, const NodeView&, PassContext&);
};

constexpr Matcher kMatchers[] = {
    {"Add", MatchArithmetic},      {"Cast", MatchCast},
    {"CastLike", MatchCast},       {"Concat", MatchVariadic},
    {"Div", MatchArithmetic},      {"Dropout", MatchDropout},
    {"Expand", MatchView},         {"Flatten", MatchFlatten},
    {"Identity", MatchIdentity},   {"Max", MatchVariadic},
    {"Mean", MatchVariadic},       {"Min", MatchVariadic},
    {"Mul", MatchArithmetic},      {"Pad", MatchPad},
    {"Pow", MatchArithmetic},      {"Reshape", MatchView},
    {"Slice", MatchSlice},         {"Split", MatchSplit},
    {"Squeeze", MatchView},        {"Sub", MatchArithmetic},
    {"Sum", MatchVariadic},        {"Tile", MatchTile},
    {"Transpose", MatchTranspose}, {"Unsqueeze", MatchView},
};

}  // namespace

Matched<NoOp> MatchNoOp(const Graph& graph, const NodeView& node, PassContext& context) {
  if (!node.domain().empty()) return kNone();
  // Most nodes are of none of these operators.
  const auto* found = std::find_if(std::begin(kMatchers), std::end(kMatchers),
                                   [op = node.op_type()](const Matcher& m) { return m.op == op; });
  if (found == std::end(kMatchers)) return kNone();
  if (!node.input(0).valid() || !node.output(0).valid()) return kNone();
  // A Dropout may name outputs that it doesn't have.
  for (int i = node.Is("Dropout") ? 2 : 1; i < node.num_outputs(); ++i) {
    if (!graph.Uses(node.output(i)).empty()) return kNone();
  }
  return found->match(graph, node, context);
}

}  // namespace dsperse
