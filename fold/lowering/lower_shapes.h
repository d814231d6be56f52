// Operators whose result JSTprove's compiler takes to have another shape, and axes that it counts otherwise.
//
//   lower_add_order, lower_mul_order   a + b → b + a, where b alone has the result's shape            same
//                                      a + b → Expand(a) + b, where neither has                       same
//   lower_sub_order                    a − b → −b + a;  Expand(a) − b                                 same
//   lower_gather_axis                  Gather along an axis counted from behind: counted from the front   same
//   lower_matmul_batches               MatMul of unequal batches: each expanded to all of them       same
//   lower_flatten_axis                 Flatten: likewise                                              same
//
// The compiler gives the result of an elementwise operator the shape of its first operand. From shapes it
// derives the bounds of sums, and it compares the elements of a Reshape: a bound too small proves another number,
// and too few elements are refused. (Measured.) It counts the axis of a Gather by one number from behind as if
// the index had an axis, and takes no such axis of a Flatten. It
// multiplies batches of matrices of one shape alone. None of these costs a constraint.
//
// Applies when the target refuses the node as it is. Declines where shapes are not known, constants are among the
// operands (lower_constants.h), and before opset 8 where an Expand is needed.
#ifndef DSPERSE_FOLD_LOWERING_LOWER_SHAPES_H_
#define DSPERSE_FOLD_LOWERING_LOWER_SHAPES_H_

#include "fold/lowering/lower_activations.h"

namespace dsperse {

DSPERSE_NODE_LOWERING_FOR("jstprove", LowerAddOrder, "lower_add_order", "Add", kSame,
                          "The operand of the result's shape first");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerMulOrder, "lower_mul_order", "Mul", kSame,
                          "The operand of the result's shape first");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerSubOrder, "lower_sub_order", "Sub", kSame,
                          "The operand of the result's shape first");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerGatherAxis, "lower_gather_axis", "Gather", kSame,
                          "The axis of a Gather counted from the front");
DSPERSE_NODE_LOWERING_FOR("jstprove", LowerFlattenAxis, "lower_flatten_axis", "Flatten", kSame,
                          "The axis of a Flatten counted from the front");
DSPERSE_NODE_LOWERING(LowerMatMulBatches, "lower_matmul_batches", "MatMul", kSame, "Batches of a MatMul expanded to one shape");

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_LOWER_SHAPES_H_
