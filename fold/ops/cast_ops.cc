// Cast and CastLike between all numeric types.
//
// Floats are rounded once; integers to narrower integers keep the low bits; a float becomes an
// integer by truncation, and where it doesn't fit ONNX defines no result: refused in exact mode,
// clamped to int64 and then cut to the low bits by the interpreter.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/element_reader.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/small_types.h"

namespace dsperse {
namespace {

template <typename S, typename D>
D Convert(S value, bool* fits) {
  if constexpr (std::is_same_v<S, D>) {
    return value;
  } else if constexpr (kIsBool<D>) {
    if constexpr (kIsHalf<S>)
      return static_cast<double>(value) != 0;
    else
      return value != S(0);
  } else if constexpr (kIsFloat<S> && kIsInt<D>) {
    return Truncate<D>(static_cast<double>(value), fits);
  } else if constexpr (kIsFloat<S>) {
    return static_cast<D>(static_cast<double>(value));
  } else if constexpr (kIsHalf<D>) {
    return static_cast<D>(OddDouble(value));
  } else {
    return static_cast<D>(value);
  }
}

struct CastOptions {
  DType to;
  SmallCast small;
};

absl::Status OutOfRange(const NodeView& node, DType from, DType to) {
  return InvalidNode(node,
                     absl::StrCat("a ", DTypeName(from), " value does not fit ", DTypeName(to)));
}

absl::StatusOr<Outputs> CastPlain(const EvalContext& context, const NodeView& node, const Tensor& x,
                                  DType to) {
  const auto unsupported = [&]() -> absl::StatusOr<Outputs> {
    return UnsupportedType(node, x.dtype());
  };
  bool fits = true;
  absl::StatusOr<Outputs> result = DispatchDType(
      x.dtype(),
      [&](auto source) -> absl::StatusOr<Outputs> {
        using S = typename decltype(source)::type;
        return DispatchDType(
            to,
            [&](auto target) -> absl::StatusOr<Outputs> {
              using D = typename decltype(target)::type;
              return MapElements<S, D>(context, x,
                                       [&fits](S v) { return Convert<S, D>(v, &fits); });
            },
            unsupported);
      },
      unsupported);
  if (!fits && context.mode == EvalMode::kExact) return OutOfRange(node, x.dtype(), to);
  return result;
}

// Where one side is a small type: element by element through double.
absl::StatusOr<Outputs> CastSmall(const EvalContext& context, const NodeView& node, const Tensor& x,
                                  const CastOptions& options) {
  const DType to = options.to;
  const int64_t count = x.num_elements();
  const ElementReader read(x);
  if (!IsSmallType(to)) {
    bool fits = true;
    absl::StatusOr<Outputs> result = DispatchDType(
        to,
        [&](auto target) -> absl::StatusOr<Outputs> {
          using D = typename decltype(target)::type;
          D* out = nullptr;
          DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, MakeOutput<D>(context, x.dims(), &out));
          for (int64_t i = 0; i < count; ++i) out[i] = Convert<double, D>(read(i), &fits);
          return Single(std::move(tensor));
        },
        [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
    if (!fits && context.mode == EvalMode::kExact) return OutOfRange(node, x.dtype(), to);
    return result;
  }
  const bool packed = BitWidth(to) == 4;
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(context, to, x.dims()));
  for (int64_t i = 0; i < count; ++i) {
    const absl::StatusOr<uint8_t> code = EncodeSmall(to, read(i), options.small);
    if (absl::IsUnimplemented(code.status())) {
      return Unsupported(node, x.dtype(), code.status().message());
    }
    if (!code.ok()) return InvalidNode(node, code.status().message());
    char& byte = bytes[static_cast<size_t>(packed ? i / 2 : i)];
    byte = static_cast<char>(packed && i % 2 == 1 ? (byte & 0xF) | (*code << 4) : *code);
  }
  return Single(Tensor::FromBytes(to, x.dims(), std::move(bytes)));
}

absl::StatusOr<Outputs> CastTo(const EvalContext& context, const NodeView& node, const Tensor& x,
                               DType to) {
  const auto known = [](DType type) { return IsComputable(type) || IsSmallType(type); };
  if (!known(x.dtype())) return UnsupportedType(node, x.dtype());
  if (!known(to)) return Unsupported(node, x.dtype(), absl::StrCat("cast to ", DTypeName(to)));
  if (x.dtype() == to) return Single(x);
  if (!IsSmallType(to) && !IsSmallType(x.dtype())) return CastPlain(context, node, x, to);
  const std::string round_mode = node.String("round_mode", "up");
  if (round_mode != "up" && round_mode != "down" && round_mode != "nearest") {
    return InvalidNode(node, absl::StrCat("round_mode \"", round_mode, "\" is unknown"));
  }
  CastOptions options;
  options.to = to;
  options.small.saturate = node.Int("saturate", 1) != 0;
  options.small.round_mode = round_mode;
  options.small.exact = context.mode == EvalMode::kExact;
  options.small.opset = node.opset();
  return CastSmall(context, node, x, options);
}

absl::StatusOr<Outputs> Cast(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const int64_t to = node.Int("to", 0);
  if (to < 1 || to > kMaxDType) return InvalidNode(node, absl::StrCat("no element type ", to));
  return CastTo(context, node, *inputs[0], static_cast<DType>(to));
}

absl::StatusOr<Outputs> CastLike(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  const DType to = inputs[1]->dtype();
  // The second input may be of any payload: it isn't read.
  if (x.is_uniform() && IsComputable(x.dtype()) && IsComputable(to)) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor one,
                             Tensor::FromBytes(x.dtype(), {}, std::string(x.uniform_element())));
    DSPERSE_ASSIGN_OR_RETURN(const Outputs cast, CastTo(context, node, one, to));
    return Single(Tensor::Uniform(to, x.dims(), cast[0].raw()));
  }
  if (x.dtype() == DType::kString) return UnsupportedType(node, x.dtype());
  DSPERSE_ASSIGN_OR_RETURN(const Tensor loaded, x.Load(context.max_output_bytes));
  return CastTo(context, node, loaded, to);
}

}  // namespace

void AppendCastOps(std::vector<OpDef>* rows) {
  AddRow(rows, "Cast", 6, &Cast).elementwise = true;
  AddRow(rows, "CastLike", 15, &CastLike).any_payload = true;
}

}  // namespace dsperse
