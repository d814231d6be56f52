// Operators that take a part of a tensor, or its repetition: Slice, Split, Expand, Tile.
#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/plain_shapes.h"
#include "fold/ops/strided.h"

namespace dsperse {
namespace {

// One axis of a Slice: elements first, first + step, … (count of them).
struct Progression {
  int64_t first;
  int64_t step;
  int64_t count;
};

// Negative indices count from the end, and both bounds are clamped to what a walk in the direction of
// `step` can reach (ONNX, Slice). `step` isn't 0.
Progression Clamp(int64_t dim, int64_t start, int64_t end, int64_t step) {
  if (start < 0) start += dim;
  if (end < 0) end += dim;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, dim);
    end = std::clamp<int64_t>(end, 0, dim);
    return {start, step, end > start ? (end - start - 1) / step + 1 : 0};
  }
  start = std::clamp<int64_t>(start, std::min<int64_t>(0, dim - 1), dim - 1);
  end = std::clamp<int64_t>(end, -1, dim - 1);
  step = std::max(step, -std::numeric_limits<int64_t>::max());
  return {start, step, start > end ? (start - end - 1) / -step + 1 : 0};
}

absl::StatusOr<Outputs> EvaluateSlice(const EvalContext& context, const NodeView& node,
                                      Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Dims& in = inputs[0]->dims();
  DSPERSE_ASSIGN_OR_RETURN(const auto starts, InputOrAttr(node, inputs, 1, "starts"));
  DSPERSE_ASSIGN_OR_RETURN(const auto ends, InputOrAttr(node, inputs, 2, "ends"));
  DSPERSE_ASSIGN_OR_RETURN(auto axes, InputOrAttr(node, inputs, 3, "axes"));
  DSPERSE_ASSIGN_OR_RETURN(auto steps, InputOrAttr(node, inputs, 4, "steps"));
  if (!starts.has_value() || !ends.has_value()) return InvalidNode(node, "no starts or ends");
  if (!axes.has_value()) {
    axes.emplace(starts->size());
    std::iota(axes->begin(), axes->end(), 0);
  }
  if (!steps.has_value()) steps.emplace(starts->size(), 1);
  if (ends->size() != starts->size() || axes->size() != starts->size() ||
      steps->size() != starts->size()) {
    return InvalidNode(node, absl::StrCat(starts->size(), " starts, ", ends->size(), " ends, ",
                                          axes->size(), " axes, ", steps->size(), " steps"));
  }
  const int rank = static_cast<int>(in.size());
  DSPERSE_RETURN_IF_ERROR(NormalizeAxes(node, *axes, rank).status());  // none twice
  Dims dims = in;
  Dims strides = RowMajorStrides(in);
  int64_t offset = 0;
  for (size_t i = 0; i < starts->size(); ++i) {
    DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, (*axes)[i], rank));
    if ((*steps)[i] == 0) return InvalidNode(node, absl::StrCat("step 0 on axis ", axis));
    const Progression p = Clamp(in[axis], (*starts)[i], (*ends)[i], (*steps)[i]);
    dims[axis] = p.count;
    // Of an empty tensor no place is looked at, and its strides may be anything. A step beyond the axis is never taken.
    if (inputs[0]->num_elements() == 0) continue;
    if (p.count > 0) offset += p.first * strides[axis];
    if (p.count > 1) strides[axis] *= p.step;
  }
  return Single(TakeStrided(context, node, *inputs[0], offset, dims, strides));
}

// Sizes of the parts that Split makes of an axis of `dim` elements.
absl::StatusOr<std::vector<int64_t>> SplitSizes(const NodeView& node, Inputs inputs, int64_t dim) {
  const int64_t parts = node.num_outputs();
  DSPERSE_ASSIGN_OR_RETURN(const auto given, InputOrAttr(node, inputs, 1, "split"));
  if (given.has_value()) {
    int64_t left = dim;
    for (int64_t size : *given) {
      if (size < 0 || size > left) left = -1;
      if (left < 0) break;
      left -= size;
    }
    if (left != 0 || static_cast<int64_t>(given->size()) != parts) {
      return InvalidNode(node, absl::StrCat("split ", DimsToString(*given), " of ", dim,
                                            " elements into ", parts, " outputs"));
    }
    return *given;
  }
  const bool uneven = node.HasAttr("num_outputs");
  if (uneven && node.Int("num_outputs", 0) != parts) {
    return InvalidNode(node, absl::StrCat("num_outputs ", node.Int("num_outputs", 0), " with ", parts,
                                          " outputs"));
  }
  if (parts < 1) return InvalidNode(node, "no outputs");
  const int64_t size = dim / parts + (uneven && dim % parts != 0 ? 1 : 0);
  const int64_t last = dim - size * (parts - 1);
  if (last < 0 || (!uneven && last != size)) {
    return InvalidNode(node, absl::StrCat(dim, " elements into ", parts, " outputs"));
  }
  std::vector<int64_t> sizes(parts, size);
  sizes.back() = last;
  return sizes;
}

