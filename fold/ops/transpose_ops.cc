// Operators that permute axes: Transpose, DepthToSpace, SpaceToDepth.
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/strided.h"

namespace dsperse {
namespace {

// `data` seen with the dims `view` (same elements), axes permuted, and then given the shape `dims`.
absl::StatusOr<Outputs> Permute(const EvalContext& context, const NodeView& node,
                                const Tensor& data, const Dims& view,
                                absl::Span<const int64_t> perm, const Dims& dims) {
  const Dims strides = RowMajorStrides(view);
  Dims out;
  Dims out_strides;
  for (int64_t axis : perm) {
    out.push_back(view[axis]);
    out_strides.push_back(strides[axis]);
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor moved,
                           TakeStrided(context, node, data, 0, out, out_strides));
  return Single(moved.WithDims(dims));
}

absl::StatusOr<Outputs> EvaluateTranspose(const EvalContext& context, const NodeView& node,
                                          Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Dims& in = inputs[0]->dims();
  std::vector<int64_t> perm(in.size());
  std::iota(perm.rbegin(), perm.rend(), 0);
  if (node.HasAttr("perm")) perm = node.Ints("perm");
  std::vector<bool> seen(in.size(), false);
  Dims dims;
  bool valid = perm.size() == in.size();
  for (size_t i = 0; valid && i < perm.size(); ++i) {
    valid = perm[i] >= 0 && perm[i] < static_cast<int64_t>(in.size()) && !seen[perm[i]];
    if (!valid) break;
    seen[perm[i]] = true;
    dims.push_back(in[perm[i]]);
  }
  if (!valid) {
    return InvalidNode(node, absl::StrCat("perm ", DimsToString(perm), " at rank ", in.size()));
  }
  return Permute(context, node, *inputs[0], in, perm, dims);
}

// Size `i` of `dims` times `factor`; beside an empty axis it may be too large.
absl::StatusOr<int64_t> Grown(const NodeView& node, const Dims& dims, size_t i, int64_t factor) {
  int64_t grown = 0;
  if (__builtin_mul_overflow(dims[i], factor, &grown)) {
    return InvalidNode(node, absl::StrCat(factor, " times axis ", i, " of ", DimsToString(dims)));
  }
  return grown;
}

// Checks what both block operators need: rank 4 and a positive block size.
absl::StatusOr<int64_t> BlockSize(const NodeView& node, const Tensor& data) {
  const int64_t block = node.Int("blocksize", 0);
  if (data.rank() != 4 || block < 1 || block > (int64_t{1} << 20)) {
    return InvalidNode(node, absl::StrCat("blocksize ", block, " for ", DimsToString(data.dims())));
  }
  return block;
}

absl::StatusOr<Outputs> EvaluateDepthToSpace(const EvalContext& context, const NodeView& node,
                                             Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t b, BlockSize(node, *inputs[0]));
  const Dims& in = inputs[0]->dims();
  if (in[1] % (b * b) != 0) {
    return InvalidNode(node, absl::StrCat(in[1], " channels for blocks of ", b, " by ", b));
  }
  const int64_t c = in[1] / (b * b);
  DSPERSE_ASSIGN_OR_RETURN(const int64_t height, Grown(node, in, 2, b));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, Grown(node, in, 3, b));
  const Dims out = {in[0], c, height, width};
  const std::string mode = node.String("mode", "DCR");
  if (mode == "DCR") {
    return Permute(context, node, *inputs[0], {in[0], b, b, c, in[2], in[3]}, {0, 3, 4, 1, 5, 2},
                   out);
  }
  if (mode == "CRD") {
    return Permute(context, node, *inputs[0], {in[0], c, b, b, in[2], in[3]}, {0, 1, 4, 2, 5, 3},
                   out);
  }
  return InvalidNode(node, absl::StrCat("mode ", mode));
}

absl::StatusOr<Outputs> EvaluateSpaceToDepth(const EvalContext& context, const NodeView& node,
                                             Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  DSPERSE_ASSIGN_OR_RETURN(const int64_t b, BlockSize(node, *inputs[0]));
  const Dims& in = inputs[0]->dims();
  if (in[2] % b != 0 || in[3] % b != 0) {
    return InvalidNode(node, absl::StrCat(DimsToString(in), " in blocks of ", b));
  }
  DSPERSE_ASSIGN_OR_RETURN(const int64_t channels, Grown(node, in, 1, b * b));
  return Permute(context, node, *inputs[0], {in[0], in[1], in[2] / b, b, in[3] / b, b}, {0, 3, 5, 1, 2, 4},
                 {in[0], channels, in[2] / b, in[3] / b});
}

}  // namespace

void AppendTransposeOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, EvaluateFn evaluate) {
    OpDef& row = AddRow(rows, op_type, 1, evaluate);
    row.moves_data = true;
    row.any_payload = true;
  };
  add("Transpose", &EvaluateTranspose);
  add("DepthToSpace", &EvaluateDepthToSpace);
  add("SpaceToDepth", &EvaluateSpaceToDepth);
}

}  // namespace dsperse
