// Narrowings: bounds of values that begin anew at a Relu.
//
// JSTprove's compiler multiplies the bound of a value by the weights' sums at every layer, whatever values can
// really be, and refuses what needs more than 64 bits: so slices end. Of a Max it takes the bound of its first
// operand for the bound of the result and for the width of its check. So Max(x, 0), which is how Relu is
// written for it, is written in slices as
//
//   e = element 0 of an input of the slice    z₀ = e − e    z₁ = z₀ + z₀  …  z_d = z_{d−1} + z_{d−1}
//   Max(z_d expanded to the shape of x, x)
//
// (Of the first operand it takes the result's shape too.) The compiler's bound of e is 1, of z_d 2^(d+1), and its
// value +0: the same comparison, bit for bit but that a zero may have another sign, at no cost (sums of variables
// whose coefficients cancel out are the constant 0 to the compiler; measured: same constraints, same gates but for
// the digits of the narrower checks).
//
// The nodes for it: bound_nodes.h.
// x must lie within ±2^(d+1), or it is proven as another value. What is known of it: lifts.h.
#ifndef DSPERSE_SLICER_NARROWING_H_
#define DSPERSE_SLICER_NARROWING_H_

#include "fold/ir/graph.h"
#include "slicer/lift.h"

namespace dsperse {

// How wide the bound of a value is made; 0 doublings: nothing is known of the value, it keeps its own.
struct Narrow {
  int doublings = 0;  // d + 1: the bound is 2 to its power
  BoundSource source = BoundSource::kNone;

  double bound() const;  // 2^doublings; infinity where there are none
};

// The least with room for values of `magnitude`, rounding included; no doublings where kMostDoublings have none.
Narrow NarrowTo(double magnitude, BoundSource source);

// A comparison of a slice whose bound begins anew.
struct Narrowing {
  NodeId node;    // Max(x, 0) or Max(0, x)
  ValueId value;  // x
  Narrow to;
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_NARROWING_H_