absl::StatusOr<Outputs> EvaluateSplit(const EvalContext& context, const NodeView& node,
                                      Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& data = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 0), data.rank()));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                           SplitSizes(node, inputs, data.dims()[axis]));
  // Loaded once for all parts (TakeStrided leaves a tensor in memory as it is).
  DSPERSE_ASSIGN_OR_RETURN(
      const Tensor whole,
      data.is_uniform() ? absl::StatusOr<Tensor>(data) : data.Load(context.max_output_bytes));
  const Dims strides = RowMajorStrides(data.dims());
  Outputs outputs;
  int64_t start = 0;
  for (int64_t size : sizes) {
    Dims dims = data.dims();
    dims[axis] = size;
    const int64_t offset = data.num_elements() == 0 ? 0 : start * strides[axis];
    DSPERSE_ASSIGN_OR_RETURN(Tensor part, TakeStrided(context, node, whole, offset, std::move(dims), strides));
    outputs.push_back(std::move(part));
    start += size;
  }
  return outputs;
}

absl::StatusOr<Outputs> EvaluateExpand(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, IntsOf(node, *inputs[1], "shape"));
  for (int64_t d : shape) {
    if (d < 0) return InvalidNode(node, absl::StrCat("shape ", DimsToString(shape)));
  }
  const Dims& in = inputs[0]->dims();
  absl::StatusOr<Dims> dims = BroadcastDims(in, Dims(shape.begin(), shape.end()));
  if (!dims.ok()) return InvalidNode(node, dims.status().message());
  const Dims in_strides = RowMajorStrides(in);
  Dims strides(dims->size(), 0);
  const size_t added = dims->size() - in.size();
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] != 1) strides[added + i] = in_strides[i];
  }
  return Single(TakeStrided(context, node, *inputs[0], 0, *std::move(dims), strides));
}

absl::StatusOr<Outputs> EvaluateTile(const EvalContext& context, const NodeView& node,
                                     Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Dims& in = inputs[0]->dims();
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> repeats, IntsOf(node, *inputs[1], "repeats"));
  if (repeats.size() != in.size()) {
    return InvalidNode(node, absl::StrCat(repeats.size(), " repeats at rank ", in.size()));
  }
  // Each axis is two: the repetitions (which stand still in the input), and the axis itself.
  const Dims in_strides = RowMajorStrides(in);
  Dims dims;
  Dims pairs;
  Dims strides;
  for (size_t i = 0; i < in.size(); ++i) {
    int64_t product = 0;
    if (repeats[i] < 0 || __builtin_mul_overflow(repeats[i], in[i], &product)) {
      return InvalidNode(node, absl::StrCat("repeats ", DimsToString(repeats), " of ",
                                            DimsToString(in)));
    }
    dims.push_back(product);
    pairs.insert(pairs.end(), {repeats[i], in[i]});
    strides.insert(strides.end(), {0, in_strides[i]});
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor tiled,
                           TakeStrided(context, node, *inputs[0], 0, std::move(pairs), strides));
  return Single(tiled.WithDims(std::move(dims)));
}

// As ONNX's function, but for its opset 10, which gives a sliced dimension of unknown size the name of the
// whole one.
absl::Status InferSlice(const Graph&, const NodeView& node, absl::Span<const Fact* const> inputs,
                        absl::Span<Fact> outputs) {
  DSPERSE_RETURN_IF_ERROR(InferShapes(node, inputs, outputs));
  if (node.opset() != 10 || outputs.empty() || !outputs[0].shape.has_rank()) return absl::OkStatus();
  const int rank = outputs[0].shape.rank();
  std::vector<bool> sliced(static_cast<size_t>(rank), true);
  if (inputs.size() > 3 && inputs[3] != nullptr && inputs[3]->value.has_value()) {
    const absl::StatusOr<std::vector<int64_t>> axes = ToInts(*inputs[3]->value);
    if (axes.ok()) {
      sliced.assign(static_cast<size_t>(rank), false);
      for (int64_t axis : *axes) {
        DSPERSE_ASSIGN_OR_RETURN(const int normal, NormalizeAxis(node, axis, rank));
        sliced[static_cast<size_t>(normal)] = true;
      }
    }
  }
  absl::InlinedVector<Dim, 4> dims(outputs[0].shape.dims().begin(), outputs[0].shape.dims().end());
  for (size_t i = 0; i < dims.size(); ++i) {
    if (sliced[i] && !dims[i].known()) dims[i] = Dim();
  }
  outputs[0].shape = Shape(std::move(dims));
  return absl::OkStatus();
}

}  // namespace

void AppendSliceOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, int64_t since, EvaluateFn evaluate) {
    OpDef& row = AddRow(rows, op_type, since, evaluate);
    row.moves_data = true;
    row.any_payload = true;
    return &row;
  };
  add("Slice", 1, &EvaluateSlice)->infer = &InferSlice;
  add("Split", 2, &EvaluateSplit);
  add("Expand", 8, &EvaluateExpand);
  add("Tile", 6, &EvaluateTile);
}

}  // namespace dsperse
