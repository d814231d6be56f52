// Multidirectional broadcasting as ONNX defines it: shapes, and loops over the elements.
//
// The loops are made once a node: dimensions that all operands traverse alike are merged, so that equal
// shapes are one run, a scalar operand is one run, and a bias along an inner axis has long runs. Within a
// run every operand either stands still or moves on by one.
#ifndef DSPERSE_FOLD_OPS_BROADCAST_H_
#define DSPERSE_FOLD_OPS_BROADCAST_H_

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/shape.h"

namespace dsperse {

// The shape both broadcast to; InvalidArgument when two dimensions differ and neither is 1.
absl::StatusOr<Dims> BroadcastDims(const Dims& a, const Dims& b);
// The shape `a` alone; InvalidArgument unless `b` broadcasts to it.
absl::StatusOr<Dims> BroadcastInto(const Dims& a, const Dims& b);

struct BroadcastLoops {
  int64_t run = 1;                            // elements of the innermost loop
  absl::InlinedVector<int64_t, 3> run_step;   // of each operand: 0 (stands still) or 1
  Dims outer;                                 // sizes of the loops around it, outermost first
  absl::InlinedVector<Dims, 3> outer_step;    // outer_step[operand][loop]
  bool empty = false;                         // no elements at all
};

// Loops over a tensor of shape `out`, beside operands whose shapes broadcast to it.
BroadcastLoops MakeBroadcastLoops(const Dims& out, absl::Span<const Dims* const> operands);

// Calls f(out_offset, offsets) for every run, in order of the output; `offsets[i]` is where operand i's
// run starts.
template <typename F>
void ForEachRun(const BroadcastLoops& loops, F&& f) {
  if (loops.empty) return;
  const size_t operands = loops.run_step.size();
  absl::InlinedVector<int64_t, 3> offsets(operands, 0);
  Dims index(loops.outer.size(), 0);
  for (int64_t out = 0;; out += loops.run) {
    f(out, offsets.data());
    int loop = static_cast<int>(loops.outer.size()) - 1;
    for (; loop >= 0; --loop) {
      for (size_t i = 0; i < operands; ++i) offsets[i] += loops.outer_step[i][loop];
      if (++index[loop] < loops.outer[loop]) break;
      for (size_t i = 0; i < operands; ++i) {
        offsets[i] -= loops.outer_step[i][loop] * loops.outer[loop];
      }
      index[loop] = 0;
    }
    if (loop < 0) return;
  }
}

// out[i] = f(a[…], b[…]) over loops with two operands.
template <typename A, typename B, typename R, typename F>
void BroadcastBinary(const BroadcastLoops& loops, const A* a, const B* b, R* out, F&& f) {
  const int64_t n = loops.run;
  const bool a_moves = n == 1 || loops.run_step[0] == 1;
  const bool b_moves = n == 1 || loops.run_step[1] == 1;
  ForEachRun(loops, [&](int64_t at, const int64_t* offsets) {
    const A* x = a + offsets[0];
    const B* y = b + offsets[1];
    R* r = out + at;
    if (a_moves && b_moves) {
      for (int64_t i = 0; i < n; ++i) r[i] = f(x[i], y[i]);
    } else if (a_moves) {
      const B second = *y;
      for (int64_t i = 0; i < n; ++i) r[i] = f(x[i], second);
    } else {
      const A first = *x;
      const int64_t step = b_moves ? 1 : 0;
      for (int64_t i = 0; i < n; ++i) r[i] = f(first, y[i * step]);
    }
  });
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_BROADCAST_H_
