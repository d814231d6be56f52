// What is read off a tensor's shape or positions: Shape, Size, NonZero, OneHot, Trilu.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"

namespace dsperse {
namespace {

absl::StatusOr<Outputs> ShapeOf(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Dims& dims = inputs[0]->dims();
  const int64_t rank = static_cast<int64_t>(dims.size());
  // `start` and `end` (opset 15) count from the back if negative, and are clamped.
  const auto clamp = [rank](int64_t i) {
    if (i < 0) i = i < -rank ? 0 : i + rank;
    return std::min(i, rank);
  };
  const int64_t start = clamp(node.Int("start", 0));
  const int64_t end = std::max(start, clamp(node.Int("end", rank)));
  const absl::Span<const int64_t> slice =
      absl::MakeConstSpan(dims.data() + start, static_cast<size_t>(end - start));
  return Single(Tensor::Of<int64_t>({end - start}, slice));
}

absl::StatusOr<Outputs> SizeOf(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  return Single(Tensor::Scalar<int64_t>(inputs[0]->num_elements()));
}

// Indices of the elements that aren't zero, one column each, in row-major order.
absl::StatusOr<Outputs> NonZero(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  // Shape inference says [0, n], implementations say [1, n].
  if (x.rank() == 0) return Unsupported(node, x.dtype(), "a scalar input");
  std::vector<int64_t> places;
  const bool known = DispatchDType(
      x.dtype(),
      [&](auto tag) {
        using T = typename decltype(tag)::type;
        const absl::Span<const T> data = x.data<T>();
        for (size_t i = 0; i < data.size(); ++i) {
          bool zero = false;
          if constexpr (kIsHalf<T>) {
            zero = static_cast<double>(data[i]) == 0;
          } else {
            zero = data[i] == T(0);
          }
          if (!zero) places.push_back(static_cast<int64_t>(i));
        }
        return true;
      },
      [] { return false; });
  if (!known) return UnsupportedType(node, x.dtype());
  const int64_t count = static_cast<int64_t>(places.size());
  int64_t* out = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result,
                           MakeOutput<int64_t>(context, {x.rank(), count}, &out));
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = places[static_cast<size_t>(i)];
    for (int d = x.rank() - 1; d >= 0; --d) {
      out[d * count + i] = rest % x.dims()[static_cast<size_t>(d)];
      rest /= x.dims()[static_cast<size_t>(d)];
    }
  }
  return Single(std::move(result));
}

// Elements of a numeric tensor as int64, floats truncated; those that don't fit are InvalidArgument.
absl::StatusOr<std::vector<int64_t>> Truncated(const NodeView& node, const Tensor& x) {
  if (IsInteger(x.dtype())) return IntsOf(node, x, "input");
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(x.num_elements()));
  const absl::Status status = DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::Status {
        using T = typename decltype(tag)::type;
        for (T v : x.data<T>()) {
          const double d = std::trunc(static_cast<double>(v));
          if (!(d >= -0x1p63 && d < 0x1p63)) {
            return InvalidNode(node, absl::StrCat(d, " is no index"));
          }
          out.push_back(static_cast<int64_t>(d));
        }
        return absl::OkStatus();
      },
      [&]() -> absl::Status { return UnsupportedType(node, x.dtype()); });
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<Outputs> OneHot(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& indices = *inputs[0];
  const Tensor& values = *inputs[2];
  if (inputs[1]->num_elements() != 1) return InvalidNode(node, "depth is not a scalar");
  if (values.rank() != 1 || values.num_elements() != 2) {
    return InvalidNode(node, "values is not a pair [off, on]");
  }
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> depths, Truncated(node, *inputs[1]));
  const int64_t depth = depths[0];
  if (depth < 0) return InvalidNode(node, absl::StrCat("depth is ", depth));
  DSPERSE_ASSIGN_OR_RETURN(const int axis,
                           NormalizeAxis(node, node.Int("axis", -1), indices.rank() + 1));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> places, Truncated(node, indices));
  Dims dims = indices.dims();
  dims.insert(dims.begin() + axis, depth);
  const int64_t inner = ProductOf(indices.dims(), axis, indices.rank());
  // Before opset 11 a negative index lies outside; then it counts from the end.
  const bool from_end = node.opset() >= 11;
  return DispatchWidth(
      values.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using W = typename decltype(tag)::type;
        DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(context, values.dtype(), dims));
        W* out = reinterpret_cast<W*>(bytes.data());
        const W off = values.data<W>()[0];
        const W on = values.data<W>()[1];
        std::fill(out, out + bytes.size() / sizeof(W), off);
        for (size_t i = 0; i < places.size(); ++i) {
          int64_t at = places[i];
          if (at < 0 && from_end && at >= -depth) at += depth;
          if (at < 0 || at >= depth) continue;
          const int64_t outer = static_cast<int64_t>(i) / inner;
          out[(outer * depth + at) * inner + static_cast<int64_t>(i) % inner] = on;
        }
        return Single(Tensor::FromBytes(values.dtype(), dims, std::move(bytes)));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, values.dtype()); });
}

// Keeps one triangle of each matrix; all zero bytes elsewhere, which is 0 in every type.
absl::StatusOr<Outputs> Trilu(const EvalContext& context, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  if (x.rank() < 2) return InvalidNode(node, "the input has no matrices");
  if (x.num_elements() == 0) return Single(x);
  int64_t k = 0;
  if (const Tensor* given = InputAt(inputs, 1)) {
    DSPERSE_ASSIGN_OR_RETURN(k, IntOf(node, *given, "k"));
  }
  const bool upper = node.Int("upper", 1) != 0;
  const size_t rank = x.dims().size();
  const int64_t rows = x.dims()[rank - 2];
  const int64_t columns = x.dims()[rank - 1];
  const int64_t matrices = ProductOf(x.dims(), 0, x.rank() - 2);
  // Element (row, column) is kept where column − row ≥ k (upper) or ≤ k (lower).
  k = std::clamp(k, -rows - 1, columns + 1);
  return DispatchWidth(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using W = typename decltype(tag)::type;
        DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(context, x.dtype(), x.dims()));
        W* out = reinterpret_cast<W*>(bytes.data());
        const W* in = x.data<W>().data();
        for (int64_t m = 0; m < matrices; ++m) {
          for (int64_t row = 0; row < rows; ++row) {
            const int64_t line = (m * rows + row) * columns;
            const int64_t from = upper ? std::clamp<int64_t>(row + k, 0, columns) : 0;
            const int64_t to = upper ? columns : std::clamp<int64_t>(row + k + 1, 0, columns);
            if (from < to) std::copy(in + line + from, in + line + to, out + line + from);
          }
        }
        return Single(Tensor::FromBytes(x.dtype(), x.dims(), std::move(bytes)));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

}  // namespace

void AppendShapeOps(std::vector<OpDef>* rows) {
  AddRow(rows, "NonZero", 9, &NonZero);
  AddRow(rows, "OneHot", 9, &OneHot).keeps_bits = true;
  AddRow(rows, "Shape", 1, &ShapeOf).any_payload = true;
  AddRow(rows, "Size", 1, &SizeOf).any_payload = true;
  AddRow(rows, "Trilu", 14, &Trilu).keeps_bits = true;
}

}  // namespace dsperse
