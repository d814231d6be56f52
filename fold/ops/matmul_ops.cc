// Operators that multiply matrices: MatMul, Gemm.
//
// In exact mode every element is one sum in double (integers: in their own type, wrapping), rounded once
// after alpha, beta and C have been applied.
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/float_buffer.h"
#include "fold/ops/gemm.h"
#include "fold/ops/window.h"

namespace dsperse {
namespace {

// A MatMul taken apart: `a_at` and `b_at` tell where the matrices of each batch start.
struct BatchedProduct {
  ProductShape shape;
  std::vector<int64_t> a_at;
  std::vector<int64_t> b_at;
  Dims dims;  // of the result
};

absl::StatusOr<BatchedProduct> TakeApart(const EvalContext& context, const NodeView& node, Dims a,
                                         Dims b) {
  const std::string both = absl::StrCat(DimsToString(a), " and ", DimsToString(b));
  if (a.empty() || b.empty()) return InvalidNode(node, absl::StrCat("scalars: ", both));
  const bool a_vector = a.size() == 1;
  const bool b_vector = b.size() == 1;
  if (a_vector) a.insert(a.begin(), 1);
  if (b_vector) b.push_back(1);
  BatchedProduct product;
  product.shape.m = a[a.size() - 2];
  product.shape.k = a.back();
  product.shape.n = b.back();
  if (b[b.size() - 2] != product.shape.k) return InvalidNode(node, both);
  Dims a_batch(a.begin(), a.end() - 2);
  Dims b_batch(b.begin(), b.end() - 2);
  absl::StatusOr<Dims> batch = BroadcastDims(a_batch, b_batch);
  if (!batch.ok()) return InvalidNode(node, both);
  product.dims = *batch;
  if (!a_vector) product.dims.push_back(product.shape.m);
  if (!b_vector) product.dims.push_back(product.shape.n);
  DSPERSE_ASSIGN_OR_RETURN(const int64_t elements, NumElements(product.dims));
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, elements, product.shape.k));
  if (elements == 0 || product.shape.k == 0) return product;  // no product is asked for
  if (b_batch.empty()) {
    // One matrix on the right: all rows of all batches in one product.
    DSPERSE_ASSIGN_OR_RETURN(const int64_t batches, NumElements(a_batch));
    product.shape.m *= batches;
    product.a_at = {0};
    product.b_at = {0};
    return product;
  }
  const BroadcastLoops loops = MakeBroadcastLoops(*batch, {&a_batch, &b_batch});
  ForEachRun(loops, [&](int64_t, const int64_t* offsets) {
    for (int64_t i = 0; i < loops.run; ++i) {
      product.a_at.push_back((offsets[0] + i * loops.run_step[0]) * product.shape.m *
                             product.shape.k);
      product.b_at.push_back((offsets[1] + i * loops.run_step[1]) * product.shape.k *
                             product.shape.n);
    }
  });
  return product;
}

template <typename T>
void MultiplyFast(const EvalContext& context, const BatchedProduct& p, const T* a, const T* b,
                  T* out) {
  const int64_t batches = static_cast<int64_t>(p.a_at.size());
  if (batches == 0) return;
  const int64_t size = p.shape.m * p.shape.n;
  // Many small products: one thread each.
  const bool across = batches >= 2 * context.threads;
  ParallelFor(across ? context.threads : 1, batches, size * p.shape.k,
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                  FastProduct(across ? 1 : context.threads, p.shape, a + p.a_at[i], b + p.b_at[i],
                              out + i * size, p.shape.n);
                }
              });
}

absl::StatusOr<Outputs> EvaluateMatMul(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, *inputs[0], *inputs[1]));
  DSPERSE_ASSIGN_OR_RETURN(const BatchedProduct p,
                           TakeApart(context, node, inputs[0]->dims(), inputs[1]->dims()));
  const DType dtype = inputs[0]->dtype();
  const auto run = [&](auto tag) -> absl::StatusOr<Outputs> {
    using T = typename decltype(tag)::type;
    if constexpr (kIsFloat<T>) {
      if (context.mode == EvalMode::kFast) {
        // Halves are computed as float.
        using W = std::conditional_t<kIsHalf<T>, float, T>;
        const FloatBuffer<T, W> a(*inputs[0]);
        const FloatBuffer<T, W> b(*inputs[1]);
        FloatOutput<T, W> out;
        DSPERSE_RETURN_IF_ERROR(out.Make(context, p.dims));
        MultiplyFast<W>(context, p, a.data(), b.data(), out.data());
        return Single(out.Finish());
      }
    }
    using Acc = std::conditional_t<kIsFloat<T>, double, ArithType<T>>;
    T* out = nullptr;
    DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, p.dims, &out));
    const T* a = inputs[0]->data<T>().data();
    const T* b = inputs[1]->data<T>().data();
    const int64_t size = p.a_at.empty() ? 0 : p.shape.m * p.shape.n;
    for (size_t i = 0; i < p.a_at.size(); ++i) {
      T* to = out + static_cast<int64_t>(i) * size;
      BlockedProduct<Acc>(context.threads, p.shape, a + p.a_at[i], b + p.b_at[i],
                          [&](int64_t row, int64_t column, Acc sum) {
                            to[row * p.shape.n + column] = static_cast<T>(sum);
                          });
    }
    return Single(std::move(result));
  };
  return DispatchNumbers(dtype, run,
                         [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, dtype); });
}

