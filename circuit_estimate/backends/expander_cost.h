// ExpanderCost: what a node adds to a circuit, with its range checks kept apart.
//
// A range check of b bits splits a number into ⌈b / c⌉ digits of c bits (the chunk) and looks each
// up in one table of 2^c rows. With more than one digit there are that many new inputs and one
// constraint; a single digit needs neither. Each query costs four multiplications. Keeping the
// checks apart lets one walk price all chunk sizes.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EXPANDER_COST_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EXPANDER_COST_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "circuit_estimate/count.h"

namespace dsperse {

struct RangeChecks {
  int bits = 0;
  Count times;
};

struct ExpanderCost {
  Count constraints;
  Count inputs;  // hints the prover commits to
  Count mul;
  Count saved_mul;  // to be taken off, after the queries are priced
  Count add;
  Count products;  // multiply-adds by a weight: `add` gates, or `mul` when weights are inputs
  absl::InlinedVector<RangeChecks, 4> checks;
  // Further tables of fixed size (functions by look-up).
  Count table_constraints;
  Count table_inputs;
  Count table_mul;
  // A constraint between constants that the whole circuit holds once.
  bool trivial = false;

  void Check(int bits, Count times) {
    if (times == Count(0)) return;  // without any, the circuit has no table
    for (RangeChecks& known : checks) {
      if (known.bits == bits) {
        known.times += times;
        return;
      }
    }
    checks.push_back({bits, times});
  }
};

struct ExpanderTotals {
  Count constraints;
  Count inputs;
  Count mul;
  Count add;

  ExpanderTotals& operator+=(const ExpanderTotals& other) {
    constraints += other.constraints;
    inputs += other.inputs;
    mul += other.mul;
    add += other.add;
    return *this;
  }
};

// `cost` with chunks of `chunk` bits.
inline ExpanderTotals AtChunk(const ExpanderCost& cost, int chunk, bool weights_are_inputs) {
  ExpanderTotals total;
  Count queries;
  total.constraints = cost.constraints + cost.table_constraints;
  total.inputs = cost.inputs + cost.table_inputs;
  total.mul = cost.mul + cost.table_mul;
  total.add = cost.add;
  for (const RangeChecks& check : cost.checks) {
    const Count digits = Count((check.bits + chunk - 1) / chunk) * check.times;
    queries += digits;
    if (check.bits > chunk) {
      total.constraints += check.times;
      total.inputs += digits;
    }
  }
  total.mul = total.mul + Count(4) * queries - cost.saved_mul;
  total.add += Count(8) * queries;
  (weights_are_inputs ? total.mul : total.add) += cost.products;
  return total;
}

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EXPANDER_COST_H_
