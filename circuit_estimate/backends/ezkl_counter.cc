#include "circuit_estimate/backends/ezkl_counter.h"

#include <algorithm>
#include <cmath>

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
      "Exp",  "Gelu",  "Log",  "Sin",   "Sinh", "HardSwish", "Sigmoid", "Tan",  "Tanh"};
  return std::find(std::begin(kNames), std::end(kNames), op) != std::end(kNames);
}

}  // namespace

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
  shared_.clear();
  placed_.clear();
  lookups_.clear();
  if (!known_) return;
  // Which constants several nodes use, with the importer's folding done first.
  for (NodeId id : known->nodes) inside_.insert(id);
  for (NodeId id : known->nodes) {
    const NodeView node = view_.graph().node(id);
    if (Folded(node)) continue;
    SharedConstants(node, [&](const std::string& key, Count) { ++shared_[key]; });
  }
  folded_into_.clear();
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

std::string EzklCounter::AddNode(NodeId id) {
  const Graph& graph = view_.graph();
  const NodeView node = graph.node(id);
  inside_.insert(id);
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
  } else {
    PlaceShared(node);
    result = Price(priced);
  }
  if (result.refused.empty() && result.after == After::kRebase && result.scale > limit_) {
    for (ValueId output : node.outputs()) {
      if (output.valid()) sheet_.Rebase(view_.Elements(output));
    }
    result.scale = limit_;
  }
  for (ValueId output : node.outputs()) {
    if (output.valid()) scales_[output] = result.scale;
  }
  return result.refused;
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
    return {limit_};
  }
  if (IsLookup(op)) {
    sheet_.Add(n);
    lookups_.insert(std::string(op));
    return {input_scale_};
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
    if (view.num_inputs() != 2) return {scale, After::kKeep, "Max and Min of two operands only"};
    const int joined = Join(node);
    sheet_.Larger(n);
    return {joined};
  }
  if (op == "MaxPool") {
    sheet_.MaxOf(n, Product(view.Ints("kernel_shape")));
    return {scale};
  }
  if (op == "AveragePool") return AveragePool(node);
  if (op == "GlobalAveragePool" || op == "ReduceMean" || op == "ReduceSum") return Reduce(node);
  if (op == "Softmax") return Softmax(node);
  if (op == "LayerNormalization" || op == "InstanceNormalization") return Normalization(node);
  return Move(node);
}

bool EzklCounter::IsPointwiseConv(const NodeView& node) {
  for (int64_t size : KernelOf(view_, node)) {
    if (size != 1) return false;
  }
  for (int64_t pad : node.Ints("pads")) {
    if (pad != 0) return false;
  }
  return node.Int("group", 1) == 1;
}

EzklCounter::Result EzklCounter::Conv(const Node& node) {
  const NodeView& view = node.view;
  const Dims* weight = view_.ShapeOf(view.input(1));
  if (weight == nullptr) return {node.scale, After::kKeep, "shape of the kernel is not known"};
  if (node.in->size() != 4) {
    return {node.scale, After::kKeep, "Conv over one or three spatial axes is refused"};
  }
  if (weight->size() != 4 || node.out->size() != 4) {
    return {node.scale, After::kKeep, "shapes of input, kernel and result don't fit"};
  }
  for (int64_t dilation : view.Ints("dilations")) {
    if (dilation != 1) return {node.scale, After::kKeep, "Conv with dilation above 1 is refused"};
  }
  if (!IsPointwiseConv(view)) {
    sheet_.Add(std::max(Product(*node.in), Product(*weight)));
    sheet_.Flush();
    sheet_.Dots(node.n, Product(absl::MakeConstSpan(*weight).subspan(1)), 1);
    sheet_.Rebase(node.n);
    return {limit_};
  }
  // An einsum over what strides leave of the image.
  Dims image = *node.in;
  const std::vector<int64_t> strides = view.Ints("strides");
  for (size_t axis = 0; axis < strides.size() && axis + 2 < image.size(); ++axis) {
    if (strides[axis] <= 1) continue;
    sheet_.Add(Product(image));
    image[axis + 2] = (*node.out)[axis + 2];
  }
  const EzklSheet::Axis axes[] = {{(*node.out)[0], true, false, true},
                                  {(*weight)[1], true, true, false},
                                  {(*node.out)[2], true, false, true},
                                  {(*node.out)[3], true, false, true},
                                  {(*weight)[0], false, true, true}};
  sheet_.Einsum(axes, {0, 1, 2, 3}, {4, 1}, {0, 4, 2, 3}, node.n);
  sheet_.Rebase(node.n);
  const ValueId bias = view.input(2);
  if (bias.valid() && !view_.IsZero(bias)) sheet_.Add(node.n);
  return {limit_};
}

