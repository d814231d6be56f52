// Matrix products: the two ways of computing one.
//
// `BlockedProduct` adds the products of each element in the order of k = 0, 1, …, in a wide type: the
// same bits on every machine, for whatever enters a file and for integers. `FastProduct` leaves order and
// rounding to Eigen.
#ifndef DSPERSE_FOLD_OPS_GEMM_H_
#define DSPERSE_FOLD_OPS_GEMM_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fold/ops/parallel.h"

namespace dsperse {

// C[m, n] = A[m, k] · B[k, n], all row-major; A may be stored as [k, m], B as [n, k].
struct ProductShape {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool a_transposed = false;
  bool b_transposed = false;
  // Elements from one stored row to the next; 0: rows follow each other.
  int64_t a_stride = 0;
  int64_t b_stride = 0;

  int64_t AStride() const { return a_stride != 0 ? a_stride : a_transposed ? m : k; }
  int64_t BStride() const { return b_stride != 0 ? b_stride : b_transposed ? k : n; }
};

// `c` has `c_stride` elements from row to row. Splits over `threads`. Any of m, n, k may be 0.
void FastProduct(int threads, const ProductShape& shape, const float* a, const float* b, float* c,
                 int64_t c_stride);
void FastProduct(int threads, const ProductShape& shape, const double* a, const double* b, double* c,
                 int64_t c_stride);

// Calls store(row, column, sum) for every element of C, from several threads. Elements are converted to
// Acc first; Acc is double, or an unsigned integer type for sums that wrap. O(m·n·k).
template <typename Acc, typename A, typename B, typename Store>
void BlockedProduct(int threads, const ProductShape& shape, const A* a, const B* b, Store&& store) {
  constexpr int64_t kTile = 64;
  const int64_t row_step = shape.a_transposed ? 1 : shape.AStride();
  const int64_t a_step = shape.a_transposed ? shape.AStride() : 1;
  const int64_t column_step = shape.b_transposed ? shape.BStride() : 1;
  const int64_t b_step = shape.b_transposed ? 1 : shape.BStride();
  const auto columns = [&](int64_t first, int64_t last, int64_t row_begin, int64_t row_end) {
    std::vector<Acc> packed(static_cast<size_t>(shape.k * kTile));
    for (int64_t j0 = first; j0 < last; j0 += kTile) {
      const int64_t width = std::min(kTile, last - j0);
      for (int64_t p = 0; p < shape.k; ++p) {
        const B* from = b + p * b_step + j0 * column_step;
        Acc* to = packed.data() + p * kTile;
        for (int64_t j = 0; j < width; ++j) to[j] = static_cast<Acc>(from[j * column_step]);
      }
      for (int64_t i = row_begin; i < row_end; ++i) {
        Acc sums[kTile] = {};
        const A* row = a + i * row_step;
        for (int64_t p = 0; p < shape.k; ++p) {
          const Acc factor = static_cast<Acc>(row[p * a_step]);
          const Acc* from = packed.data() + p * kTile;
          for (int64_t j = 0; j < width; ++j) sums[j] += factor * from[j];
        }
        for (int64_t j = 0; j < width; ++j) store(i, j0 + j, sums[j]);
      }
    }
  };
  // Split along the longer side; what an element sums up is the same either way.
  if (shape.n >= shape.m) {
    const int64_t tiles = (shape.n + kTile - 1) / kTile;
    ParallelFor(threads, tiles, shape.m * (shape.k + 1) * kTile, [&](int64_t begin, int64_t end) {
      columns(begin * kTile, std::min(end * kTile, shape.n), 0, shape.m);
    });
  } else {
    ParallelFor(threads, shape.m, shape.n * (shape.k + 1),
                [&](int64_t begin, int64_t end) { columns(0, shape.n, begin, end); });
  }
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_GEMM_H_