// C of a Gemm, addressed by row and column of the result; zero where there is none.
template <typename T>
struct Addend {
  const T* data = nullptr;
  int64_t row_step = 0;
  int64_t column_step = 0;
  T At(int64_t row, int64_t column) const { return data[row * row_step + column * column_step]; }
};

absl::StatusOr<Outputs> EvaluateGemm(const EvalContext& context, const NodeView& node,
                                     Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& a = *inputs[0];
  const Tensor& b = *inputs[1];
  const Tensor* c = InputAt(inputs, 2);
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, a, b));
  if (c != nullptr) DSPERSE_RETURN_IF_ERROR(RequireSameType(node, a, *c));
  if (a.rank() != 2 || b.rank() != 2) {
    return InvalidNode(node, absl::StrCat(DimsToString(a.dims()), " and ", DimsToString(b.dims())));
  }
  ProductShape shape;
  shape.a_transposed = node.Int("transA", 0) != 0;
  shape.b_transposed = node.Int("transB", 0) != 0;
  shape.m = a.dims()[shape.a_transposed ? 1 : 0];
  shape.k = a.dims()[shape.a_transposed ? 0 : 1];
  shape.n = b.dims()[shape.b_transposed ? 0 : 1];
  const Dims dims = {shape.m, shape.n};
  if (b.dims()[shape.b_transposed ? 1 : 0] != shape.k ||
      (c != nullptr && !BroadcastInto(dims, c->dims()).ok())) {
    return InvalidNode(node, absl::StrCat(DimsToString(a.dims()), ", ", DimsToString(b.dims()),
                                          c == nullptr ? "" : ", ",
                                          c == nullptr ? "" : DimsToString(c->dims())));
  }
  DSPERSE_ASSIGN_OR_RETURN(const int64_t elements, NumElements(dims));
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, elements, shape.k));
  const double alpha = static_cast<double>(node.Float("alpha", 1));
  const double beta = static_cast<double>(node.Float("beta", 1));
  if (beta == 0) c = nullptr;
  if (IsInteger(a.dtype()) && (alpha != std::floor(alpha) || beta != std::floor(beta) ||
                               std::abs(alpha) > 1e9 || std::abs(beta) > 1e9)) {
    return Unsupported(node, a.dtype(), "a factor that is no integer");
  }
  const auto run = [&](auto tag) -> absl::StatusOr<Outputs> {
    using T = typename decltype(tag)::type;
    using Acc = std::conditional_t<kIsFloat<T>, double, ArithType<T>>;
    Addend<T> addend;
    if (c != nullptr) {
      addend.data = c->data<T>().data();
      const int64_t columns = c->rank() > 0 ? c->dims().back() : 1;
      addend.column_step = columns > 1 ? 1 : 0;
      addend.row_step = c->rank() > 1 && c->dims()[c->rank() - 2] > 1 ? columns : 0;
    }
    const auto factor = [](double v) {
      if constexpr (kIsFloat<T>) return v;
      else return static_cast<Acc>(static_cast<int64_t>(v));
    };
    const Acc by = factor(alpha);
    const Acc c_by = factor(beta);
    const auto finish = [&](int64_t row, int64_t column, Acc sum) {
      sum *= by;
      if (c != nullptr) sum += c_by * static_cast<Acc>(addend.At(row, column));
      return static_cast<T>(sum);
    };
    T* out = nullptr;
    DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, dims, &out));
    if (elements == 0) return Single(std::move(result));
    if constexpr (kIsFloat<T>) {
      if (context.mode == EvalMode::kFast) {
        using W = std::conditional_t<kIsHalf<T>, float, T>;
        const FloatBuffer<T, W> wide_a(a);
        const FloatBuffer<T, W> wide_b(b);
        std::vector<W> sums(static_cast<size_t>(elements));
        FastProduct(context.threads, shape, wide_a.data(), wide_b.data(), sums.data(), shape.n);
        for (int64_t i = 0; i < elements; ++i) {
          out[i] = finish(i / shape.n, i % shape.n, static_cast<Acc>(sums[i]));
        }
        return Single(std::move(result));
      }
    }
    BlockedProduct<Acc>(context.threads, shape, a.data<T>().data(), b.data<T>().data(),
                        [&](int64_t row, int64_t column, Acc sum) {
                          out[row * shape.n + column] = finish(row, column, sum);
                        });
    return Single(std::move(result));
  };
  return DispatchNumbers(a.dtype(), run, [&]() -> absl::StatusOr<Outputs> {
    return UnsupportedType(node, a.dtype());
  });
}

}  // namespace

void AppendMatMulOps(std::vector<OpDef>* rows) {
  AddRow(rows, "MatMul", 1, &EvaluateMatMul);
  AddRow(rows, "Gemm", 1, &EvaluateGemm);
}

}  // namespace dsperse
