// Pooling: MaxPool, AveragePool, LpPool and their global forms, MaxUnpool.
//
// Sums are added up in double, in the order of the window, and rounded once. Padding never wins a
// maximum and adds nothing to a sum; it counts for AveragePool only with count_include_pad. A NaN in a
// window is its maximum.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"
#include "fold/ops/parallel.h"
#include "fold/ops/plain_shapes.h"
#include "fold/ops/window.h"

namespace dsperse {
namespace {

struct Pool {
  int64_t batch = 0;
  int64_t channels = 0;
  Window window;
  Dims dims;  // of the result
  int64_t planes() const { return batch * channels; }
};

absl::StatusOr<Pool> ReadPool(const EvalContext& context, const NodeView& node, const Tensor& x) {
  if (x.rank() < 3) return InvalidNode(node, absl::StrCat("input ", DimsToString(x.dims())));
  if (!node.HasAttr("kernel_shape")) return InvalidNode(node, "kernel_shape is missing");
  Pool pool;
  pool.batch = x.dims()[0];
  pool.channels = x.dims()[1];
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  DSPERSE_ASSIGN_OR_RETURN(
      pool.window, ConvWindow(node, absl::MakeConstSpan(x.dims()).subspan(2), kernel));
  pool.dims = pool.window.OutputDims(pool.batch, pool.channels);
  DSPERSE_ASSIGN_OR_RETURN(const int64_t elements, NumElements(pool.dims));
  if (elements == 0) return Unsupported(node, x.dtype(), "an empty result");
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, elements, pool.window.kernel_size()));
  return pool;
}

// For each output position of an axis: how many kernel elements meet the input, and with `padded`, the
// input and its explicit padding (a last window of ceil_mode reaches beyond both).
std::vector<int64_t> CountAxis(const Window& w, int a, bool padded) {
  std::vector<int64_t> counts(static_cast<size_t>(w.out[a]), 0);
  for (int64_t o = 0; o < w.out[a]; ++o) {
    for (int64_t k = 0; k < w.kernel[a]; ++k) {
      const int64_t at = w.At(a, o, k);
      if (padded ? at < w.in[a] + w.pad_end[a] : at >= 0 && at < w.in[a]) ++counts[o];
    }
  }
  return counts;
}

// A window that holds padding only has no maximum and no average.
absl::Status CheckWindows(const NodeView& node, DType dtype, const Window& w) {
  for (int a = 0; a < 3; ++a) {
    const std::vector<int64_t> counts = CountAxis(w, a, false);
    if (std::find(counts.begin(), counts.end(), 0) != counts.end()) {
      return Unsupported(node, dtype, "a window that lies in the padding");
    }
  }
  return absl::OkStatus();
}

// Calls visit(plane, row of the output, kernel row index, first column, end, input row, shift, stride)
// through `f`; see its uses. One call a (kernel element, output row) pair that meets the input.
template <typename F>
void ForEachOverlap(const Window& w, int64_t row, F&& f) {
  const int64_t d_out = row / w.out[1];
  const int64_t h_out = row % w.out[1];
  for (int64_t kd = 0; kd < w.kernel[0]; ++kd) {
    const int64_t d = w.At(0, d_out, kd);
    if (d < 0 || d >= w.in[0]) continue;
    for (int64_t kh = 0; kh < w.kernel[1]; ++kh) {
      const int64_t h = w.At(1, h_out, kh);
      if (h < 0 || h >= w.in[1]) continue;
      for (int64_t kw = 0; kw < w.kernel[2]; ++kw) {
        f(w.Valid(2, kw), (d * w.in[1] + h) * w.in[2] + w.At(2, 0, kw));
      }
    }
  }
}

// ---- MaxPool ----

template <typename T>
bool Larger(T a, T b) {
  if constexpr (kIsHalf<T>) {
    return static_cast<double>(a) > static_cast<double>(b);
  } else {
    return a > b;
  }
}
template <typename T>
bool IsNan(T v) {
  if constexpr (kIsFloat<T>) {
    return std::isnan(static_cast<double>(v));
  } else {
    return false;
  }
}

// Position of the input's element `at` (row-major over D, H, W) when columns count first.
int64_t ColumnMajor(const Window& w, int64_t at) {
  const int64_t column = at % w.in[2];
  const int64_t row = at / w.in[2] % w.in[1];
  const int64_t depth = at / w.in[2] / w.in[1];
  return w.rank == 3 ? depth + (row + column * w.in[1]) * w.in[0] : row + column * w.in[1];
}

