// Operators that pick elements by index: Gather, GatherElements, GatherND, Compress, ReverseSequence.
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/indices.h"
#include "fold/ops/strided.h"

namespace dsperse {
namespace {

absl::StatusOr<Outputs> EvaluateGather(const EvalContext& context, const NodeView& node,
                                       Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& data = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, data));
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 0), data.rank()));
  DSPERSE_ASSIGN_OR_RETURN(std::vector<int64_t> indices, IntsOf(node, *inputs[1], "indices"));
  DSPERSE_RETURN_IF_ERROR(NormalizeIndices(node, data.dims()[axis], absl::MakeSpan(indices)));
  const Dims& in = data.dims();
  Dims dims(in.begin(), in.begin() + axis);
  dims.insert(dims.end(), inputs[1]->dims().begin(), inputs[1]->dims().end());
  dims.insert(dims.end(), in.begin() + axis + 1, in.end());
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  if (!bytes.empty()) {
    const int64_t outer = ProductOf(in, 0, axis);
    const int64_t row = ProductOf(in, axis + 1, data.rank()) * width;
    char* out = bytes.data();
    for (int64_t o = 0; o < outer; ++o) {
      const char* base = data.raw().data() + o * in[axis] * row;
      for (int64_t index : indices) {
        std::memcpy(out, base + index * row, static_cast<size_t>(row));
        out += row;
      }
    }
  }
  return Single(Tensor::FromBytes(data.dtype(), std::move(dims), std::move(bytes)));
}

absl::StatusOr<Outputs> EvaluateGatherElements(const EvalContext& context, const NodeView& node,
                                               Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& data = *inputs[0];
  const Dims& dims = inputs[1]->dims();
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, data));
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 0), data.rank()));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> places,
                           ElementPlaces(node, data.dims(), *inputs[1], axis));
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  const char* in = data.raw().data();
  char* out = bytes.data();
  DispatchWidth(width, [&](auto w) {
    for (size_t i = 0; i < places.size(); ++i) {
      std::memcpy(out + i * w.value, in + places[i] * w.value, w.value);
    }
  });
  return Single(Tensor::FromBytes(data.dtype(), dims, std::move(bytes)));
}

absl::StatusOr<Outputs> EvaluateGatherNd(const EvalContext& context, const NodeView& node,
                                         Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& data = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, data));
  DSPERSE_ASSIGN_OR_RETURN(
      const SlicePlaces slices,
      FindSlices(node, data.dims(), *inputs[1], node.Int("batch_dims", 0), context.max_output_bytes / width));
  const Dims& index_dims = inputs[1]->dims();
  Dims dims(index_dims.begin(), index_dims.end() - 1);
  dims.insert(dims.end(), slices.slice_dims.begin(), slices.slice_dims.end());
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  if (!bytes.empty()) {
    char* out = bytes.data();
    for (int64_t place : slices.places) {
      std::memcpy(out, data.raw().data() + place * width,
                  static_cast<size_t>(slices.slice_size * width));
      out += slices.slice_size * width;
    }
  }
  return Single(Tensor::FromBytes(data.dtype(), std::move(dims), std::move(bytes)));
}

absl::StatusOr<Outputs> EvaluateCompress(const EvalContext& context, const NodeView& node,
                                         Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  if (inputs[1]->dtype() != DType::kBool || inputs[1]->rank() != 1) {
    return InvalidNode(node, absl::StrCat("condition is ", DTypeName(inputs[1]->dtype()), " ",
                                          DimsToString(inputs[1]->dims())));
  }
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, *inputs[0]));
  // Without an axis the data counts as flat.
  Dims in = {inputs[0]->num_elements()};
  int axis = 0;
  if (node.HasAttr("axis")) {
    in = inputs[0]->dims();
    DSPERSE_ASSIGN_OR_RETURN(axis, NormalizeAxis(node, node.Int("axis", 0), inputs[0]->rank()));
  }
  std::vector<int64_t> kept;
  const absl::Span<const bool> condition = inputs[1]->data<bool>();
  for (size_t i = 0; i < condition.size(); ++i) {
    if (condition[i]) kept.push_back(static_cast<int64_t>(i));
  }
  if (!kept.empty() && kept.back() >= in[axis]) {
    return InvalidNode(node, absl::StrCat("element ", kept.back(), " of ", in[axis], " is asked for"));
  }
  Dims dims = in;
  dims[axis] = static_cast<int64_t>(kept.size());
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  if (!bytes.empty()) {
    const int64_t outer = ProductOf(in, 0, axis);
    const int64_t row = ProductOf(in, axis + 1, static_cast<int>(in.size())) * width;
    char* out = bytes.data();
    for (int64_t o = 0; o < outer; ++o) {
      const char* base = inputs[0]->raw().data() + o * in[axis] * row;
      for (int64_t index : kept) {
        std::memcpy(out, base + index * row, static_cast<size_t>(row));
        out += row;
      }
    }
  }
  return Single(Tensor::FromBytes(inputs[0]->dtype(), std::move(dims), std::move(bytes)));
}

absl::StatusOr<Outputs> EvaluateReverseSequence(const EvalContext& context, const NodeView& node,
                                                Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& data = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, data));
  const int64_t batch_axis = node.Int("batch_axis", 1);
  const int64_t time_axis = node.Int("time_axis", 0);
  const bool two_axes = (batch_axis == 0 && time_axis == 1) || (batch_axis == 1 && time_axis == 0);
  if (data.rank() < 2 || !two_axes) {
    return InvalidNode(node, absl::StrCat("batch_axis ", batch_axis, " and time_axis ", time_axis,
                                          " of ", DimsToString(data.dims())));
  }
  const Dims& dims = data.dims();
  const int64_t batch = dims[batch_axis];
  const int64_t time = dims[time_axis];
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> lengths,
                           IntsOf(node, *inputs[1], "sequence_lens"));
  if (static_cast<int64_t>(lengths.size()) != batch) {
    return InvalidNode(node, absl::StrCat(lengths.size(), " lengths for a batch of ", batch));
  }
  for (int64_t length : lengths) {
    if (length < 0 || length > time) {
      return InvalidNode(node, absl::StrCat("a length of ", length, " in ", time, " steps"));
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(std::string bytes, MakeBytes(dims, width, context.max_output_bytes));
  if (!bytes.empty()) {
    const int64_t row = ProductOf(dims, 2, data.rank()) * width;
    const auto place = [&](int64_t b, int64_t t) {
      return (batch_axis == 0 ? b * time + t : t * batch + b) * row;
    };
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t t = 0; t < time; ++t) {
        const int64_t from = t < lengths[b] ? lengths[b] - 1 - t : t;
        std::memcpy(bytes.data() + place(b, t), data.raw().data() + place(b, from),
                    static_cast<size_t>(row));
      }
    }
  }
  return Single(Tensor::FromBytes(data.dtype(), dims, std::move(bytes)));
}

}  // namespace

void AppendGatherOps(std::vector<OpDef>* rows) {
  const auto add = [rows](absl::string_view op_type, int64_t since, EvaluateFn evaluate) {
    AddRow(rows, op_type, since, evaluate).moves_data = true;
  };
  add("Gather", 1, &EvaluateGather);
  add("GatherElements", 11, &EvaluateGatherElements);
  add("GatherND", 11, &EvaluateGatherNd);
  add("Compress", 9, &EvaluateCompress);
  add("ReverseSequence", 10, &EvaluateReverseSequence);
}

}  // namespace dsperse
