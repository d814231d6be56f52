#include "circuit_estimate/backends/ezkl_counter.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace dsperse {
namespace {

bool IsPowerOfTwo(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

int Log2(uint64_t n) {
  int log = 0;
  while (n > 1) {
    n >>= 1;
    ++log;
  }
  return log;
}

// Functions that EZKL looks up in a table.
bool IsLookup(absl::string_view op) {
  static constexpr absl::string_view kNames[] = {
      "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh",     "Cos",     "Cosh", "Erf",
      "Exp",  "HardSwish", "Log",  "Sigmoid",   "Sin", "Sinh", "Tan",  "Tanh"};
  return std::find(std::begin(kNames), std::end(kNames), op) != std::end(kNames);
}

}  // namespace

std::optional<int> ShiftOf(double factor) {
  int exponent = 0;
  if (!(factor > 0 && factor <= 1 && std::frexp(factor, &exponent) == 0.5)) return std::nullopt;
  return 1 - exponent;
}

EzklCounter::EzklCounter(ModelView* view, const Parameters& parameters)
    : view_(*view),
      input_scale_(static_cast<int>(parameters.Number("input_scale"))),
      param_scale_(static_cast<int>(parameters.Number("param_scale"))),
      limit_(std::max(input_scale_, param_scale_) *
             static_cast<int>(parameters.Number("scale_rebase_multiplier"))),
      columns_(static_cast<uint64_t>(parameters.Number("num_inner_cols"))),
      digits_(static_cast<uint64_t>(parameters.Number("decomp_legs"))),
      sheet_(columns_, digits_) {}

void EzklCounter::Begin(const Range* known) {
  sheet_ = EzklSheet(columns_, digits_);
  known_ = known != nullptr;
  inside_.clear();
  scales_.clear();
  folded_into_.clear();
  bases_.clear();
  dead_.clear();
  computed_.clear();
  shared_.clear();
  placed_.clear();
  lookups_.clear();
  if (!known_) return;
  // Which constants several nodes use, with the importer's folding done first.
  for (NodeId id : known->nodes) inside_.insert(id);
  FindDead(*known);
  for (NodeId id : known->nodes) {
    if (Folded(view_.graph().node(id))) bases_.insert(folded_into_[id]);
  }
  for (NodeId id : known->nodes) {
    if (folded_into_.contains(id) || dead_.contains(id)) continue;
    SharedConstants(view_.graph().node(id), [&](Part, const std::string& key, Count) { ++shared_[key]; });
  }
  folded_into_.clear();
}

void EzklCounter::FindDead(const Range& range) {
  const Graph& graph = view_.graph();
  for (size_t i = range.nodes.size(); i-- > 0;) {
    bool read = false;
    for (ValueId output : graph.node(range.nodes[i]).outputs()) {
      if (!output.valid()) continue;
      for (const Use& use : graph.Uses(output)) {
        read = read || use.is_block_output() || !dead_.contains(use.node);
      }
    }
    if (!read) dead_.insert(range.nodes[i]);
  }
}

void EzklCounter::AddInputs(absl::Span<const ValueId> inputs) {
  for (ValueId input : inputs) {
    sheet_.Decompose(view_.Elements(input));
    scales_[input] = input_scale_;
  }
}

void EzklCounter::AddOutputs(absl::Span<const ValueId> outputs) {
  for (ValueId output : outputs) {
    const Count n = view_.Elements(output);
    sheet_.Decompose(n);
    sheet_.Decompose(n);
    sheet_.Add(n);
  }
}

int EzklCounter::ScaleOf(ValueId value) const {
  const auto found = scales_.find(value);
  return found != scales_.end() ? found->second : param_scale_;
}

EzklCounter::Priced EzklCounter::AddNode(NodeId id) {
  const Graph& graph = view_.graph();
  const NodeView node = graph.node(id);
  inside_.insert(id);
  if (dead_.contains(id)) return {};
  const ValueId first = node.input(0);
  Node priced{node, view_.ShapeOf(first), view_.ShapeOf(node.output(0)),
              view_.Elements(node.output(0)), ScaleOf(first)};
  Result result;
  if (Folded(node)) {
    int data = 0;
    if (!node.Is("BatchNormalization")) IsPerChannelConstant(node, &data);
    result = {ScaleOf(node.input(data)), After::kKeep, ""};
  } else if (priced.in == nullptr || priced.out == nullptr) {
    result = {priced.scale, After::kKeep, "shapes are not known"};
  } else if (!node.domain().empty()) {
    result = {priced.scale, After::kKeep,
              absl::StrCat("no formula for operators of domain ", node.domain())};
  } else if (const ValueId same = StandsFor(node); same.valid()) {
    result = {ScaleOf(same), After::kKeep};
  } else if (std::string refused = Refusal(priced); !refused.empty()) {
    result = {priced.scale, After::kKeep, std::move(refused)};
  } else {
    PlaceShared(node, kFirst);
    result = Price(priced);
    if (FoldedIntoACopy(node)) result.exact = false;
  }
  if (result.refused.empty() && result.after == After::kRebase && result.scale > limit_) {
    for (ValueId output : node.outputs()) {
      if (output.valid() && !graph.Uses(output).empty()) sheet_.Rebase(view_.Elements(output));
    }
    result.scale = limit_;
  }
  for (ValueId output : node.outputs()) {
    if (output.valid()) scales_[output] = result.scale;
  }
  // Two nodes that compute the same are one to the importer.
  std::string computes(node.op_type());
  for (ValueId input : node.inputs()) absl::StrAppend(&computes, " ", input.index);
  if (!computed_.insert(std::move(computes)).second) result.exact = false;
  return {std::move(result.refused), result.exact};
}

EzklCounter::Result EzklCounter::Price(const Node& node) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  const Count n = node.n;
  const int scale = node.scale;
  if (op == "Conv") return Conv(node);
  if (op == "ConvTranspose") return ConvTranspose(node);
  if (op == "Gemm" || op == "MatMul") return Matrix(node);
  if (op == "BatchNormalization") return BatchNormalization(node);
  if (op == "Relu") {
    sheet_.Relu(n);
    return {scale};
  }
  if (op == "LeakyRelu") {
    if (view.Float("alpha", 0.01f) == 0) {
      sheet_.Relu(n);
      return {scale};
    }
    sheet_.Leaky(n);
    return {scale + param_scale_};
  }
  if (op == "Clip") return Clip(node);
  if (op == "HardSigmoid") {
    sheet_.Add(n);
    sheet_.Rebase(n);
    sheet_.Add(n);
    sheet_.Larger(n);
    sheet_.Relu(n);
    return {limit_, After::kRebase, "", /*exact=*/!ShiftOf(view.Float("alpha", 0.2f)).has_value()};
  }
  if (IsLookup(op)) {
    sheet_.Add(n);
    lookups_.insert(std::string(op));
    return {scale};
  }
  if (op == "Abs") {
    sheet_.Abs(n);
    return {scale};
  }
  if (op == "Sqrt") {
    sheet_.Sqrt(n);
    return {scale};
  }
  if (op == "Neg") {
    sheet_.Add(n);
    return {scale};
  }
  if (op == "Pow") return Pow(node);
  if (op == "Add" || op == "Sub") return AddSub(node);
  if (op == "Sum") return Sum(node);
  if (op == "Mul" || op == "Div") return Mul(node);
  if (op == "Max" || op == "Min") {
    const int joined = Join(node);
    if (IsMaxWithZero(view)) {
      sheet_.Relu(n);
    } else {
      sheet_.Larger(n);
    }
    return {joined};
  }
  if (op == "MaxPool") {
    const Count taps = Product(view.Ints("kernel_shape"));
    sheet_.MaxOf(n, taps);
    return {scale, After::kRebase, "", /*exact=*/taps != Count(1)};
  }
  if (op == "AveragePool") return AveragePool(node);
  if (op == "GlobalAveragePool" || op == "ReduceMean" || op == "ReduceSum") return Reduce(node);
  if (op == "Softmax") return Softmax(node);
  if (op == "LayerNormalization" || op == "InstanceNormalization") return Normalization(node);
  return Move(node);
}

