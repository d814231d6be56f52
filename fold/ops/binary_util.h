// Operators of two inputs with broadcasting: shapes by the rules of every opset, and the typed loop.
#ifndef DSPERSE_FOLD_OPS_BINARY_UTIL_H_
#define DSPERSE_FOLD_OPS_BINARY_UTIL_H_

#include <utility>

#include "absl/status/statusor.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"

namespace dsperse {

struct BinaryPlan {
  const Tensor* a;
  const Tensor* b;
  Dims dims;  // of the result
  BroadcastLoops loops;
};

// Checks that both inputs are there and fit. From opset 7 on the operands broadcast both ways; before,
// the second one broadcasts to the first if the attribute `broadcast` is set, its dimensions starting at
// `axis` (or aligned at the end), and both shapes must be equal if not.
absl::StatusOr<BinaryPlan> PlanBinary(const NodeView& node, Inputs inputs);

// The result of f: (A, B) → R over the plan.
template <typename A, typename B, typename R, typename F>
absl::StatusOr<Outputs> RunBinary(const EvalContext& context, const BinaryPlan& plan, F&& f) {
  R* out = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<R>(context, plan.dims, &out));
  BroadcastBinary(plan.loops, plan.a->data<A>().data(), plan.b->data<B>().data(), out, f);
  return Single(std::move(result));
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_BINARY_UTIL_H_
