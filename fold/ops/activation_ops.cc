// Activation functions. Each is a class template over the number it computes with: double, or Real
// where exact results are asked for and the formula has an elementary function in it.
#include <cmath>
#include <type_traits>

#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

// Op<N>(node) reads the attributes, op(x) computes; the result is rounded once to the tensor's
// type. `kElementary`: exact mode needs Real, otherwise double is exact enough (+, −, ·, / rounded
// once).
template <template <typename> class Op>
absl::StatusOr<Outputs> Activation(const EvalContext& context, const NodeView& node,
                                   Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        if constexpr (Op<double>::kElementary) {
          if (context.mode == EvalMode::kExact) {
            const Op<Real> op(node);
            return MapElements<T, T>(context, x, [&op](T v) {
              return op(Real(static_cast<double>(v))).template To<T>();
            });
          }
        }
        const Op<double> op(node);
        return MapElements<T, T>(context, x, [&op](T v) { return T(op(static_cast<double>(v))); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

template <typename N>
N Exp(N x) {
  return Call(MathFn::kExp, std::move(x));
}
template <typename N>
N Expm1(N x) {
  return Call(MathFn::kExpm1, std::move(x));
}

// ln(1 + e^x), written so that e^x can't overflow.
template <typename N>
N SoftplusOf(const N& x) {
  if (x < N(0)) return Call(MathFn::kLog1p, Exp(x));
  return x + Call(MathFn::kLog1p, Exp(-x));
}

template <typename N>
class Celu {
 public:
  static constexpr bool kElementary = true;
  explicit Celu(const NodeView& node) : alpha_(node.Float("alpha", 1.0f)) {}
  // max(0, x) + min(0, alpha · (e^(x/alpha) − 1)); the two are never both away from zero.
  N operator()(const N& x) const { return x < N(0) ? alpha_ * Expm1(x / alpha_) : x; }

 private:
  N alpha_;
};

template <typename N>
class Elu {
 public:
  static constexpr bool kElementary = true;
  explicit Elu(const NodeView& node) : alpha_(node.Float("alpha", 1.0f)) {}
  N operator()(const N& x) const { return x < N(0) ? alpha_ * Expm1(x) : x; }

 private:
  N alpha_;
};

template <typename N>
class Selu {
 public:
  static constexpr bool kElementary = true;
  explicit Selu(const NodeView& node)
      : alpha_(node.Float("alpha", 1.67326319217681884765625f)),
        gamma_(node.Float("gamma", 1.05070102214813232421875f)) {}
  N operator()(const N& x) const { return x > N(0) ? gamma_ * x : gamma_ * (alpha_ * Expm1(x)); }

 private:
  N alpha_, gamma_;
};

template <typename N>
class Gelu {
 public:
  static constexpr bool kElementary = true;
  explicit Gelu(const NodeView& node)
      : tanh_(node.String("approximate", "none") == "tanh"),
        minus_root_half_(-Call(MathFn::kSqrt, N(0.5))),
        // −2 · sqrt(2/π), with π = 4 · atan(1).
        slope_(N(-2) * Call(MathFn::kSqrt, N(0.5) / Call(MathFn::kAtan, N(1)))) {}
  N operator()(const N& x) const {
    // x/2 · (1 + erf(x/√2)) = x/2 · erfc(−x/√2), where nothing cancels.
    if (!tanh_) return N(0.5) * x * Call(MathFn::kErfc, minus_root_half_ * x);
    // x/2 · (1 + tanh(u)) = x / (1 + e^(−2u)), u = sqrt(2/π) · (x + 0.044715 x³).
    return x / (N(1) + Exp(slope_ * (x + N(0.044715) * x * x * x)));
  }

 private:
  bool tanh_;
  N minus_root_half_, slope_;
};

template <typename N>
class Mish {
 public:
  static constexpr bool kElementary = true;
  explicit Mish(const NodeView&) {}
  N operator()(const N& x) const { return x * Call(MathFn::kTanh, SoftplusOf(x)); }
};

template <typename N>
class Sigmoid {
 public:
  static constexpr bool kElementary = true;
  explicit Sigmoid(const NodeView&) {}
  N operator()(const N& x) const { return N(1) / (N(1) + Exp(-x)); }
};

template <typename N>
class Softplus {
 public:
  static constexpr bool kElementary = true;
  explicit Softplus(const NodeView&) {}
  N operator()(const N& x) const { return SoftplusOf(x); }
};

template <typename N>
class Swish {
 public:
  static constexpr bool kElementary = true;
  explicit Swish(const NodeView& node) : minus_alpha_(-node.Float("alpha", 1.0f)) {}
  N operator()(const N& x) const { return x / (N(1) + Exp(minus_alpha_ * x)); }

 private:
  N minus_alpha_;
};

template <typename N>
class HardSigmoid {
 public:
  static constexpr bool kElementary = false;
  explicit HardSigmoid(const NodeView& node)
      : alpha_(node.Float("alpha", 0.2f)), beta_(node.Float("beta", 0.5f)) {}
  N operator()(N x) const {
    const N y = alpha_ * x + beta_;
    return y < 0 ? 0 : y > 1 ? 1 : y;
  }

 private:
  N alpha_, beta_;
};

template <typename N>
class HardSwish {
 public:
  static constexpr bool kElementary = false;
  explicit HardSwish(const NodeView&) {}
  N operator()(N x) const {
    const N y = x / 6 + 0.5;
    return x * (y < 0 ? 0 : y > 1 ? 1 : y);
  }
};

template <typename N>
class LeakyRelu {
 public:
  static constexpr bool kElementary = false;
  explicit LeakyRelu(const NodeView& node) : alpha_(node.Float("alpha", 0.01f)) {}
  N operator()(N x) const { return x < 0 ? alpha_ * x : x; }

 private:
  N alpha_;
};

template <typename N>
class Softsign {
 public:
  static constexpr bool kElementary = false;
  explicit Softsign(const NodeView&) {}
  N operator()(N x) const { return x / (1 + std::fabs(x)); }
};

template <typename N>
class ThresholdedRelu {
 public:
  static constexpr bool kElementary = false;
  explicit ThresholdedRelu(const NodeView& node) : alpha_(node.Float("alpha", 1.0f)) {}
  N operator()(N x) const { return x > alpha_ ? x : 0; }

 private:
  N alpha_;
};

// Of integers too: x ± bias is truncated.
absl::StatusOr<Outputs> Shrink(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  const double bias = node.Float("bias", 0.0f);
  const double lambd = node.Float("lambd", 0.5f);
  const auto shrink = [bias, lambd](double v) {
    return v < -lambd ? v + bias : v > lambd ? v - bias : 0.0;
  };
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        if constexpr (kIsInt<T>) {
          bool fits = true;
          absl::StatusOr<Outputs> result = MapElements<T, T>(context, x, [&](T v) {
            // Beyond 2^53 the double isn't the integer any more.
            const double wide = static_cast<double>(v);
            const T out = Truncate<T>(shrink(wide), &fits);
            fits = fits && std::fabs(wide) <= 0x1p53;
            return out;
          });
          if (!fits) return Unsupported(node, x.dtype(), "a result that does not fit the type");
          return result;
        } else {
          return MapElements<T, T>(context, x, [&shrink](T v) {
            return static_cast<T>(shrink(static_cast<double>(v)));
          });
        }
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

absl::StatusOr<Outputs> Relu(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        return MapElements<T, T>(context, x, [](T v) {
          if constexpr (kIsHalf<T>) {
            return static_cast<double>(v) < 0 ? T() : v;
          } else {
            return v < T(0) ? T(0) : v;
          }
        });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// The slope's shape as it is broadcast: before opset 7 a list of one slope per channel.
absl::StatusOr<Dims> SlopeDims(const NodeView& node, const Tensor& x, const Tensor& slope) {
  if (node.opset() >= 7 || slope.rank() != 1 || slope.num_elements() == 1) return slope.dims();
  if (x.rank() < 2 || x.dims()[1] != slope.dims()[0]) {
    return InvalidNode(node, "there is not one slope per channel");
  }
  Dims dims(static_cast<size_t>(x.rank()) - 1, 1);
  dims[0] = slope.dims()[0];
  return dims;
}

absl::StatusOr<Outputs> PRelu(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  const Tensor& slope = *inputs[1];
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, x, slope));
  DSPERSE_ASSIGN_OR_RETURN(const Dims slope_dims, SlopeDims(node, x, slope));
  const absl::StatusOr<Dims> dims = BroadcastInto(x.dims(), slope_dims);
  if (!dims.ok()) return InvalidNode(node, dims.status().message());
  const BroadcastLoops loops = MakeBroadcastLoops(*dims, {&x.dims(), &slope_dims});
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, *dims, &out));
        BroadcastBinary(loops, x.data<T>().data(), slope.data<T>().data(), out, [](T v, T s) {
          using A = ArithType<T>;
          if constexpr (kIsInt<T>) {
            return v < T(0) ? static_cast<T>(static_cast<A>(v) * static_cast<A>(s)) : v;
          } else {
            return A(v) < A(0) ? T(A(v) * A(s)) : v;
          }
        });
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

}  // namespace

void AppendActivationOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view name, int64_t since, EvaluateFn evaluate) {
    AddRow(rows, name, since, evaluate).elementwise = true;
  };
  add("Celu", 12, &Activation<Celu>);
  add("Elu", 6, &Activation<Elu>);
  add("Gelu", 20, &Activation<Gelu>);
  add("HardSigmoid", 6, &Activation<HardSigmoid>);
  add("HardSwish", 14, &Activation<HardSwish>);
  add("LeakyRelu", 6, &Activation<LeakyRelu>);
  add("Mish", 18, &Activation<Mish>);
  add("PRelu", 6, &PRelu);
  add("Relu", 6, &Relu);
  add("Selu", 6, &Activation<Selu>);
  add("Shrink", 9, &Shrink);
  add("Sigmoid", 6, &Activation<Sigmoid>);
  add("Softplus", 1, &Activation<Softplus>);
  add("Softsign", 1, &Activation<Softsign>);
  add("Swish", 24, &Activation<Swish>);
  add("ThresholdedRelu", 10, &Activation<ThresholdedRelu>);
}

}  // namespace dsperse