EzklCounter::Result EzklCounter::Clip(const Node& node) {
  const ClipBounds bounds = ClipBoundsOf(view_, node.view);
  if (bounds.low.has_value()) {
    if (*bounds.low == 0) {
      sheet_.Relu(node.n);
    } else {
      sheet_.Larger(node.n);
    }
  }
  if (bounds.high.has_value()) sheet_.Larger(node.n);
  return {node.scale};
}

bool EzklCounter::IsMeanOfSquare(const NodeView& node) {
  const bool square =
      (node.Is("Mul") && node.input(0) == node.input(1)) ||
      (node.Is("Pow") && view_.ScalarOf(node.input(1)) == std::optional<double>(2.0));
  if (!square || !view_.graph().HasSingleNodeUse(node.output(0))) return false;
  const NodeId reader = view_.graph().Uses(node.output(0))[0].node;
  return view_.graph().node(reader).Is("ReduceMean") && (!known_ || inside_.contains(reader));
}

EzklCounter::Result EzklCounter::Pow(const Node& node) {
  if (*view_.ScalarOf(node.view.input(1)) == 0.5) {
    sheet_.Sqrt(node.n);
    return {node.scale};
  }
  const int power = static_cast<int>(*view_.ScalarOf(node.view.input(1)));
  if (IsMeanOfSquare(node.view)) return {2 * node.scale, After::kKeep};
  sheet_.Add(node.n * Count(power - 1));
  // A whole number is cast, and so is the base.
  if (!IsFloat(view_.ConstantOf(node.view.input(1))->dtype())) sheet_.Add(Count(2) * node.n);
  return {power * node.scale};
}

