#include "fold/ops/strided.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"

namespace dsperse {
namespace {

struct Loop {
  int64_t size;
  int64_t stride;  // of the source, in elements
};
using Loops = absl::InlinedVector<Loop, 6>;

// The same walk with as few loops as possible, outermost first.
Loops Coalesce(absl::Span<const int64_t> dims, absl::Span<const int64_t> strides) {
  Loops loops;
  for (size_t k = 0; k < dims.size(); ++k) {
    if (dims[k] == 1) continue;
    if (!loops.empty() && loops.back().stride == strides[k] * dims[k]) {
      loops.back() = {loops.back().size * dims[k], strides[k]};
    } else {
      loops.push_back({dims[k], strides[k]});
    }
  }
  return loops;
}

template <int kWidth>
void CopyRun(const char* src, int64_t stride, int64_t count, char* dst) {
  const int64_t step = stride * kWidth;
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(dst, src, kWidth);
    src += step;
    dst += kWidth;
  }
}

}  // namespace

int64_t MovableWidth(DType type) {
  const int bits = BitWidth(type);
  return bits % 8 == 0 ? bits / 8 : 0;
}

Dims RowMajorStrides(absl::Span<const int64_t> dims) {
  Dims strides(dims.size(), 1);
  for (size_t k = dims.size(); k-- > 1;) {
    // Beside a zero the others may be anything; such strides are never used, but must not overflow.
    if (__builtin_mul_overflow(strides[k], dims[k], &strides[k - 1])) strides[k - 1] = 0;
  }
  return strides;
}

absl::StatusOr<std::string> MakeBytes(absl::Span<const int64_t> dims, int64_t width,
                                      int64_t max_bytes) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(dims));
  if (count > max_bytes / width) {
    return absl::ResourceExhaustedError(absl::StrCat("a tensor of ", DimsToString(dims), " with ",
                                                     width, " bytes an element exceeds the limit of ",
                                                     max_bytes, " bytes"));
  }
  return std::string(static_cast<size_t>(count * width), '\0');
}

void CopyStrided(const char* src, int64_t offset, absl::Span<const int64_t> dims,
                 absl::Span<const int64_t> strides, int64_t width, char* dst) {
  for (int64_t d : dims) {
    if (d == 0) return;
  }
  src += offset * width;
  Loops loops = Coalesce(dims, strides);
  if (loops.empty()) {
    std::memcpy(dst, src, static_cast<size_t>(width));
    return;
  }
  const Loop inner = loops.back();
  loops.pop_back();
  int64_t runs = 1;
  for (const Loop& loop : loops) runs *= loop.size;
  const int64_t run_bytes = inner.size * width;
  Dims index(loops.size(), 0);
  for (int64_t run = 0; run < runs; ++run) {
    if (inner.stride == 1) {
      std::memcpy(dst, src, static_cast<size_t>(run_bytes));
    } else {
      DispatchWidth(width, [&](auto w) { CopyRun<w.value>(src, inner.stride, inner.size, dst); });
    }
    dst += run_bytes;
    // Advance the odometer of the outer loops.
    for (size_t k = loops.size(); k-- > 0;) {
      src += loops[k].stride * width;
      if (++index[k] < loops[k].size) break;
      src -= loops[k].stride * loops[k].size * width;
      index[k] = 0;
    }
  }
}

absl::StatusOr<int64_t> RequireMovable(const NodeView& node, const Tensor& tensor) {
  const int64_t width = MovableWidth(tensor.dtype());
  if (width == 0) return UnsupportedType(node, tensor.dtype());
  return width;
}

absl::StatusOr<Tensor> TakeStrided(const EvalContext& context, const NodeView& node,
                                   const Tensor& source, int64_t offset, Dims dims,
                                   absl::Span<const int64_t> strides) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, source));
  if (source.is_uniform()) {
    return Tensor::Uniform(source.dtype(), std::move(dims), source.uniform_element());
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor loaded, source.Load(context.max_output_bytes));
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  if (!bytes.empty()) {
    CopyStrided(loaded.raw().data(), offset, dims, strides, width, bytes.data());
  }
  return Tensor::FromBytes(source.dtype(), std::move(dims), std::move(bytes));
}

}  // namespace dsperse
