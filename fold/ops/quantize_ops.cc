// Quantization: QuantizeLinear, DequantizeLinear, and products of quantized tensors: MatMulInteger,
// ConvInteger, QLinearMatMul, QLinearConv. (DynamicQuantizeLinear runs as ONNX's function.)
//
// For the interpreter only: nothing here enters a file, Q/DQ stays as it is in a model. Products are
// exact: 8-bit operands less their zero points are whole numbers of at most 9 bits, and their sums stay
// below 2^53 in double, where the order of summing doesn't matter. Quotients are rounded to the scale's
// type, then to the nearest integer, ties to even; then the zero point is added and the result saturates.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/element_reader.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/small_types.h"

namespace dsperse {
namespace {

bool IsSmallFloat(DType type) {
  return IsSmallType(type) && type != DType::kInt4 && type != DType::kUint4 && type != DType::kFloat8E8M0;
}

// Integers that tensors are quantized to, with their limits.
bool IntegerLimits(DType type, double* low, double* high) {
  switch (type) {
    case DType::kUint8: *low = 0, *high = 255; return true;
    case DType::kInt8: *low = -128, *high = 127; return true;
    case DType::kUint16: *low = 0, *high = 65535; return true;
    case DType::kInt16: *low = -32768, *high = 32767; return true;
    case DType::kUint4: *low = 0, *high = 15; return true;
    case DType::kInt4: *low = -8, *high = 7; return true;
    default: return false;
  }
}

// Which element of scale and zero point belongs to an element of the tensor: one for all, one for each
// index on an axis, or one for each block of `block` along it.
struct Granularity {
  int64_t inner = 1;   // elements between neighbours on the axis
  int64_t axis = 1;    // its size
  int64_t block = 0;   // 0: one for all
  int64_t blocks = 1;  // along the axis
  bool outer_counts = false;

  int64_t At(int64_t i) const {
    if (block == 0) return 0;
    const int64_t place = i / inner % axis;
    if (!outer_counts) return place / block;
    return (i / (inner * axis) * blocks + place / block) * inner + i % inner;
  }
};

absl::StatusOr<Granularity> FindGranularity(const NodeView& node, const Tensor& x, const Tensor& scale,
                                            const Tensor* zero_point) {
  Granularity out;
  const auto mismatch = [&] {
    return InvalidNode(node, absl::StrCat("scale ", DimsToString(scale.dims()), " for a tensor of ",
                                          DimsToString(x.dims())));
  };
  if (zero_point != nullptr && zero_point->num_elements() != scale.num_elements()) {
    return InvalidNode(node, absl::StrCat("scale ", DimsToString(scale.dims()), " with zero point ",
                                          DimsToString(zero_point->dims())));
  }
  const int64_t block = node.opset() >= 21 ? node.Int("block_size", 0) : 0;
  if (block < 0) return InvalidNode(node, absl::StrCat("block_size ", block));
  if (scale.num_elements() == 1 && block == 0 && scale.rank() <= 1) return out;
  if (node.opset() < 13) return mismatch();
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 1), x.rank()));
  out.axis = x.dims()[static_cast<size_t>(axis)];
  out.inner = ProductOf(x.dims(), axis + 1, x.rank());
  if (block == 0) {
    out.block = 1;
    if (scale.rank() != 1 || scale.dims()[0] != out.axis) return mismatch();
    return out;
  }
  out.block = block;
  out.outer_counts = true;
  out.blocks = out.axis / block + (out.axis % block != 0 ? 1 : 0);
  Dims wanted = x.dims();
  wanted[static_cast<size_t>(axis)] = out.blocks;
  if (scale.dims() != wanted) return mismatch();
  return out;
}

// float from the beginning, float16 and bfloat16 from opset 19 on.
bool IsScaleType(const NodeView& node, DType type) {
  return type == DType::kFloat || (node.opset() >= 19 && (type == DType::kFloat16 || type == DType::kBfloat16));
}

double RoundTo(DType type, double value) {
  switch (type) {
    case DType::kFloat: return static_cast<double>(static_cast<float>(value));
    case DType::kFloat16: return static_cast<double>(static_cast<Float16>(value));
    case DType::kBfloat16: return static_cast<double>(static_cast<Bfloat16>(value));
    default: return value;
  }
}

// Stores integers of `type` (or codes of small types) one by one.
class CodeWriter {
 public:
  CodeWriter(DType type, std::string* bytes) : bits_(BitWidth(type)), bytes_(bytes) {}
  void Put(int64_t i, uint32_t code) {
    char* const data = bytes_->data();
    if (bits_ == 4) {
      char& byte = data[i / 2];
      byte = static_cast<char>(i % 2 == 1 ? (byte & 0xF) | (code & 0xF) << 4 : code & 0xF);
    } else if (bits_ == 8) {
      data[i] = static_cast<char>(code);
    } else {
      data[2 * i] = static_cast<char>(code & 0xFF);
      data[2 * i + 1] = static_cast<char>(code >> 8 & 0xFF);
    }
  }

