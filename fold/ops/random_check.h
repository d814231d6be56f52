// Products of matrices that a prover checks instead of computing them.
//
// JSTprove (gadgets/linear_algebra.rs, layers/gemm.rs, matmul.rs) takes C = A·B of A [l, m] and B [m, n] from the prover and
// checks A·(B·r) = C·r for a random vector r (Freivalds 1977): l·m + m·n + l·n products in place of l·m·n. A wrong C passes
// with a probability of 1 over the size of the field. It does so where that is fewer operations. A Conv is always computed.
#ifndef DSPERSE_FOLD_OPS_RANDOM_CHECK_H_
#define DSPERSE_FOLD_OPS_RANDOM_CHECK_H_

namespace dsperse {

// Sizes of A [l, m] and B [m, n]. Doubles: exact where the two sides of a comparison come close.
struct ProductSizes {
  double l = 0;
  double m = 0;
  double n = 0;
};

constexpr double ComputedProducts(const ProductSizes& p) { return p.l * p.m * p.n; }
constexpr double CheckedProducts(const ProductSizes& p) { return p.l * p.m + p.m * p.n + p.l * p.n; }

// Does the compiler check it? It compares sums and products together: 2·l·m·n − l·n with 2·(l·m + m·n + l·n) − m − 2·l.
constexpr bool IsChecked(const ProductSizes& p) {
  return p.l > 1 && 2 * CheckedProducts(p) - p.m - 2 * p.l < 2 * ComputedProducts(p) - p.l * p.n;
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_RANDOM_CHECK_H_
