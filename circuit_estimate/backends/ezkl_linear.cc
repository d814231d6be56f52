// Products with weights as EZKL lays them: on the sheet, or as an einsum on a sheet of its own.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "circuit_estimate/backends/ezkl_counter.h"

namespace dsperse {

// A function of one element each, or of it and a constant.
bool EzklCounter::IsOfSingleElements(const NodeView& node) {
  static constexpr absl::string_view kUnary[] = {"Relu",      "LeakyRelu",   "Clip",    "Sigmoid", "Tanh",
                                                 "Erf",       "Exp",         "Abs",     "Sqrt",    "Neg",
                                                 "HardSwish", "HardSigmoid", "Identity"};
  if (!node.domain().empty()) return false;
  if (std::find(std::begin(kUnary), std::end(kUnary), node.op_type()) != std::end(kUnary)) return true;
  if (!node.Is("Add") && !node.Is("Sub") && !node.Is("Mul") && !node.Is("Div")) return false;
  return view_.IsConstant(node.input(0)) != view_.IsConstant(node.input(1));
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
  // Channels in and out are the axes 0 and 1, then come images and the spatial axes.
  std::vector<EzklSheet::Axis> axes = {{(*weight)[1], true, true, false}, {(*weight)[0], false, true, true}};
  axes.push_back({(*node.out)[0], true, false, true});
  std::vector<int> in = {2, 0};
  std::vector<int> out = {2, 1};
  for (size_t axis = 2; axis < node.out->size(); ++axis) {
    in.push_back(static_cast<int>(axes.size()));
    out.push_back(static_cast<int>(axes.size()));
    axes.push_back({(*node.out)[axis], true, false, true});
  }
  Order(view, &out);
  sheet_.Einsum(axes, in, {1, 0}, out, node.n);
  sheet_.Rebase(node.n);
  const ValueId bias = view.input(2);
  if (bias.valid() && !view_.IsZero(bias)) sheet_.Add(node.n);
  return {limit_};
}

void EzklCounter::Order(const NodeView& node, std::vector<int>* result) {
  const Graph& graph = view_.graph();
  ValueId value = node.output(0);
  while (graph.HasSingleNodeUse(value)) {
    const NodeView reader = graph.node(graph.Uses(value)[0].node);
    if (known_ && !inside_.contains(reader.id())) return;
    if (reader.Is("Transpose")) {
      std::vector<int64_t> perm = reader.Ints("perm");
      for (size_t i = result->size(); perm.size() < result->size();) perm.push_back(static_cast<int64_t>(--i));
      std::vector<int> moved;
      for (int64_t axis : perm) {
        if (axis < 0 || axis >= static_cast<int64_t>(result->size())) return;
        moved.push_back((*result)[static_cast<size_t>(axis)]);
      }
      *result = std::move(moved);
    } else if (!IsOfSingleElements(reader)) {
      return;
    }
    value = reader.output(0);
  }
}

EzklCounter::Result EzklCounter::ConvTranspose(const Node& node) {
  const Dims* weight = view_.ShapeOf(node.view.input(1));
  // A Conv without pads over the stretched image, whose windows begin wherever the result has an element.
  Count image = Product(absl::MakeConstSpan(*node.in).subspan(0, 2));
  Count taps((*weight)[0]);
  for (size_t axis = 2; axis < weight->size(); ++axis) {
    const Count kernel((*weight)[axis]);
    image *= Count((*node.out)[axis]) + kernel - std::min(kernel, Count(1));
    taps *= kernel;
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
    axes.push_back({size, x == size && i + batch_a >= batch, y == size && i + batch_b >= batch, true});
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
  Order(view, &in_out);
  sheet_.Einsum(axes, in_a, in_b, in_out, node.n);
  sheet_.Rebase(node.n);
  return view.Is("Gemm") ? ScaledSum(node) : Result{limit_};
}

EzklCounter::Result EzklCounter::ScaledSum(const Node& node) {
  const NodeView& view = node.view;
  int scale = Scaled(node.n, limit_, view.Float("alpha", 1));
  const ValueId c = view.input(2);
  const double beta = view.Float("beta", 1);
  if (!c.valid() || beta == 0 || view_.IsZero(c)) return {scale, After::kKeep};
  if (!view_.IsConstant(c)) {
    const Count elements = view_.Elements(c);
    const int other = Scaled(elements, ScaleOf(c), beta);
    if (other != scale) sheet_.Add(scale < other ? node.n : elements);
    scale = std::max(scale, other);
  }
  sheet_.Add(node.n);
  return {scale};
}

EzklCounter::Result EzklCounter::BatchNormalization(const Node& node) {
  const std::optional<ScaleShift> affine = ScaleShiftOf(view_, node.view);
  if (!affine.has_value()) return {node.scale, After::kKeep, "parameters are not constant"};
  // The importer computes them as floats, and drops a factor of 1 and a summand of 0.
  const auto differs = [](const std::vector<double>& values, float from) {
    return std::any_of(values.begin(), values.end(), [&](double v) { return static_cast<float>(v) != from; });
  };
  const bool scaled = differs(affine->scale, 1);
  if (scaled) {
    PlaceShared(node.view, kScale);
    sheet_.Add(node.n);
    sheet_.Rebase(node.n);
  }
  PlaceShared(node.view, kShift);
  if (differs(affine->shift, 0)) sheet_.Add(node.n);
  return {scaled ? limit_ : node.scale};
}

}  // namespace dsperse