 private:
  int bits_;
  std::string* bytes_;
};

absl::StatusOr<Outputs> QuantizeLinear(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  const Tensor& scale = *inputs[1];
  const Tensor* zero_point = InputAt(inputs, 2);
  if (!IsScaleType(node, x.dtype())) return UnsupportedType(node, x.dtype());
  if (scale.dtype() != x.dtype()) return Unsupported(node, x.dtype(), "a scale of another type");
  const int64_t precision = node.Int("precision", 0);
  if (precision != 0 && precision != static_cast<int64_t>(scale.dtype())) {
    return Unsupported(node, x.dtype(), "another precision than the scale's");
  }
  const int64_t asked = node.opset() >= 21 ? node.Int("output_dtype", 0) : 0;
  if (asked < 0 || asked > kMaxDType) return InvalidNode(node, absl::StrCat("no element type ", asked));
  DType to = asked == 0 ? DType::kUint8 : static_cast<DType>(asked);
  if (zero_point != nullptr) {
    if (asked != 0 && to != zero_point->dtype()) {
      return InvalidNode(node, absl::StrCat("output_dtype ", asked, " with a zero point of type ",
                                            DTypeName(zero_point->dtype())));
    }
    to = zero_point->dtype();
  }
  double low = 0;
  double high = 0;
  const bool integer = IntegerLimits(to, &low, &high);
  if (!integer && !IsSmallFloat(to)) return Unsupported(node, x.dtype(), absl::StrCat("a result of ", DTypeName(to)));
  DSPERSE_ASSIGN_OR_RETURN(const Granularity granularity, FindGranularity(node, x, scale, zero_point));

  SmallCast cast;
  cast.saturate = node.Int("saturate", 1) != 0;
  cast.exact = context.mode == EvalMode::kExact;
  cast.opset = node.opset();
  const ElementReader read(x);
  const ElementReader read_scale(scale);
  const ElementReader read_zero(zero_point != nullptr ? *zero_point : scale);
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(context, to, x.dims()));
  CodeWriter out(to, &bytes);
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    const int64_t at = granularity.At(i);
    const double quotient = RoundTo(scale.dtype(), read(i) / read_scale(at));
    const double zero = zero_point != nullptr ? read_zero(at) : 0;
    if (integer) {
      if (std::isnan(quotient)) return InvalidNode(node, "a NaN can't be quantized");
      const double value = std::clamp(std::nearbyint(quotient) + zero, low, high);
      out.Put(i, static_cast<uint32_t>(static_cast<int32_t>(value)));
      continue;
    }
    if (zero != 0) return InvalidNode(node, absl::StrCat("a zero point of ", zero, " for ", DTypeName(to)));
    // Adding the zero point makes −0 a +0; ONNX's reference adds none to the 8-bit floats.
    const absl::StatusOr<uint8_t> code = EncodeSmall(to, to == DType::kFloat4E2M1 ? quotient + zero : quotient, cast);
    if (absl::IsUnimplemented(code.status())) return Unsupported(node, x.dtype(), code.status().message());
    if (!code.ok()) return InvalidNode(node, code.status().message());
    out.Put(i, *code);
  }
  return Single(Tensor::FromBytes(to, x.dims(), std::move(bytes)));
}

absl::StatusOr<Outputs> DequantizeLinear(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  const Tensor& scale = *inputs[1];
  const Tensor* zero_point = InputAt(inputs, 2);
  if (!IsScaleType(node, scale.dtype())) return UnsupportedType(node, scale.dtype());
  double low = 0;
  double high = 0;
  if (!IntegerLimits(x.dtype(), &low, &high) && !IsSmallFloat(x.dtype()) && x.dtype() != DType::kInt32) {
    return UnsupportedType(node, x.dtype());
  }
  if (zero_point != nullptr) DSPERSE_RETURN_IF_ERROR(RequireSameType(node, x, *zero_point));
  const int64_t asked = node.opset() >= 23 ? node.Int("output_dtype", 0) : 0;
  if (asked != 0 && asked != static_cast<int64_t>(scale.dtype())) {
    return Unsupported(node, x.dtype(), "another result type than the scale's");
  }
  DSPERSE_ASSIGN_OR_RETURN(const Granularity granularity, FindGranularity(node, x, scale, zero_point));
  const ElementReader read(x);
  const ElementReader read_scale(scale);
  const ElementReader read_zero(zero_point != nullptr ? *zero_point : x);
  return DispatchFloats(
      scale.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &out));
        for (int64_t i = 0; i < x.num_elements(); ++i) {
          const int64_t at = granularity.At(i);
          const double zero = zero_point != nullptr ? read_zero(at) : 0;
          out[i] = static_cast<T>((read(i) - zero) * read_scale(at));
        }
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, scale.dtype()); });
}

