#include "fold/ops/plain_shapes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/schema_bridge.h"

namespace dsperse {
namespace {

// Of a dimension, a pad, a stride: a product of two of them, and any sum, stay far from 2^63.
constexpr int64_t kLargest = int64_t{1} << 30;
constexpr int64_t kMostNumbers = kMaxBridged;  // of axes or sizes

// A node under examination. What turns out not to be plain is noted; whatever is read afterwards means nothing.
class Plain {
 public:
  Plain(const NodeView& node, absl::Span<const Fact* const> inputs) : node_(node), inputs_(inputs) {
    for (const Fact* input : inputs) {
      dims_.emplace_back();
      if (input == nullptr) continue;
      const std::optional<Dims> dims = input->shape.AsDims();
      Require(input->dtype != DType::kUndefined && dims);
      if (!plain_) return;
      dims_.back() = *dims;
      for (int64_t size : *dims) Require(size <= kLargest);
    }
  }

  bool plain() const { return plain_; }
  void Require(bool condition) { plain_ = plain_ && condition; }
  // At least the first `least` inputs are there, and no more than `most`.
  void Takes(int least, int most) {
    Require(count() >= least && count() <= most);
    for (int i = 0; plain_ && i < least; ++i) Require(Has(i));
  }
  void SameTypes() {
    for (const Fact* input : inputs_) Require(input == nullptr || (inputs_[0] != nullptr && input->dtype == inputs_[0]->dtype));
  }
  void Since(int64_t opset) { Require(node_.opset() >= opset); }

  int count() const { return static_cast<int>(inputs_.size()); }
  bool Has(int i) const { return i < count() && inputs_[static_cast<size_t>(i)] != nullptr; }
  const NodeView& node() const { return node_; }
  DType type() const { return inputs_[0]->dtype; }
  const Dims& dims(int i = 0) const { return dims_[static_cast<size_t>(i)]; }
  int64_t rank(int i = 0) const { return static_cast<int64_t>(dims(i).size()); }

  // Attributes: of another type than asked for is not plain.
  int64_t Int(absl::string_view name, int64_t absent) {
    constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
    if (!node_.HasAttr(name)) return absent;
    const int64_t value = node_.Int(name, kNone);
    Require(value != kNone);
    return value;
  }
  void IsFloat(absl::string_view name) {
    if (node_.HasAttr(name)) Require(!std::isnan(node_.Float(name, NAN)));
  }
  std::vector<int64_t> Ints(absl::string_view name, std::vector<int64_t> absent = {}) {
    if (!node_.HasAttr(name)) return absent;
    std::vector<int64_t> values = node_.Ints(name);
    Require(!values.empty());
    return Bounded(std::move(values));
  }
  void Is(absl::string_view name, absl::string_view value) {
    if (node_.HasAttr(name)) Require(node_.String(name, "") == value);
  }
  // The numbers of input `i`, of any size.
  std::vector<int64_t> AnyNumbers(int i) {
    Require(Has(i) && rank(i) == 1 && inputs_[static_cast<size_t>(i)]->dtype == DType::kInt64);
    if (!plain_) return {};
    const std::optional<Tensor>& value = inputs_[static_cast<size_t>(i)]->value;
    Require(value && value->num_elements() <= kMostNumbers);
    if (!plain_) return {};
    const absl::StatusOr<std::vector<int64_t>> numbers = ToInts(*value);
    Require(numbers.ok());
    return plain_ ? *numbers : std::vector<int64_t>();
  }
  std::vector<int64_t> Numbers(int i) { return Bounded(AnyNumbers(i)); }
  // A list that is input `i` from opset `since` on, before that an attribute; none where it is absent.
  std::optional<std::vector<int64_t>> List(absl::string_view name, int i, int64_t since) {
    if (node_.opset() < since) {
      Require(count() <= i);
      return node_.HasAttr(name) ? std::optional(Ints(name)) : std::nullopt;
    }
    Require(!node_.HasAttr(name));
    return Has(i) ? std::optional(Numbers(i)) : std::nullopt;
  }
  // `axis` of `rank`, not negative. Before opset 11 the specification had no negative ones.
  int64_t Axis(int64_t axis, int64_t rank) {
    Require(axis < rank && axis >= (node_.opset() >= 11 ? -rank : 0));
    return axis < 0 ? axis + rank : axis;
  }
  // Which of the axes are named, each once.
  std::vector<bool> Axes(const std::vector<int64_t>& axes, int64_t rank) {
    std::vector<bool> named(static_cast<size_t>(rank), false);
    for (int64_t given : axes) {
      const int64_t axis = Axis(given, rank);
      if (!plain_) return named;
      Require(!named[static_cast<size_t>(axis)]);
      named[static_cast<size_t>(axis)] = true;
    }
    return named;
  }