int EzklCounter::Summed(Count n, int scale) {
  if (scale <= limit_) return scale;
  sheet_.Rebase(n);
  return limit_;
}

int EzklCounter::Scaled(Count n, int scale, double factor) {
  if (factor == 1) return scale;
  sheet_.Add(n);
  if (const std::optional<int> shift = ShiftOf(factor)) return scale + *shift;
  return Summed(n, scale + param_scale_);
}

int EzklCounter::Join(const Node& node) {
  const ValueId a = node.view.input(0);
  const ValueId b = node.view.input(1);
  if (view_.IsConstant(a)) return ScaleOf(b);
  if (view_.IsConstant(b)) return ScaleOf(a);
  if (ScaleOf(a) != ScaleOf(b)) sheet_.Add(view_.Elements(ScaleOf(a) < ScaleOf(b) ? a : b));
  return std::max(ScaleOf(a), ScaleOf(b));
}

EzklCounter::Result EzklCounter::AddSub(const Node& node) {
  const int scale = Join(node);
  sheet_.Add(node.n);
  return {scale};
}

EzklCounter::Result EzklCounter::Sum(const Node& node) {
  // One Add after the other, each rebased where it must be.
  int scale = node.scale;
  bool constant = view_.IsConstant(node.view.input(0));
  Dims dims = *node.in;
  for (int i = 1; i < node.view.num_inputs(); ++i) {
    const ValueId input = node.view.input(i);
    const Dims* next = view_.ShapeOf(input);
    if (next == nullptr) return {scale, After::kKeep, "shapes are not known"};
    const Count before = Product(dims);
    if (dims.size() < next->size()) dims.insert(dims.begin(), next->size() - dims.size(), 1);
    for (size_t axis = 0; axis < next->size(); ++axis) {
      int64_t& size = dims[dims.size() - next->size() + axis];
      size = size == 1 ? (*next)[axis] : size;
    }
    const Count n = Product(dims);
    const bool other_constant = view_.IsConstant(input);
    const int other = ScaleOf(input);
    // Constants are rescaled before.
    if (!constant && !other_constant && other != scale) sheet_.Add(scale < other ? before : Product(*next));
    scale = constant ? other : other_constant ? scale : std::max(scale, other);
    constant = constant && other_constant;
    sheet_.Add(n);
    if (scale > limit_) {
      sheet_.Rebase(n);
      scale = limit_;
    }
  }
  return {scale};
}