template <typename T>
absl::StatusOr<Outputs> MaxPool(const EvalContext& context, const NodeView& node, const Tensor& x,
                                const Pool& pool) {
  const Window& w = pool.window;
  T* y = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, pool.dims, &y));
  Tensor indices;
  int64_t* where = nullptr;
  if (node.output(1).valid()) {
    DSPERSE_ASSIGN_OR_RETURN(indices, MakeOutput<int64_t>(context, pool.dims, &where));
  }
  const bool column_major = node.Int("storage_order", 0) != 0;
  const T* in = x.data<T>().data();
  const int64_t rows = w.out[0] * w.out[1];
  const int64_t step = w.stride[2];
  ParallelFor(context.threads, pool.planes(), w.out_size() * w.kernel_size(),
              [&](int64_t begin, int64_t end) {
    std::vector<int64_t> best_at(static_cast<size_t>(w.out[2]));
    for (int64_t plane = begin; plane < end; ++plane) {
      const T* from = in + plane * w.in_size();
      for (int64_t row = 0; row < rows; ++row) {
        T* best = y + (plane * rows + row) * w.out[2];
        std::fill(best_at.begin(), best_at.end(), -1);
        ForEachOverlap(w, row, [&](Window::Range columns, int64_t base) {
          for (int64_t o = columns.begin; o < columns.end; ++o) {
            const int64_t at = base + o * step;
            const T value = from[at];
            if (best_at[o] < 0 || Larger(value, best[o]) || (IsNan(value) && !IsNan(best[o]))) {
              best[o] = value;
              best_at[o] = at;
            }
          }
        });
        if (where == nullptr) continue;
        for (int64_t o = 0; o < w.out[2]; ++o) {
          const int64_t at = column_major ? ColumnMajor(w, best_at[o]) : best_at[o];
          where[(plane * rows + row) * w.out[2] + o] = plane * w.in_size() + at;
        }
      }
    }
  });
  Outputs outputs;
  outputs.push_back(std::move(result));
  outputs.push_back(std::move(indices));
  outputs.resize(static_cast<size_t>(std::max(1, node.num_outputs())));
  return outputs;
}

absl::StatusOr<Outputs> EvaluateMaxPool(const EvalContext& context, const NodeView& node,
                                        Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const Pool pool, ReadPool(context, node, x));
  DSPERSE_RETURN_IF_ERROR(CheckWindows(node, x.dtype(), pool.window));
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) { return MaxPool<typename decltype(tag)::type>(context, node, x, pool); },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// Puts every element back where Indices of a MaxPool say it came from; zero elsewhere.
absl::StatusOr<Outputs> EvaluateMaxUnpool(const EvalContext& context, const NodeView& node,
                                          Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  if (inputs[1]->dims() != x.dims() || x.rank() < 3) {
    return InvalidNode(node, absl::StrCat(DimsToString(x.dims()), ", indices ",
                                          DimsToString(inputs[1]->dims())));
  }
  const size_t rank = static_cast<size_t>(x.rank()) - 2;
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  const std::vector<int64_t> strides = node.Ints("strides", std::vector<int64_t>(rank, 1));
  const std::vector<int64_t> pads = node.Ints("pads", std::vector<int64_t>(2 * rank, 0));
  if (kernel.size() != rank || strides.size() != rank || pads.size() != 2 * rank) {
    return InvalidNode(node, "kernel_shape, strides or pads of another rank");
  }
  // Indices count in the tensor that was pooled; a given output shape may be larger.
  Dims pooled = x.dims();
  for (size_t i = 0; i < rank; ++i) {
    constexpr int64_t kLargest = int64_t{1} << 30;
    for (int64_t v : {kernel[i], strides[i], pads[i], pads[rank + i], x.dims()[2 + i]}) {
      if (v < 0 || v > kLargest) return InvalidNode(node, absl::StrCat("an attribute of ", v));
    }
    pooled[2 + i] = (x.dims()[2 + i] - 1) * strides[i] + kernel[i] - pads[i] - pads[rank + i];
    if (pooled[2 + i] < 0) return InvalidNode(node, "padding larger than the result");
  }
  Dims dims = pooled;
  if (const Tensor* given = InputAt(inputs, 2)) {
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, IntsOf(node, *given, "output_shape"));
    dims.assign(shape.begin(), shape.end());
    if (dims.size() != pooled.size()) return InvalidNode(node, "output_shape of another rank");
    for (size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] < pooled[i]) {
        return InvalidNode(node, absl::StrCat("output_shape ", DimsToString(dims), " below ",
                                              DimsToString(pooled)));
      }
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(const int64_t limit, NumElements(pooled));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> places, IntsOf(node, *inputs[1], "indices"));
  return DispatchNumbers(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* y = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &y));
        for (size_t i = 0; i < places.size(); ++i) {
          int64_t at = places[i];
          if (at < 0 || at >= limit) {
            return InvalidNode(node, absl::StrCat("index ", at, " of ", limit, " elements"));
          }
          int64_t to = 0;
          int64_t stride = 1;
          for (size_t k = dims.size(); k-- > 0;) {
            to += at % pooled[k] * stride;
            at /= pooled[k];
            stride *= dims[k];
          }
          y[to] = x.data<T>()[i];
        }
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// ---- sums ----