bool IsByte(const Tensor& tensor) {
  return tensor.dtype() == DType::kUint8 || tensor.dtype() == DType::kInt8;
}

// x − zero_point as double; `zero_dims` is the zero point's shape as it broadcasts to x.
absl::StatusOr<Tensor> Centred(const EvalContext& context, const NodeView& node, const Tensor& x,
                               const Tensor* zero_point, const Dims& zero_dims) {
  if (!IsByte(x)) return UnsupportedType(node, x.dtype());
  double* out = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<double>(context, x.dims(), &out));
  const ElementReader read(x);
  for (int64_t i = 0; i < x.num_elements(); ++i) out[i] = read(i);
  if (zero_point == nullptr) return result;
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, x, *zero_point));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t zeros, NumElements(zero_dims));
  if (zeros != zero_point->num_elements() || !BroadcastInto(x.dims(), zero_dims).ok()) {
    return InvalidNode(node, absl::StrCat("zero point ", DimsToString(zero_point->dims()), " for a tensor of ",
                                          DimsToString(x.dims())));
  }
  const ElementReader read_zero(*zero_point);
  const std::vector<const Dims*> operands = {&zero_dims};
  const BroadcastLoops loops = MakeBroadcastLoops(x.dims(), operands);
  ForEachRun(loops, [&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < loops.run; ++i) out[at + i] -= read_zero(offsets[0] + i * loops.run_step[0]);
  });
  return result;
}

// Of a left operand: one for each row where it is a vector; of a right one: one for each column.
Dims RowDims(const Tensor& parameter) {
  if (parameter.rank() == 1 && parameter.num_elements() > 1) return {parameter.num_elements(), 1};
  return parameter.dims();
}

// One for each output channel of a weight of rank `rank`.
Dims ChannelDims(const Tensor& parameter, int rank) {
  if (parameter.num_elements() <= 1) return parameter.dims();
  Dims dims(static_cast<size_t>(rank), 1);
  dims[0] = parameter.num_elements();
  return dims;
}

// The node as if it were of type `op`, on doubles.
absl::StatusOr<Tensor> EvaluateAs(absl::string_view op, const EvalContext& context, const NodeView& node,
                                  const Tensor& a, const Tensor& b) {
  const OpDef* row = FindOp("", op, node.opset());
  if (row == nullptr) return UnsupportedType(node, a.dtype());
  const std::vector<const Tensor*> inputs = {&a, &b};
  DSPERSE_ASSIGN_OR_RETURN(Outputs outputs, row->evaluate(context, node, inputs));
  return std::move(outputs[0]);
}

struct Operands {
  int a, a_zero, b, b_zero;  // places among the inputs
};

// The exact product of centred operands, as double.
absl::StatusOr<Tensor> Product(const EvalContext& context, const NodeView& node, Inputs inputs, bool conv,
                               Operands at) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  if (InputAt(inputs, at.b) == nullptr) return InvalidNode(node, absl::StrCat("input ", at.b, " is missing"));
  const Tensor* a_zero = InputAt(inputs, at.a_zero);
  const Tensor* b_zero = InputAt(inputs, at.b_zero);
  const Tensor& b_tensor = *inputs[static_cast<size_t>(at.b)];
  if (conv && b_tensor.rank() < 3) return InvalidNode(node, absl::StrCat("weights ", DimsToString(b_tensor.dims())));
  if (conv && a_zero != nullptr && a_zero->num_elements() != 1) {
    return InvalidNode(node, absl::StrCat("a zero point of ", DimsToString(a_zero->dims()), " for the input"));
  }
  const Dims a_dims = a_zero == nullptr ? Dims{} : conv ? Dims{} : RowDims(*a_zero);
  const Dims b_dims = b_zero == nullptr ? Dims{} : conv ? ChannelDims(*b_zero, b_tensor.rank()) : b_zero->dims();
  DSPERSE_ASSIGN_OR_RETURN(const Tensor a, Centred(context, node, *inputs[static_cast<size_t>(at.a)], a_zero, a_dims));
  DSPERSE_ASSIGN_OR_RETURN(const Tensor b, Centred(context, node, b_tensor, b_zero, b_dims));
  // 2^53 / 2^18 products.
  if (b.num_elements() > int64_t{1} << 35) return Unsupported(node, b_tensor.dtype(), "a sum this long");
  return EvaluateAs(conv ? "Conv" : "MatMul", context, node, a, b);
}

