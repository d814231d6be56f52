// Convolutions, matrix products, BatchNormalization and the arithmetic per channel around them.
#include <string>

#include "tests/property/recipes.h"

namespace dsperse::testing {
namespace {

using Ints = std::vector<int64_t>;

// A spatial activation: rank 3 to 5, mostly 4.
int Image(GraphBuilder& b) { return b.Activation(b.choices().OneOf<int>({4, 4, 4, 4, 3, 5})); }

Ints Repeat(size_t count, const std::function<int64_t()>& make) {
  Ints out;
  for (size_t i = 0; i < count; ++i) out.push_back(make());
  return out;
}

// Window attributes that Conv, ConvTranspose and the pools share.
void AddWindow(GraphBuilder& b, const Ints& kernel, NodeSpec* spec) {
  Choices& c = b.choices();
  const size_t spatial = kernel.size();
  if (c.Chance(50)) spec->attributes.emplace_back("kernel_shape", kernel);
  if (c.Chance(40)) spec->attributes.emplace_back("strides", Repeat(spatial, [&] { return c.Between(1, 2); }));
  const bool dilates = spec->op == "AveragePool" ? b.opset() >= 19
                       : spec->op == "LpPool"    ? b.opset() >= 18
                       : spec->op == "MaxPool"   ? b.opset() >= 10
                                                 : true;
  if (dilates && c.Chance(20)) spec->attributes.emplace_back("dilations", Repeat(spatial, [&] { return c.Between(1, 2); }));
  const int pads = static_cast<int>(c.Below(10));
  if (pads < 4) {
    spec->attributes.emplace_back("pads", Repeat(2 * spatial, [&] { return c.Between(0, 1); }));
  } else if (pads == 4) {
    spec->attributes.emplace_back("auto_pad",
                                  c.OneOf<std::string>({"SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"}));
  }
}

void Conv(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Image(b);
  if (x < 0) return;
  const int64_t channels = b.dims(x)[1];
  const int64_t group = channels > 1 && c.Chance(30) ? (c.Chance(50) ? channels : 2) : 1;
  if (group == 0 || channels % group != 0) return;
  const int64_t out = group * c.Between(1, group > 1 ? 2 : 4);
  const Ints kernel = Repeat(static_cast<size_t>(b.rank(x) - 2), [&] { return c.Between(1, 3); });
  Dims w = {out, channels / group};
  w.insert(w.end(), kernel.begin(), kernel.end());
  NodeSpec spec{"Conv", {x, b.FloatConstant(w)}};
  if (c.Chance(50)) spec.inputs.push_back(c.Chance(10) ? -1 : b.FloatConstant({out}));
  if (group != 1 || c.Chance(10)) spec.attributes.emplace_back("group", group);
  AddWindow(b, kernel, &spec);
  b.Add(spec);
}

void ConvTranspose(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation(c.OneOf<int>({4, 4, 3}));
  if (x < 0) return;
  const int64_t channels = b.dims(x)[1];
  const int64_t group = channels % 2 == 0 && c.Chance(30) ? 2 : 1;
  const int64_t out = c.Between(1, 3);
  const Ints kernel = Repeat(static_cast<size_t>(b.rank(x) - 2), [&] { return c.Between(1, 3); });
  Dims w = {channels, out};
  w.insert(w.end(), kernel.begin(), kernel.end());
  NodeSpec spec{"ConvTranspose", {x, b.FloatConstant(w)}};
  if (c.Chance(50)) spec.inputs.push_back(b.FloatConstant({out * group}));
  if (group != 1) spec.attributes.emplace_back("group", group);
  if (c.Chance(15)) spec.attributes.emplace_back("output_padding", Repeat(kernel.size(), [&] { return c.Between(0, 1); }));
  AddWindow(b, kernel, &spec);
  b.Add(spec);
}

void BatchNorm(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = c.Chance(80) ? Image(b) : b.Activation();
  if (x < 0 || b.rank(x) < 2) return;
  const Dims channels = {b.dims(x)[1]};
  const int scale = b.FloatConstant(channels);
  const int variance = c.Chance(15) ? scale : b.PositiveConstant(channels);
  NodeSpec spec{"BatchNormalization", {x, scale, b.FloatConstant(channels), b.FloatConstant(channels), variance}};
  if (c.Chance(40)) spec.attributes.emplace_back("epsilon", c.OneOf<float>({0.001F, 0.25F, 1e-5F, 0.0F}));
  if (c.Chance(20)) spec.attributes.emplace_back("momentum", 0.5F);
  b.Add(spec);
}

// A constant along the channel axis, a scalar, a whole tensor, or along another axis.
int Operand(GraphBuilder& b, int x, bool positive) {
  Choices& c = b.choices();
  const int rank = b.rank(x);
  Dims dims;
  switch (c.Below(6)) {
    case 0: break;
    case 1: dims = {1}; break;
    case 2: dims = b.dims(x); break;
    case 3:
      if (rank > 0) dims = {b.dims(x)[static_cast<size_t>(rank - 1)]};
      break;
    default:
      if (rank > 1) {
        dims.assign(static_cast<size_t>(rank - 1), 1);
        dims[0] = b.dims(x)[1];
        if (c.Chance(30)) dims.insert(dims.begin(), 1);
      }
  }
  return positive ? b.PositiveConstant(dims) : b.FloatConstant(dims);
}

void ChannelArithmetic(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = b.Activation();
  if (x < 0) return;
  const std::string op = c.OneOf<std::string>({"Mul", "Add", "Sub", "Div", "Mul", "Add"});
  const bool first = c.Chance(25) && op != "Div";
  const int constant = Operand(b, x, op == "Div");
  NodeSpec spec{op, {x, constant}};
  if (first) std::swap(spec.inputs[0], spec.inputs[1]);
  b.Add(spec);
}

void Gemm(GraphBuilder& b) {
  Choices& c = b.choices();
  const int a = b.Activation(2);
  if (a < 0) return;
  const bool trans_a = c.Chance(15), trans_b = c.Chance(40);
  const int64_t k = b.dims(a)[trans_a ? 0 : 1], m = b.dims(a)[trans_a ? 1 : 0], n = c.Between(1, 4);
  NodeSpec spec{"Gemm", {a, b.FloatConstant(trans_b ? Dims{n, k} : Dims{k, n})}};
  if (c.Chance(70) || b.opset() < 11) {
    spec.inputs.push_back(b.FloatConstant(c.OneOf<Dims>({{n}, {n}, {1, n}, {m, n}, {m, 1}, {}, {1}})));
  }
  if (trans_a) spec.attributes.emplace_back("transA", int64_t{1});
  if (trans_b) spec.attributes.emplace_back("transB", int64_t{1});
  if (c.Chance(20)) spec.attributes.emplace_back("alpha", c.OneOf<float>({0.5F, 2.0F, 1.0F}));
  if (c.Chance(20)) spec.attributes.emplace_back("beta", c.OneOf<float>({0.5F, 0.0F, 1.0F}));
  if (c.Chance(5)) std::swap(spec.inputs[0], spec.inputs[1]);
  b.Add(spec);
}

void MatMul(GraphBuilder& b) {
  Choices& c = b.choices();
  const int a = b.Activation(c.OneOf<int>({2, 2, 3, -1}));
  if (a < 0 || b.rank(a) < 1) return;
  const int rank = b.rank(a);
  const int64_t last = b.dims(a)[static_cast<size_t>(rank - 1)];
  if (rank > 1 && c.Chance(25)) {
    const int64_t k = b.dims(a)[static_cast<size_t>(rank - 2)];
    b.Add({"MatMul", {b.FloatConstant({c.Between(1, 4), k}), a}});
  } else if (c.Chance(10)) {
    b.Add({"MatMul", {a, b.FloatConstant({last})}});
  } else {
    b.Add({"MatMul", {a, b.FloatConstant({last, c.Between(1, 4)})}});
  }
}

void Pad(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Image(b);
  if (x < 0) return;
  const int rank = b.rank(x);
  Ints pads(static_cast<size_t>(2 * rank), 0);
  const bool spatial_only = c.Chance(85);
  for (int i = spatial_only ? 2 : 0; i < rank; ++i) {
    pads[static_cast<size_t>(i)] = c.Between(c.Chance(5) ? -1 : 0, 1);
    pads[static_cast<size_t>(i + rank)] = c.Between(0, 1);
  }
  NodeSpec spec{"Pad", {x}};
  if (c.Chance(20)) {
    spec.attributes.emplace_back("mode", c.OneOf<std::string>({"reflect", "edge", "constant"}));
  }
  const bool zero = c.Chance(80);
  if (b.opset() < 11) {
    spec.attributes.emplace_back("pads", pads);
    if (!zero) spec.attributes.emplace_back("value", 0.5F);
  } else {
    const bool axes = b.opset() >= 18 && spatial_only && c.Chance(40);
    if (axes) {
      Ints some(pads.begin() + 2, pads.begin() + rank);
      some.insert(some.end(), pads.begin() + rank + 2, pads.end());
      pads = some;
    }
    spec.inputs.push_back(b.Ints(pads));
    if (!zero || c.Chance(30)) {
      spec.inputs.push_back(b.NewConstant(b.Floats({}, [&] { return zero ? 0.0 : 0.5; })));
    } else if (axes) {
      spec.inputs.push_back(-1);
    }
    if (axes) {
      Ints which;
      for (int i = 2; i < rank; ++i) which.push_back(c.Chance(20) ? i - rank : i);
      spec.inputs.push_back(b.Ints(which));
    }
  }
  b.Add(spec);
}

void Pool(GraphBuilder& b) {
  Choices& c = b.choices();
  const int x = Image(b);
  if (x < 0) return;
  const int kind = static_cast<int>(c.Below(8));
  if (kind == 0) {
    b.Add({"GlobalAveragePool", {x}});
    return;
  }
  if (kind == 1) {
    b.Add({"GlobalMaxPool", {x}});
    return;
  }
  const Ints kernel = Repeat(static_cast<size_t>(b.rank(x) - 2), [&] { return c.Between(1, 3); });
  NodeSpec spec{kind < 5 ? "MaxPool" : kind < 7 ? "AveragePool" : "LpPool", {x}};
  AddWindow(b, kernel, &spec);
  bool has_kernel = false;
  for (const auto& attribute : spec.attributes) has_kernel = has_kernel || attribute.first == "kernel_shape";
  if (!has_kernel) spec.attributes.emplace_back("kernel_shape", kernel);
  if (b.opset() >= (spec.op == "LpPool" ? 18 : 10) && c.Chance(20)) {
    spec.attributes.emplace_back("ceil_mode", int64_t{1});
  }
  if (spec.op == "AveragePool" && c.Chance(40)) spec.attributes.emplace_back("count_include_pad", int64_t{1});
  b.Add(spec);
}

// Residual connections: both operands are activations.
void Residual(GraphBuilder& b) {
  const int x = b.Activation();
  if (x < 0) return;
  const Dims dims = b.dims(x);
  const int y = b.choices().Chance(60)
                    ? b.Pick([&](const Item& item) {
                        return item.value.dtype() == b.float_type() && item.value.dims() == dims;
                      })
                    : b.Activation(b.rank(x));
  if (y < 0) return;
  b.Add({b.choices().OneOf<std::string>({"Add", "Mul", "Sub", "Add"}), {x, y}});
}

}  // namespace

const std::vector<Recipe>& AffineRecipes() {
  static const auto* const recipes = new std::vector<Recipe>{
      {12, &Conv},  {4, &ConvTranspose}, {16, &BatchNorm}, {12, &ChannelArithmetic}, {6, &Gemm}, {6, &MatMul},
      {6, &Pad},    {6, &Pool},          {4, &Residual}};
  return *recipes;
}

}  // namespace dsperse::testing