// y = finish(sum over the window of term(x), how many elements the average is over).
template <typename T, typename Term, typename Finish>
absl::StatusOr<Outputs> SumPool(const EvalContext& context, const Tensor& x, const Pool& pool,
                                bool count_padding, Term&& term, Finish&& finish) {
  const Window& w = pool.window;
  T* y = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, pool.dims, &y));
  const std::vector<int64_t> depths = CountAxis(w, 0, count_padding);
  const std::vector<int64_t> heights = CountAxis(w, 1, count_padding);
  const std::vector<int64_t> widths = CountAxis(w, 2, count_padding);
  const T* in = x.data<T>().data();
  const int64_t rows = w.out[0] * w.out[1];
  const int64_t step = w.stride[2];
  ParallelFor(context.threads, pool.planes(), w.out_size() * w.kernel_size(),
              [&](int64_t begin, int64_t end) {
    std::vector<double> sums(static_cast<size_t>(w.out[2]));
    for (int64_t plane = begin; plane < end; ++plane) {
      const T* from = in + plane * w.in_size();
      for (int64_t row = 0; row < rows; ++row) {
        std::fill(sums.begin(), sums.end(), 0.0);
        ForEachOverlap(w, row, [&](Window::Range columns, int64_t base) {
          for (int64_t o = columns.begin; o < columns.end; ++o) {
            sums[o] += term(static_cast<double>(from[base + o * step]));
          }
        });
        T* out = y + (plane * rows + row) * w.out[2];
        const int64_t outer = depths[row / w.out[1]] * heights[row % w.out[1]];
        for (int64_t o = 0; o < w.out[2]; ++o) {
          out[o] = static_cast<T>(finish(sums[o], static_cast<double>(outer * widths[o])));
        }
      }
    }
  });
  return Single(std::move(result));
}

absl::StatusOr<Outputs> EvaluateAveragePool(const EvalContext& context, const NodeView& node,
                                            Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const Pool pool, ReadPool(context, node, x));
  const bool count_padding = node.Int("count_include_pad", 0) != 0;
  if (!count_padding) DSPERSE_RETURN_IF_ERROR(CheckWindows(node, x.dtype(), pool.window));
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) {
        return SumPool<typename decltype(tag)::type>(
            context, x, pool, count_padding, [](double v) { return v; },
            [](double sum, double count) { return sum / count; });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// |v|^p and its inverse, through MPFR where the result may enter a file.
struct Norm {
  int64_t p;
  bool exact;
  double Term(double v) const {
    v = std::abs(v);
    if (p == 1) return v;
    if (p == 2) return v * v;
    return exact ? ExactPow<double>(v, p) : std::pow(v, static_cast<double>(p));
  }
  double Root(double sum) const {
    if (p == 1) return sum;
    if (p == 2) return std::sqrt(sum);
    const double inverse = 1.0 / static_cast<double>(p);
    return exact ? ExactPow<double>(sum, inverse) : std::pow(sum, inverse);
  }
};

absl::StatusOr<Norm> ReadNorm(const EvalContext& context, const NodeView& node) {
  const Norm norm{node.Int("p", 2), context.mode == EvalMode::kExact};
  if (norm.p < 1) return InvalidNode(node, absl::StrCat("p ", norm.p));
  return norm;
}

absl::StatusOr<Outputs> EvaluateLpPool(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const Pool pool, ReadPool(context, node, x));
  DSPERSE_ASSIGN_OR_RETURN(const Norm norm, ReadNorm(context, node));
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) {
        return SumPool<typename decltype(tag)::type>(
            context, x, pool, false, [norm](double v) { return norm.Term(v); },
            [norm](double sum, double) { return norm.Root(sum); });
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

// ---- global forms: one value a channel ----

// reduce(span of T) → T for every channel of x.
template <typename Reduce>
absl::StatusOr<Outputs> Global(const EvalContext& context, const NodeView& node, Inputs inputs,
                               Reduce&& reduce) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  if (x.rank() < 2) return InvalidNode(node, absl::StrCat("input ", DimsToString(x.dims())));
  Dims dims = x.dims();
  std::fill(dims.begin() + 2, dims.end(), 1);
  DSPERSE_ASSIGN_OR_RETURN(const int64_t planes, NumElements(dims));
  if (planes > 0 && x.num_elements() == 0) {
    return Unsupported(node, x.dtype(), "an empty spatial axis");
  }
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        T* y = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &y));
        if (planes == 0) return Single(std::move(result));
        const size_t size = static_cast<size_t>(x.num_elements() / planes);
        ParallelFor(context.threads, planes, static_cast<int64_t>(size),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        y[i] = reduce(x.data<T>().subspan(static_cast<size_t>(i) * size, size));
                      }
                    });
        return Single(std::move(result));
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

