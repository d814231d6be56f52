#include "fold/ops/binary_util.h"

#include "absl/strings/str_cat.h"

namespace dsperse {
namespace {

// The second operand's shape before opset 7, with ones appended so that it aligns at the end.
absl::StatusOr<Dims> LegacyDims(const NodeView& node, const Dims& a, const Dims& b) {
  if (node.Int("broadcast", 0) == 0) {
    if (a == b) return b;
    return InvalidNode(node, absl::StrCat("shapes ", DimsToString(a), " and ", DimsToString(b),
                                          " differ and `broadcast` is not set"));
  }
  if (!node.HasAttr("axis")) return b;
  const int rank = static_cast<int>(a.size());
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 0), rank));
  const int after = rank - axis - static_cast<int>(b.size());
  if (after < 0) {
    return InvalidNode(node, absl::StrCat("shape ", DimsToString(b), " does not fit ",
                                          DimsToString(a), " from axis ", axis, " on"));
  }
  Dims dims = b;
  dims.insert(dims.end(), static_cast<size_t>(after), 1);
  return dims;
}

}  // namespace

absl::StatusOr<BinaryPlan> PlanBinary(const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  BinaryPlan plan;
  plan.a = inputs[0];
  plan.b = inputs[1];
  Dims b_dims = plan.b->dims();
  absl::StatusOr<Dims> dims;
  if (node.opset() < 7) {
    DSPERSE_ASSIGN_OR_RETURN(b_dims, LegacyDims(node, plan.a->dims(), b_dims));
    dims = BroadcastInto(plan.a->dims(), b_dims);
  } else {
    dims = BroadcastDims(plan.a->dims(), b_dims);
  }
  if (!dims.ok()) return InvalidNode(node, dims.status().message());
  plan.dims = *std::move(dims);
  plan.loops = MakeBroadcastLoops(plan.dims, {&plan.a->dims(), &b_dims});
  return plan;
}

}  // namespace dsperse