 private:
  std::vector<int64_t> Bounded(std::vector<int64_t> values) {
    for (int64_t v : values) Require(v >= -kLargest && v <= kLargest);
    return values;
  }

  const NodeView& node_;
  absl::Span<const Fact* const> inputs_;
  absl::InlinedVector<Dims, 4> dims_;  // of each input
  bool plain_ = true;
};

// A rule answers the shape of each output; what it answers counts for nothing where the node isn't plain.
using Shapes = absl::InlinedVector<Dims, 2>;
using Rule = Shapes (*)(Plain& p);

Shapes Broadcast(Plain& p) {
  p.SameTypes();
  if (!p.plain()) return {};
  Dims all = p.dims(0);
  for (int i = 1; i < p.count(); ++i) {
    const absl::StatusOr<Dims> both = BroadcastDims(all, p.dims(i));
    p.Require(both.ok());
    if (both.ok()) all = *both;
  }
  return {all};
}

Shapes Binary(Plain& p) {
  p.Since(7);
  p.Takes(2, 2);
  return Broadcast(p);
}

Shapes Variadic(Plain& p) {
  p.Since(8);
  p.Takes(p.count(), p.count());
  p.Require(p.count() >= 1);
  return Broadcast(p);
}

Shapes Unary(Plain& p) {
  p.Since(6);
  p.Takes(1, 1);
  p.IsFloat("alpha");
  p.IsFloat("beta");
  return {p.plain() ? p.dims() : Dims()};
}

Shapes Clip(Plain& p) {
  p.Since(11);
  p.Takes(1, 3);
  return {p.plain() ? p.dims() : Dims()};
}

Shapes Softmax(Plain& p) {
  p.Takes(1, 1);
  if (!p.plain()) return {};
  p.Require(p.rank() > 0);
  p.Axis(p.Int("axis", p.node().opset() < 13 ? 1 : -1), p.rank());
  return {p.dims()};
}

Shapes BatchNormalization(Plain& p) {
  p.Since(9);
  p.Takes(5, 5);
  p.SameTypes();
  p.IsFloat("epsilon");
  p.IsFloat("momentum");
  p.Require(p.Int("training_mode", 0) == 0);
  if (!p.plain()) return {};
  p.Require(p.rank() >= 2);
  for (int i = 1; p.plain() && i < 5; ++i) p.Require(p.dims(i) == Dims{p.dims()[1]});
  return {p.dims()};
}

// `dims` with the window of a Conv or pool moved over its spatial axes.
Dims Slid(Plain& p, Dims dims, const std::vector<int64_t>& kernel) {
  const size_t axes = kernel.size();
  const std::vector<int64_t> ones(axes, 1);
  const std::vector<int64_t> strides = p.Ints("strides", ones), dilations = p.Ints("dilations", ones);
  const std::vector<int64_t> pads = p.Ints("pads", std::vector<int64_t>(2 * axes, 0));
  p.Is("auto_pad", "NOTSET");
  p.Require(dims.size() == axes + 2 && strides.size() == axes && dilations.size() == axes && pads.size() == 2 * axes);
  for (size_t i = 0; p.plain() && i < axes; ++i) {
    p.Require(kernel[i] >= 1 && strides[i] >= 1 && dilations[i] >= 1 && pads[i] >= 0 && pads[i + axes] >= 0);
    if (!p.plain()) break;
    int64_t& size = dims[i + 2];
    const int64_t left = size + pads[i] + pads[i + axes] - ((kernel[i] - 1) * dilations[i] + 1);
    p.Require(size >= 1 && left >= 0);
    size = left / strides[i] + 1;
  }
  return dims;
}

Shapes Conv(Plain& p) {
  p.Takes(2, 3);
  p.Require(p.Int("group", 1) >= 1);
  if (!p.plain()) return {};
  p.Require(p.rank(1) >= 3);
  if (!p.plain()) return {};
  const std::vector<int64_t> kernel(p.dims(1).begin() + 2, p.dims(1).end());
  p.Require(p.Ints("kernel_shape", kernel) == kernel && p.rank() == p.rank(1));
  if (!p.plain()) return {};
  Dims dims = p.dims();
  dims[1] = p.dims(1)[0];
  return {Slid(p, std::move(dims), kernel)};
}

Shapes Pool(Plain& p) {
  p.Takes(1, 1);
  p.Require(p.Int("ceil_mode", 0) == 0);
  for (absl::string_view name : {"storage_order", "count_include_pad"}) p.Int(name, 0);
  const std::vector<int64_t> kernel = p.Ints("kernel_shape");
  p.Require(!kernel.empty());
  // Older ones have none, and take no notice.
  const std::vector<int64_t> dilations = p.Ints("dilations");
  p.Require(std::all_of(dilations.begin(), dilations.end(), [](int64_t d) { return d == 1; }));
  if (!p.plain()) return {};
  return {Slid(p, p.dims(), kernel)};
}

Shapes GlobalPool(Plain& p) {
  p.Takes(1, 1);
  if (!p.plain()) return {};
  p.Require(p.rank() >= 3);
  Dims dims = p.dims();
  for (size_t i = 2; i < dims.size(); ++i) dims[i] = 1;
  return {dims};
}

Shapes Gemm(Plain& p) {
  p.Since(7);
  p.Takes(p.node().opset() < 11 ? 3 : 2, 3);
  p.IsFloat("alpha");
  p.IsFloat("beta");
  const bool a_turned = p.Int("transA", 0) != 0, b_turned = p.Int("transB", 0) != 0;
  if (!p.plain()) return {};
  p.Require(p.rank(0) == 2 && p.rank(1) == 2);
  if (!p.plain()) return {};
  p.Require(p.dims(0)[a_turned ? 0 : 1] == p.dims(1)[b_turned ? 1 : 0]);
  return {Dims{p.dims(0)[a_turned ? 1 : 0], p.dims(1)[b_turned ? 0 : 1]}};
}

Shapes MatMul(Plain& p) {
  p.Takes(2, 2);
  p.SameTypes();
  if (!p.plain()) return {};
  Dims a = p.dims(0), b = p.dims(1);
  p.Require(a.size() >= 2 && b.size() >= 2);
  if (!p.plain()) return {};
  const int64_t rows = a[a.size() - 2], columns = b[b.size() - 1];
  p.Require(a[a.size() - 1] == b[b.size() - 2]);
  a.resize(a.size() - 2);
  b.resize(b.size() - 2);
  absl::StatusOr<Dims> dims = BroadcastDims(a, b);
  p.Require(dims.ok());
  if (!p.plain()) return {};
  dims->push_back(rows);
  dims->push_back(columns);
  return {*dims};
}

Shapes Reshape(Plain& p) {
  p.Since(5);
  p.Takes(2, 2);
  p.Require(p.Int("allowzero", 0) == 0);
  const std::vector<int64_t> sizes = p.Numbers(1);
  if (!p.plain()) return {};
  const absl::StatusOr<int64_t> elements = NumElements(p.dims());
  p.Require(elements.ok() && *elements > 0);
  Dims dims;
  int64_t known = 1;
  std::optional<size_t> open;
  for (size_t i = 0; p.plain() && i < sizes.size(); ++i) {
    const int64_t size = sizes[i] == 0 && i < p.dims().size() ? p.dims()[i] : sizes[i];
    if (size == -1) {
      p.Require(!open);
      open = i;
    } else {
      p.Require(size > 0 && !__builtin_mul_overflow(known, size, &known));
    }
    dims.push_back(size);
  }
  if (!p.plain()) return {};
  p.Require(*elements % known == 0 && (open || *elements == known));
  if (open) dims[*open] = *elements / known;
  return {dims};
}

Shapes Flatten(Plain& p) {
  p.Takes(1, 1);
  int64_t axis = p.Int("axis", 1);
  if (!p.plain()) return {};
  if (axis != p.rank()) axis = p.Axis(axis, p.rank());
  if (!p.plain()) return {};
  const Dims& in = p.dims();
  const absl::StatusOr<int64_t> before = NumElements(absl::MakeConstSpan(in).first(static_cast<size_t>(axis)));
  const absl::StatusOr<int64_t> behind = NumElements(absl::MakeConstSpan(in).subspan(static_cast<size_t>(axis)));
  p.Require(before.ok() && behind.ok() && NumElements(in).ok());
  return {p.plain() ? Dims{*before, *behind} : Dims()};
}

Shapes Transpose(Plain& p) {
  p.Takes(1, 1);
  std::vector<int64_t> turned(p.plain() ? p.dims().size() : 0);
  p.Require(!turned.empty());
  std::iota(turned.rbegin(), turned.rend(), 0);
  const std::vector<int64_t> perm = p.Ints("perm", turned);
  if (!p.plain()) return {};
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.rbegin(), sorted.rend());
  std::sort(turned.rbegin(), turned.rend());
  p.Require(sorted == turned);
  if (!p.plain()) return {};
  Dims dims;
  for (int64_t axis : perm) dims.push_back(p.dims()[static_cast<size_t>(axis)]);
  return {dims};
}

Shapes Concat(Plain& p) {
  p.Since(4);
  p.Takes(p.count(), p.count());
  p.Require(p.count() >= 1 && p.node().HasAttr("axis"));
  p.SameTypes();
  if (!p.plain()) return {};
  const int64_t axis = p.Axis(p.Int("axis", 0), p.rank());
  if (!p.plain()) return {};
  Dims dims = p.dims();
  for (int i = 1; p.plain() && i < p.count(); ++i) {
    p.Require(p.rank(i) == p.rank());
    for (size_t k = 0; p.plain() && k < dims.size(); ++k) {
      if (static_cast<int64_t>(k) == axis) {
        dims[k] += p.dims(i)[k];
      } else {
        p.Require(dims[k] == p.dims(i)[k]);
      }
    }
  }
  return {dims};
}

Shapes Split(Plain& p) {
  p.Since(2);
  p.Takes(1, 2);
  p.Require(!p.node().HasAttr("num_outputs"));
  const std::optional<std::vector<int64_t>> lengths = p.List("split", 1, 13);
  p.Require(lengths && static_cast<int>(lengths->size()) == p.node().num_outputs());
  if (!p.plain()) return {};
  const int64_t axis = p.Axis(p.Int("axis", 0), p.rank());
  if (!p.plain()) return {};
  Shapes shapes;
  int64_t sum = 0;
  for (int64_t length : *lengths) {
    p.Require(length >= 0);
    sum += length;
    shapes.push_back(p.dims());
    shapes.back()[static_cast<size_t>(axis)] = length;
  }
  p.Require(sum == p.dims()[static_cast<size_t>(axis)]);
  return shapes;
}

Shapes Slice(Plain& p) {
  p.Since(10);
  p.Takes(3, 5);
  const std::vector<int64_t> starts = p.AnyNumbers(1), ends = p.AnyNumbers(2);
  std::vector<int64_t> axes(starts.size()), steps(starts.size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  if (p.Has(3)) axes = p.Numbers(3);
  if (p.Has(4)) steps = p.Numbers(4);
  p.Require(!starts.empty() && ends.size() == starts.size() && axes.size() == starts.size() && steps.size() == starts.size());
  if (!p.plain()) return {};
  p.Axes(axes, p.rank());
  Dims dims = p.dims();
  for (size_t i = 0; p.plain() && i < axes.size(); ++i) {
    p.Require(steps[i] >= 1);
    if (!p.plain()) break;
    int64_t& size = dims[static_cast<size_t>(p.Axis(axes[i], p.rank()))];
    const auto place = [&](int64_t given) { return std::clamp<int64_t>(given < 0 ? given + size : given, 0, size); };
    const int64_t left = std::max<int64_t>(0, place(ends[i]) - place(starts[i]));
    size = (left + steps[i] - 1) / steps[i];
  }
  return {dims};
}

Shapes Gather(Plain& p) {
  p.Takes(2, 2);
  if (!p.plain()) return {};
  p.Require(p.rank() >= 1);
  const int64_t axis = p.Axis(p.Int("axis", 0), p.rank());
  if (!p.plain()) return {};
  Dims dims(p.dims().begin(), p.dims().begin() + axis);
  dims.insert(dims.end(), p.dims(1).begin(), p.dims(1).end());
  dims.insert(dims.end(), p.dims().begin() + axis + 1, p.dims().end());
  return {dims};
}

Shapes Pad(Plain& p) {
  p.Since(2);
  p.Takes(1, 3);
  p.IsFloat("value");
  if (p.node().HasAttr("mode")) p.Require(!p.node().String("mode", "").empty());
  const std::optional<std::vector<int64_t>> pads = p.List("pads", 1, 11);
  if (!p.plain()) return {};
  Dims dims = p.dims();
  p.Require(pads && pads->size() == 2 * dims.size());
  for (size_t i = 0; p.plain() && i < dims.size(); ++i) {
    dims[i] += (*pads)[i] + (*pads)[i + dims.size()];
    p.Require(dims[i] >= 0);
  }
  return {dims};
}

Shapes Expand(Plain& p) {
  p.Since(8);
  p.Takes(2, 2);
  const std::vector<int64_t> sizes = p.Numbers(1);
  p.Require(std::all_of(sizes.begin(), sizes.end(), [](int64_t size) { return size >= 1; }));
  if (!p.plain()) return {};
  const absl::StatusOr<Dims> dims = BroadcastDims(p.dims(), Dims(sizes.begin(), sizes.end()));
  p.Require(dims.ok());
  return {p.plain() ? *dims : Dims()};
}

Shapes Squeeze(Plain& p) {
  p.Takes(1, 2);
  const std::optional<std::vector<int64_t>> axes = p.List("axes", 1, 13);
  p.Require(axes.has_value());
  if (!p.plain()) return {};
  const std::vector<bool> named = p.Axes(*axes, p.rank());
  Dims dims;
  for (size_t i = 0; p.plain() && i < named.size(); ++i) {
    if (!named[i]) dims.push_back(p.dims()[i]);
    p.Require(!named[i] || p.dims()[i] == 1);
  }
  return {dims};
}

Shapes Unsqueeze(Plain& p) {
  p.Takes(1, 2);
  const std::optional<std::vector<int64_t>> axes = p.List("axes", 1, 13);
  p.Require(axes.has_value());
  if (!p.plain()) return {};
  const std::vector<bool> named = p.Axes(*axes, p.rank() + static_cast<int64_t>(axes->size()));
  if (!p.plain()) return {};
  Dims dims;
  size_t next = 0;
  for (bool added : named) dims.push_back(added ? 1 : p.dims()[next++]);
  return {dims};
}

template <int64_t kAxesAreInput>
Shapes Reduce(Plain& p) {
  p.Takes(1, 2);
  const int64_t keep = p.Int("keepdims", 1);
  p.Require(keep == 0 || keep == 1);
  p.Require(p.Int("noop_with_empty_axes", 0) == 0);
  const std::optional<std::vector<int64_t>> axes = p.List("axes", 1, kAxesAreInput);
  p.Require(axes && !axes->empty());
  if (!p.plain()) return {};
  const std::vector<bool> named = p.Axes(*axes, p.rank());
  Dims dims;
  for (size_t i = 0; p.plain() && i < named.size(); ++i) {
    if (!named[i] || keep == 1) dims.push_back(named[i] ? 1 : p.dims()[i]);
  }
  return {dims};
}

Rule RuleFor(absl::string_view op) {
  static const absl::flat_hash_map<absl::string_view, Rule>& rules = *new absl::flat_hash_map<absl::string_view, Rule>{
      {"Abs", &Unary},
      {"Add", &Binary},
      {"AveragePool", &Pool},
      {"BatchNormalization", &BatchNormalization},
      {"Clip", &Clip},
      {"Concat", &Concat},
      {"Conv", &Conv},
      {"Div", &Binary},
      {"Erf", &Unary},
      {"Exp", &Unary},
      {"Expand", &Expand},
      {"Flatten", &Flatten},
      {"Gather", &Gather},
      {"Gemm", &Gemm},
      {"GlobalAveragePool", &GlobalPool},
      {"GlobalMaxPool", &GlobalPool},
      {"HardSigmoid", &Unary},
      {"HardSwish", &Unary},
      {"Identity", &Unary},
      {"LeakyRelu", &Unary},
      {"MatMul", &MatMul},
      {"Max", &Variadic},
      {"MaxPool", &Pool},
      {"Min", &Variadic},
      {"Mul", &Binary},
      {"Neg", &Unary},
      {"Pad", &Pad},
      {"ReduceMax", &Reduce<18>},
      {"ReduceMean", &Reduce<18>},
      {"ReduceSum", &Reduce<13>},
      {"Relu", &Unary},
      {"Reshape", &Reshape},
      {"Sigmoid", &Unary},
      {"Slice", &Slice},
      {"Softmax", &Softmax},
      {"Split", &Split},
      {"Sqrt", &Unary},
      {"Squeeze", &Squeeze},
      {"Sub", &Binary},
      {"Sum", &Variadic},
      {"Tanh", &Unary},
      {"Transpose", &Transpose},
      {"Unsqueeze", &Unsqueeze},
  };
  const auto found = rules.find(op);
  return found == rules.end() ? nullptr : found->second;
}

}  // namespace

bool InferPlain(const NodeView& node, absl::Span<const Fact* const> inputs, absl::Span<Fact> outputs) {
  if (!node.domain().empty()) return false;
  const Rule rule = RuleFor(node.op_type());
  if (rule == nullptr || inputs.empty() || inputs[0] == nullptr) return false;
  Plain plain(node, inputs);
  if (!plain.plain()) return false;
  const Shapes shapes = rule(plain);
  if (!plain.plain() || shapes.size() != outputs.size()) return false;
  for (size_t i = 0; i < shapes.size(); ++i) {
    outputs[i].dtype = plain.type();
    outputs[i].shape = Shape::Of(shapes[i]);
  }
  return true;
}

absl::Status InferShapes(const NodeView& node, absl::Span<const Fact* const> inputs, absl::Span<Fact> outputs) {
  if (InferPlain(node, inputs, outputs)) return absl::OkStatus();
  return InferBySchema(node, inputs, outputs);
}

}  // namespace dsperse