EzklCounter::Result EzklCounter::Mul(const Node& node) {
  ValueId data = node.view.input(0);
  ValueId factor = node.view.input(1);
  const bool divides = node.view.Is("Div");
  if (divides && !view_.IsConstant(factor)) {
    sheet_.Reciprocal(view_.Elements(factor));
    Summed(view_.Elements(factor), ScaleOf(factor));
    sheet_.Add(node.n);
    return {input_scale_ + param_scale_};
  }
  if (!divides && view_.IsConstant(data)) std::swap(data, factor);
  if (IsMeanOfSquare(node.view)) return {2 * node.scale, After::kKeep};
  if (std::optional<double> value = view_.ScalarOf(factor); value.has_value()) {
    if (const std::optional<int> shift = ShiftOf(divides ? 1 / *value : *value)) {
      sheet_.Add(node.n);
      return {ScaleOf(data) + *shift, After::kKeep};
    }
  }
  // A product with nothing but zeros is a constant, and so is whatever is made of it.
  if (view_.IsConstant(factor) && IsAll(factor, 0)) return {ScaleOf(data), After::kKeep, "", /*exact=*/false};
  sheet_.Add(node.n);
  return {ScaleOf(data) + ScaleOf(factor)};
}

EzklCounter::Result EzklCounter::AveragePool(const Node& node) {
  const Count taps = Product(node.view.Ints("kernel_shape"));
  const Count plane =
      Product(absl::MakeConstSpan(*node.in).subspan(std::min<size_t>(2, node.in->size())));
  const Count positions =
      Product(absl::MakeConstSpan(*node.out).subspan(std::min<size_t>(2, node.out->size())));
  sheet_.Add(taps);
  sheet_.Repeat(Product(absl::MakeConstSpan(*node.out).subspan(0, 2)), [&] {
    sheet_.Add(std::max(plane, taps));
    sheet_.Flush();
    sheet_.Repeat(positions, [&] {
      sheet_.Dots(Count(1), taps);
      sheet_.Flush();
    });
  });
  if (Count(1) < taps) sheet_.Rebase(node.n);
  return {node.scale};
}

EzklCounter::Result EzklCounter::Reduce(const Node& node) {
  const Count each = ReducedElements(view_, node.view);
  const NodeId producer = view_.graph().Producer(node.view.input(0));
  if (node.view.Is("ReduceMean") && producer.valid() && inside_.contains(producer) &&
      IsMeanOfSquare(view_.graph().node(producer))) {
    sheet_.Add(view_.Elements(node.view.input(0)));
    sheet_.Sums(node.n, each);
    sheet_.Rebase(node.n);
    return {node.scale};
  }
  sheet_.Sums(node.n, each);
  if (node.view.Is("ReduceSum")) return {node.scale};
  const int scale = Summed(node.n, node.scale);
  if (each == Count(1)) return {scale};  // nothing to divide by
  PlaceShared(node.view, kMeanFactor);
  sheet_.Add(node.n);
  if (IsPowerOfTwo(each.value())) return {scale + Log2(each.value()), After::kKeep};
  return {scale + param_scale_};
}

EzklCounter::Result EzklCounter::Softmax(const Node& node) {
  const Count row = RowElements(view_, node.view);
  if (row.value() == 0) return {node.scale};
  sheet_.Add(node.n);
  lookups_.insert("Exp");
  sheet_.Repeat(Count(node.n.value() / row.value()), [&] {
    sheet_.MaxOf(Count(1), row);
    sheet_.Add(Count(3) * row);
    sheet_.Sums(Count(1), row);
    sheet_.Reciprocal(Count(1));
    sheet_.Add(row);
  });
  return {2 * input_scale_, After::kRebase, "", /*exact=*/row != Count(1)};
}

EzklCounter::Result EzklCounter::Normalization(const Node& node) {
  const Count row = RowElements(view_, node.view);
  if (row.value() == 0) return {node.scale};
  const Count n = node.n;
  const Count rows(n.value() / row.value());
  // Mean.
  sheet_.Sums(rows, row);
  const int sum_scale = Summed(rows, node.scale);
  PlaceShared(node.view, kMeanFactor);
  sheet_.Add(rows);
  int mean_scale = sum_scale;
  if (IsPowerOfTwo(row.value())) {
    mean_scale += Log2(row.value());
  } else {
    sheet_.Rebase(rows);
    mean_scale = limit_;
  }
  // Differences, at one scale.
  if (mean_scale != node.scale) sheet_.Add(mean_scale < node.scale ? rows : n);
  sheet_.Add(n);
  if (std::max(mean_scale, node.scale) > limit_) sheet_.Rebase(n);
  // Variance, its root's reciprocal, scale and shift.
  sheet_.Add(n);
  sheet_.Sums(rows, row);
  sheet_.Rebase(rows);
  sheet_.Rebase(rows);
  PlaceShared(node.view, kEpsilon);
  sheet_.Add(rows);
  sheet_.Sqrt(rows);
  sheet_.Reciprocal(rows);
  sheet_.Add(n);
  sheet_.Rebase(n);
  if (!IsAll(node.view.input(1), 1)) {
    PlaceShared(node.view, kScale);
    sheet_.Add(n);
    sheet_.Rebase(n);
  }
  PlaceShared(node.view, kShift);
  if (node.view.input(2).valid() && !view_.IsZero(node.view.input(2))) sheet_.Add(n);
  // Seen: of several images, and of rescaled ones, the importer makes another InstanceNormalization.
  const bool other = node.view.Is("InstanceNormalization") &&
                     (node.in->empty() || (*node.in)[0] != 1 || node.scale > limit_);
  return {limit_, After::kRebase, "", !other};
}

