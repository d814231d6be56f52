// Lifts: what makes a prover's bound of a value that enters a slice as wide as the value.
//
// JSTprove's compiler sizes range checks by a bound of every value, which it derives from the inputs of
// the circuit, and these it takes to lie within ±1. What goes beyond is proven as another number. A slice
// begins with whatever the network computes there, so its inputs are lifted:
//
//   z₁ = x − x    z₂ = z₁ + z₁   …   z_m = z_{m−1} + z_{m−1}    x' = x − z_m
//
// By the compiler's rule |a ± b| ≤ |a| + |b| the bound of z_i is 2^i times that of x and the bound of x'
// is 1 + 2^m. The value is x all the same, bit for bit: for finite x, x − x is +0, +0 + +0 is +0, and x − (+0)
// is x, for x = −0 too. Not so for infinities and NaN, which no circuit holds. Sums of variables with known
// coefficients cost a circuit nothing: the compiler adds up the coefficients (measured: no constraint and
// no gate; range checks have as many digits as the wider bound needs).
//
// How large a value gets: lifts.h.
#ifndef DSPERSE_SLICER_LIFT_H_
#define DSPERSE_SLICER_LIFT_H_

#include "absl/strings/string_view.h"

namespace dsperse {

// Where the bound of a value comes from.
enum class BoundSource {
  kNone,     // nothing is known of it: it is not lifted
  kProven,   // interval analysis, from given ranges of the model's inputs
  kGiven,    // the caller says so, of this value
  kAssumed,  // the caller says so, of every value
};
absl::string_view BoundSourceName(BoundSource source);  // "none", "proven", "given", "assumed"

// More of them is beyond what any prover's field holds.
inline constexpr int kMostDoublings = 100;

// What a bound must reach that has room for values of `magnitude` and what fixed-point rounding adds: 1/64 of it.
inline double WithRounding(double magnitude) { return magnitude * (1 + 1.0 / 64); }

struct Lift {
  int doublings = 0;  // m; 0: no lift
  BoundSource source = BoundSource::kNone;

  double bound() const;  // of the lifted value, as the compiler derives it: 1, or 1 + 2^m
};

// The least lift with room for values of `magnitude`, rounding included; kMostDoublings where none has.
Lift LiftFor(double magnitude, BoundSource source);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_LIFT_H_