absl::StatusOr<Outputs> EvaluateGlobalAveragePool(const EvalContext& context, const NodeView& node,
                                                  Inputs inputs) {
  return Global(context, node, inputs, [](auto plane) {
    using T = std::remove_cv_t<typename decltype(plane)::element_type>;
    double sum = 0;
    for (const T& v : plane) sum += static_cast<double>(v);
    return static_cast<T>(sum / static_cast<double>(plane.size()));
  });
}

absl::StatusOr<Outputs> EvaluateGlobalMaxPool(const EvalContext& context, const NodeView& node,
                                              Inputs inputs) {
  return Global(context, node, inputs, [](auto plane) {
    using T = std::remove_cv_t<typename decltype(plane)::element_type>;
    T best = plane[0];
    for (const T& v : plane) {
      if (Larger(v, best) || (IsNan(v) && !IsNan(best))) best = v;
    }
    return best;
  });
}

absl::StatusOr<Outputs> EvaluateGlobalLpPool(const EvalContext& context, const NodeView& node,
                                             Inputs inputs) {
  DSPERSE_ASSIGN_OR_RETURN(const Norm norm, ReadNorm(context, node));
  return Global(context, node, inputs, [norm](auto plane) {
    using T = std::remove_cv_t<typename decltype(plane)::element_type>;
    double sum = 0;
    for (const T& v : plane) sum += norm.Term(static_cast<double>(v));
    return static_cast<T>(norm.Root(sum));
  });
}

// As ONNX's function, but for ceil_mode: up to opset 21 that counts a last window that would begin in the
// padding at the end, which no runtime computes and opset 22 leaves out.
absl::Status InferPool(const Graph& graph, const NodeView& node, absl::Span<const Fact* const> inputs,
                       absl::Span<Fact> outputs) {
  (void)graph;
  DSPERSE_RETURN_IF_ERROR(InferShapes(node, inputs, outputs));
  if (node.Int("ceil_mode", 0) == 0 || inputs.empty() || inputs[0] == nullptr || !inputs[0]->shape.has_rank()) {
    return absl::OkStatus();
  }
  const Shape& x = inputs[0]->shape;
  const std::vector<int64_t> kernel = node.Ints("kernel_shape");
  // The axes are independent of each other: a size that isn't known gets any that is large enough.
  constexpr int64_t kLarge = int64_t{1} << 30;
  std::vector<int64_t> spatial;
  for (int i = 2; i < x.rank(); ++i) spatial.push_back(x.dim(i).known() ? x.dim(i).size() : kLarge);
  if (kernel.size() != spatial.size()) return absl::OkStatus();
  const absl::StatusOr<Window> window = ConvWindow(node, spatial, kernel);
  for (Fact& output : outputs) {
    if (!output.shape.has_rank() || output.shape.rank() != x.rank()) continue;
    absl::InlinedVector<Dim, 4> dims(output.shape.dims().begin(), output.shape.dims().end());
    for (int i = 2; i < x.rank(); ++i) {
      dims[static_cast<size_t>(i)] =
          window.ok() && x.dim(i).known() ? Dim(window->out[3 - window->rank + i - 2]) : Dim();
    }
    output.shape = Shape(std::move(dims));
  }
  return window.status();
}

}  // namespace

void AppendPoolOps(std::vector<OpDef>* rows) {
  AddRow(rows, "MaxPool", 1, &EvaluateMaxPool).infer = &InferPool;
  AddRow(rows, "MaxUnpool", 9, &EvaluateMaxUnpool);
  AddRow(rows, "AveragePool", 1, &EvaluateAveragePool).infer = &InferPool;
  AddRow(rows, "LpPool", 2, &EvaluateLpPool).infer = &InferPool;
  AddRow(rows, "GlobalAveragePool", 1, &EvaluateGlobalAveragePool);
  AddRow(rows, "GlobalMaxPool", 1, &EvaluateGlobalMaxPool);
  AddRow(rows, "GlobalLpPool", 2, &EvaluateGlobalLpPool);
}

}  // namespace dsperse