absl::StatusOr<Outputs> Integer(const EvalContext& context, const NodeView& node, Inputs inputs, bool conv) {
  DSPERSE_ASSIGN_OR_RETURN(const Tensor product, Product(context, node, inputs, conv, {0, 2, 1, 3}));
  // 32 bits wrap.
  return MapElements<double, int32_t>(
      context, product, [](double v) { return static_cast<int32_t>(static_cast<int64_t>(v)); });
}

absl::StatusOr<Outputs> MatMulInteger(const EvalContext& context, const NodeView& node, Inputs inputs) {
  return Integer(context, node, inputs, false);
}
absl::StatusOr<Outputs> ConvInteger(const EvalContext& context, const NodeView& node, Inputs inputs) {
  return Integer(context, node, inputs, true);
}

// The product, a bias (Conv), and back into 8 bits.
absl::StatusOr<Outputs> QLinear(const EvalContext& context, const NodeView& node, Inputs inputs, bool conv) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 8));
  const Tensor& a_scale = *inputs[1];
  const Tensor& b_scale = *inputs[4];
  const Tensor& y_scale = *inputs[6];
  const Tensor& y_zero = *inputs[7];
  const Tensor* bias = conv ? InputAt(inputs, 8) : nullptr;
  if (a_scale.num_elements() != 1 || y_scale.num_elements() != 1 || y_zero.num_elements() != 1 ||
      (!conv && b_scale.num_elements() != 1)) {
    return Unsupported(node, inputs[0]->dtype(), "a scale for each row or column");
  }
  if (!IsByte(y_zero)) return Unsupported(node, y_zero.dtype(), "a result of this type");
  DSPERSE_ASSIGN_OR_RETURN(const Tensor product, Product(context, node, inputs, conv, {0, 2, 3, 5}));
  const absl::Span<const double> sums = product.data<double>();
  const int64_t channels = conv ? product.dims()[1] : 1;
  const int64_t inner = conv ? ProductOf(product.dims(), 2, product.rank()) : 1;
  if (b_scale.num_elements() != 1 && b_scale.num_elements() != channels) {
    return InvalidNode(node, absl::StrCat(b_scale.num_elements(), " scales for ", channels, " channels"));
  }
  if (bias != nullptr && (bias->dtype() != DType::kInt32 || bias->num_elements() != channels)) {
    return InvalidNode(node, absl::StrCat("a bias of ", DTypeName(bias->dtype()), DimsToString(bias->dims())));
  }
  double low = 0;
  double high = 0;
  IntegerLimits(y_zero.dtype(), &low, &high);
  const double in_scale = ElementReader(a_scale)(0);
  const double out_scale = ElementReader(y_scale)(0);
  const double zero = ElementReader(y_zero)(0);
  const ElementReader read_scale(b_scale);
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(context, y_zero.dtype(), product.dims()));
  CodeWriter out(y_zero.dtype(), &bytes);
  for (int64_t i = 0; i < product.num_elements(); ++i) {
    const int64_t channel = conv ? i / inner % channels : 0;
    double sum = sums[static_cast<size_t>(i)];
    if (bias != nullptr) sum += bias->data<int32_t>()[static_cast<size_t>(channel)];
    const double factor = in_scale * read_scale(b_scale.num_elements() == 1 ? 0 : channel);
    const double quotient = sum * factor / out_scale;
    if (std::isnan(quotient)) return InvalidNode(node, "a NaN can't be quantized");
    const double whole = std::nearbyint(quotient) + zero;
    const double value = std::clamp(whole, low, high);
    if (!conv && value != whole) {
      return Unsupported(node, y_zero.dtype(), "a result out of range, which ONNX's text saturates and its reference wraps,");
    }
    out.Put(i, static_cast<uint32_t>(static_cast<int32_t>(value)));
  }
  return Single(Tensor::FromBytes(y_zero.dtype(), product.dims(), std::move(bytes)));
}

absl::StatusOr<Outputs> QLinearMatMul(const EvalContext& context, const NodeView& node, Inputs inputs) {
  return QLinear(context, node, inputs, false);
}
absl::StatusOr<Outputs> QLinearConv(const EvalContext& context, const NodeView& node, Inputs inputs) {
  return QLinear(context, node, inputs, true);
}

}  // namespace

void AppendQuantizeOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, EvaluateFn evaluate) {
    AddRow(rows, op_type, 10, evaluate).foldable = false;
  };
  add("QuantizeLinear", &QuantizeLinear);
  add("DequantizeLinear", &DequantizeLinear);
  add("MatMulInteger", &MatMulInteger);
  add("ConvInteger", &ConvInteger);
  add("QLinearMatMul", &QLinearMatMul);
  add("QLinearConv", &QLinearConv);
}

}  // namespace dsperse