EzklCounter::Result EzklCounter::ConvTranspose(const Node& node) {
  const NodeView& view = node.view;
  const Dims* weight = view_.ShapeOf(view.input(1));
  if (weight == nullptr || node.in->size() != weight->size() || node.in->size() < 3) {
    return {node.scale, After::kKeep, "shapes of input and kernel are not known"};
  }
  // A Conv without pads over the stretched image.
  const size_t axes = node.in->size() - 2;
  const std::vector<int64_t> strides = view.Ints("strides", std::vector<int64_t>(axes, 1));
  const std::vector<int64_t> pads = view.Ints("pads", std::vector<int64_t>(2 * axes, 0));
  const std::vector<int64_t> more = view.Ints("output_padding", std::vector<int64_t>(axes, 0));
  if (strides.size() != axes || pads.size() != 2 * axes || more.size() != axes) {
    return {node.scale, After::kKeep, "attributes don't fit the number of spatial axes"};
  }
  Count image = Product(absl::MakeConstSpan(*node.in).subspan(0, 2));
  Count taps((*weight)[0]);
  for (size_t a = 0; a < axes; ++a) {
    const int64_t kernel = (*weight)[a + 2];
    image *= Count(((*node.in)[a + 2] - 1) * strides[a] + 1 + 2 * (kernel - 1) - pads[a] -
                   pads[a + axes] + more[a]);
    taps *= Count(kernel);
  }
  sheet_.Add(std::max(image, Product(*weight)));
  sheet_.Flush();
  sheet_.Dots(node.n, taps, 1);
  sheet_.Rebase(node.n);
  return {limit_};
}

EzklCounter::Result EzklCounter::Matrix(const Node& node) {
  const NodeView& view = node.view;
  const std::optional<MatrixProduct> product = MatrixProductOf(view_, view);
  const Dims* b = view_.ShapeOf(view.input(1));
  if (!product.has_value() || b == nullptr) {
    return {node.scale, After::kKeep, "shapes of the operands are not known"};
  }
  std::vector<EzklSheet::Axis> axes;
  std::vector<int> in_a;
  std::vector<int> in_b;
  std::vector<int> in_out;
  const size_t batch_a = view.Is("MatMul") && node.in->size() > 2 ? node.in->size() - 2 : 0;
  const size_t batch_b = view.Is("MatMul") && b->size() > 2 ? b->size() - 2 : 0;
  const size_t batch = std::max(batch_a, batch_b);
  for (size_t i = 0; i < batch; ++i) {
    const int64_t x = i + batch_a >= batch ? (*node.in)[i + batch_a - batch] : 1;
    const int64_t y = i + batch_b >= batch ? (*b)[i + batch_b - batch] : 1;
    const int64_t size = std::max(x, y);
    const int axis = static_cast<int>(axes.size());
    axes.push_back(
        {size, x == size && i + batch_a >= batch, y == size && i + batch_b >= batch, true});
    if (axes.back().in_a) in_a.push_back(axis);
    if (axes.back().in_b) in_b.push_back(axis);
    in_out.push_back(axis);
  }
  const int first = static_cast<int>(axes.size());
  axes.push_back({product->l_size, true, false, true});
  axes.push_back({product->m_size, true, true, false});
  axes.push_back({product->n_size, false, true, true});
  in_a.insert(in_a.end(), {first, first + 1});
  in_b.insert(in_b.end(), {first + 1, first + 2});
  in_out.insert(in_out.end(), {first, first + 2});
  sheet_.Einsum(axes, in_a, in_b, in_out, node.n);
  sheet_.Rebase(node.n);
  if (view.input(2).valid()) sheet_.Add(node.n);
  return {limit_};
}

EzklCounter::Result EzklCounter::BatchNormalization(const Node& node) {
  const std::optional<ScaleShift> affine = ScaleShiftOf(view_, node.view);
  if (!affine.has_value()) return {node.scale, After::kKeep, "parameters are not constant"};
  const bool shifted =
      std::any_of(affine->shift.begin(), affine->shift.end(), [](double v) { return v != 0; });
  sheet_.Add(node.n);
  sheet_.Rebase(node.n);
  if (shifted) sheet_.Add(node.n);
  return {limit_};
}