EzklCounter::Result EzklCounter::Slice(const Node& node) {
  // One axis after the other, each of what those before left.
  Dims left = *node.in;
  std::vector<int64_t> axes = node.view.Ints("axes");
  if (node.view.input(3).valid()) {
    if (std::optional<std::vector<int64_t>> read = view_.IntsOf(node.view.input(3))) axes = *std::move(read);
  } else if (axes.empty()) {
    for (size_t axis = 0; axis < left.size(); ++axis) axes.push_back(static_cast<int64_t>(axis));
  }
  const int64_t rank = static_cast<int64_t>(left.size());
  bool cut = false;
  for (int64_t axis : axes) {
    const int64_t at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || node.out->size() != left.size()) break;
    const int64_t size = (*node.out)[static_cast<size_t>(at)];
    if (left[static_cast<size_t>(at)] == size) continue;
    cut = true;
    sheet_.Add(Product(left));
    left[static_cast<size_t>(at)] = size;
  }
  if (!cut) sheet_.Add(view_.Elements(node.view.input(0)));  // one backwards
  return {node.scale, After::kRebase, "", !MayMoveForward(node.view)};
}

EzklCounter::Result EzklCounter::Split(const Node& node) {
  // A Slice for each result that somebody reads.
  for (ValueId output : node.view.outputs()) {
    if (output.valid() && !view_.graph().Uses(output).empty()) sheet_.Add(view_.Elements(node.view.input(0)));
  }
  return {node.scale, After::kRebase, "", !MayMoveForward(node.view)};
}

bool EzklCounter::MayMoveForward(const NodeView& node) {
  const NodeId producer = view_.graph().Producer(node.input(0));
  if (!producer.valid() || !inside_.contains(producer)) return false;
  const NodeView made = view_.graph().node(producer);
  return !made.Is("Conv") && !made.Is("MaxPool");
}

EzklCounter::Result EzklCounter::Move(const Node& node) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  if (op == "Identity" || op == "Dropout" || op == "Cast") return {node.scale, After::kKeep};
  if (op == "Slice") return Slice(node);
  if (op == "Split") return Split(node);
  if (op == "Resize") {
    sheet_.Add(view_.Elements(view.input(0)));
    return {node.scale};
  }
  if (op == "Expand" || op == "Tile") {
    sheet_.Add(node.n);
    return {node.scale};
  }
  if (op == "Concat") {
    int scale = 0;
    for (ValueId input : view.inputs()) scale = std::max(scale, ScaleOf(input));
    for (ValueId input : view.inputs()) {
      if (!view_.IsConstant(input) && ScaleOf(input) != scale) sheet_.Add(view_.Elements(input));
    }
    return {scale};
  }
  if (op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze") {
    // Dropping or adding axes of size 1 is no operator at all.
    Dims before;
    Dims after;
    for (int64_t size : *node.in) {
      if (size != 1) before.push_back(size);
    }
    for (int64_t size : *node.out) {
      if (size != 1) after.push_back(size);
    }
    return {node.scale, before == after ? After::kKeep : After::kRebase};
  }
  if (op == "Transpose" || op == "Pad" || op == "DepthToSpace" || op == "SpaceToDepth") {
    return {node.scale};
  }
  if (op == "Gather" && view_.IsConstant(view.input(1))) return {node.scale};
  return {node.scale, After::kKeep, absl::StrCat("no formula for operator ", op)};
}

}  // namespace dsperse
