// What JSTprove's compiler takes operands for: how wide, and at which power of its scale. Read by its table (target.h)
// and by the lowerings that keep to it.
//
// Numbers are whole multiples of 2^-18. A product of two has the scale twice, so what is added to it must have it
// twice too: weights enter a circuit times 2^18, biases times 2^36, and all other constants as their whole part. The
// compiler keeps constants by name: one that is read at two powers has one of them in both places.
#ifndef DSPERSE_FOLD_OPS_FIXED_POINT_H_
#define DSPERSE_FOLD_OPS_FIXED_POINT_H_

#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"
#include "fold/ops/facts.h"

namespace dsperse {

// The power of the scale at which a constant at input `index` of `node` enters: 1 (weights of Conv, ConvTranspose,
// Gemm, MatMul, the scale of LayerNormalization), 2 (their bias), else 0.
int ScalePower(const NodeView& node, int index);

// Is each of the elements zero, and so the same at every power? Reads up to 2^20 elements; false for more.
bool AllZero(const Tensor& tensor);

// Does the compiler's bound of `a` cover that of `b`, by the form of the nodes that make them? The result of Max(a, b)
// and Min(a, b) has the bound of `a` alone, and what exceeds it is proven as another number. True if `a` is b, −b, that of
// which b is the negative, or c + (b − b), whose bound is |c| + 2·|b|.
bool CoversBound(const Graph& graph, ValueId a, ValueId b);

// Does an elementwise operator with first operand `node`.input(0) make a result of another shape than that? The compiler
// takes it to have the first operand's. False where a shape isn't known.
bool TakesShapeOfAnother(const NodeView& node, Facts& facts);

// The epsilon of LayerNormalization in every circuit, whatever the node's attribute says.
constexpr double kCircuitEpsilon = 1e-5;
// Is `epsilon` as good as that? A result differs by half of the ratio's distance from 1, at most: where its variance is
// not far above epsilon.
bool IsCircuitEpsilon(double epsilon);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_FIXED_POINT_H_
