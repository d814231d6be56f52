#include "fold/ops/gemm.h"

#include <Eigen/Core>

namespace dsperse {
namespace {

template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T>
using ConstMap = Eigen::Map<const Matrix<T>, 0, Eigen::OuterStride<>>;
template <typename T>
using OutMap = Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>>;

template <typename T>
void Product(int threads, const ProductShape& s, const T* a, const T* b, T* c, int64_t c_stride) {
  if (s.m == 0 || s.n == 0) return;
  const ConstMap<T> am(a, s.a_transposed ? s.k : s.m, s.a_transposed ? s.m : s.k,
                       Eigen::OuterStride<>(s.AStride()));
  const ConstMap<T> bm(b, s.b_transposed ? s.n : s.k, s.b_transposed ? s.k : s.n,
                       Eigen::OuterStride<>(s.BStride()));
  OutMap<T> cm(c, s.m, s.n, Eigen::OuterStride<>(c_stride));
  if (s.k == 0) {
    cm.setZero();
    return;
  }
  // Blocks of rows and columns; each transposition is a type of its own.
  const auto block = [&](int64_t i, int64_t rows, int64_t j, int64_t columns) {
    auto out = cm.block(i, j, rows, columns);
    if (s.a_transposed) {
      const auto left = am.transpose().middleRows(i, rows);
      if (s.b_transposed) {
        out.noalias() = left * bm.transpose().middleCols(j, columns);
      } else {
        out.noalias() = left * bm.middleCols(j, columns);
      }
    } else {
      const auto left = am.middleRows(i, rows);
      if (s.b_transposed) {
        out.noalias() = left * bm.transpose().middleCols(j, columns);
      } else {
        out.noalias() = left * bm.middleCols(j, columns);
      }
    }
  };
  constexpr int64_t kGrain = 16;
  if (s.n >= s.m) {
    const int64_t parts = (s.n + kGrain - 1) / kGrain;
    ParallelFor(threads, parts, s.m * s.k * kGrain, [&](int64_t begin, int64_t end) {
      const int64_t j = begin * kGrain;
      block(0, s.m, j, std::min(end * kGrain, s.n) - j);
    });
  } else {
    const int64_t parts = (s.m + kGrain - 1) / kGrain;
    ParallelFor(threads, parts, s.n * s.k * kGrain, [&](int64_t begin, int64_t end) {
      const int64_t i = begin * kGrain;
      block(i, std::min(end * kGrain, s.m) - i, 0, s.n);
    });
  }
}

}  // namespace

void FastProduct(int threads, const ProductShape& shape, const float* a, const float* b, float* c,
                 int64_t c_stride) {
  Product(threads, shape, a, b, c, c_stride);
}

void FastProduct(int threads, const ProductShape& shape, const double* a, const double* b, double* c,
                 int64_t c_stride) {
  Product(threads, shape, a, b, c, c_stride);
}

}  // namespace dsperse