EzklCounter::Result EzklCounter::Clip(const Node& node) {
  const ClipBounds bounds = ClipBoundsOf(view_, node.view);
  if (!bounds.constant) return {node.scale, After::kKeep, "bounds are not constant"};
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
  const std::optional<double> exponent = view_.ScalarOf(node.view.input(1));
  if (!exponent.has_value() || *exponent < 1 || *exponent > 64 ||
      *exponent != std::floor(*exponent)) {
    return {node.scale, After::kKeep, "exponents other than a whole constant have no formula"};
  }
  const int power = static_cast<int>(*exponent);
  if (IsMeanOfSquare(node.view)) return {2 * node.scale, After::kKeep};
  sheet_.Add(node.n * Count(power - 1));
  return {power * node.scale};
}

int EzklCounter::Join(const Node& node) {
  const ValueId a = node.view.input(0);
  const ValueId b = node.view.input(1);
  if (view_.IsConstant(a)) return ScaleOf(b);
  if (view_.IsConstant(b)) return ScaleOf(a);
  if (ScaleOf(a) != ScaleOf(b)) sheet_.Add(node.n);
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
    if (dims.size() < next->size()) dims.insert(dims.begin(), next->size() - dims.size(), 1);
    for (size_t axis = 0; axis < next->size(); ++axis) {
      int64_t& size = dims[dims.size() - next->size() + axis];
      size = size == 1 ? (*next)[axis] : size;
    }
    const Count n = Product(dims);
    const bool other_constant = view_.IsConstant(input);
    const int other = ScaleOf(input);
    // Constants are rescaled before.
    if (!constant && !other_constant && other != scale) sheet_.Add(n);
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
    sheet_.Add(node.n);
    return {input_scale_ + param_scale_};
  }
  if (!divides && view_.IsConstant(data)) std::swap(data, factor);
  if (IsMeanOfSquare(node.view)) return {2 * node.scale, After::kKeep};
  if (std::optional<double> value = view_.ScalarOf(factor); value.has_value()) {
    const double by = divides ? 1 / *value : *value;
    int exponent = 0;
    if (by > 0 && by <= 1 && std::frexp(by, &exponent) == 0.5) {
      sheet_.Add(node.n);
      return {ScaleOf(data) + 1 - exponent, After::kKeep};
    }
  }
  sheet_.Add(node.n);
  return {ScaleOf(data) + ScaleOf(factor)};
}

EzklCounter::Result EzklCounter::AveragePool(const Node& node) {
  if (!node.view.HasAttr("strides")) {
    return {node.scale, After::kKeep, "AveragePool without strides is refused"};
  }
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
  sheet_.Add(node.n);
  if (IsPowerOfTwo(each.value())) return {node.scale + Log2(each.value()), After::kKeep};
  return {node.scale + param_scale_};
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
  return {2 * input_scale_};
}

EzklCounter::Result EzklCounter::Normalization(const Node& node) {
  const Count row = RowElements(view_, node.view);
  if (row.value() == 0) return {node.scale};
  const Count n = node.n;
  const Count rows(n.value() / row.value());
  // Mean.
  sheet_.Sums(rows, row);
  sheet_.Add(rows);
  int mean_scale = node.scale;
  if (IsPowerOfTwo(row.value())) {
    mean_scale += Log2(row.value());
  } else {
    sheet_.Rebase(rows);
    mean_scale = limit_;
  }
  // Differences, at one scale.
  if (mean_scale != node.scale) sheet_.Add(n);
  sheet_.Add(n);
  if (std::max(mean_scale, node.scale) > limit_) sheet_.Rebase(n);
  // Variance, its root's reciprocal, scale and shift.
  sheet_.Add(n);
  sheet_.Sums(rows, row);
  sheet_.Rebase(rows);
  sheet_.Rebase(rows);
  sheet_.Add(rows);
  sheet_.Sqrt(rows);
  sheet_.Reciprocal(rows);
  sheet_.Add(n);
  sheet_.Rebase(n);
  sheet_.Add(n);
  sheet_.Rebase(n);
  sheet_.Add(n);
  return {limit_};
}

EzklCounter::Result EzklCounter::Move(const Node& node) {
  const NodeView& view = node.view;
  const absl::string_view op = view.op_type();
  const Count in = view_.Elements(view.input(0));
  if (op == "Identity" || op == "Dropout" || op == "Cast") return {node.scale, After::kKeep};
  if (op == "Slice" || op == "Resize" || op == "Upsample") {
    sheet_.Add(in);
    return {node.scale};
  }
  if (op == "Split") {
    sheet_.Add(in * Count(view.num_outputs()));
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
