// Operators that write elements by index: Scatter, ScatterElements, ScatterND, TensorScatter.
//
// Updates are applied in row-major order, so where indices repeat the last one wins, and a reduction
// rounds after each of them, as ONNX's reference does.
#include <cmath>
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

enum class Reduction { kNone, kAdd, kMul, kMax, kMin };

absl::StatusOr<Reduction> ReadReduction(const NodeView& node) {
  const std::string text = node.String("reduction", "none");
  if (text == "none") return Reduction::kNone;
  if (text == "add") return Reduction::kAdd;
  if (text == "mul") return Reduction::kMul;
  if (text == "max") return Reduction::kMax;
  if (text == "min") return Reduction::kMin;
  return InvalidNode(node, absl::StrCat("reduction ", text));
}

// A NaN on either side stays.
template <typename T>
T Pick(T a, T b, bool larger) {
  if constexpr (kIsFloat<T>) {
    const double x = static_cast<double>(a);
    const double y = static_cast<double>(b);
    if (std::isnan(x)) return a;
    if (std::isnan(y)) return b;
    return (larger ? y > x : y < x) ? b : a;
  } else {
    return (larger ? b > a : b < a) ? b : a;
  }
}

template <typename T>
T Reduce(Reduction reduction, T a, T b) {
  using A = ArithType<T>;
  switch (reduction) {
    case Reduction::kAdd: return static_cast<T>(static_cast<A>(a) + static_cast<A>(b));
    case Reduction::kMul: return static_cast<T>(static_cast<A>(a) * static_cast<A>(b));
    case Reduction::kMax: return Pick(a, b, true);
    case Reduction::kMin: return Pick(a, b, false);
    default: return b;
  }
}

// data with `run` consecutive elements at each of `places` combined with the next `run` updates.
absl::StatusOr<Outputs> Write(const NodeView& node, const Tensor& data, const Tensor& updates,
                              absl::Span<const int64_t> places, int64_t run, Reduction reduction) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t width, RequireMovable(node, data));
  std::string bytes(data.raw());
  if (reduction == Reduction::kNone) {
    const char* in = updates.raw().data();
    for (int64_t place : places) {
      std::memcpy(bytes.data() + place * width, in, static_cast<size_t>(run * width));
      in += run * width;
    }
  } else {
    const auto apply = [&](auto tag) -> absl::Status {
      using T = typename decltype(tag)::type;
      const T* in = updates.data<T>().data();
      T* out = reinterpret_cast<T*>(bytes.data());
      for (int64_t place : places) {
        for (int64_t i = 0; i < run; ++i) out[place + i] = Reduce(reduction, out[place + i], *in++);
      }
      return absl::OkStatus();
    };
    DSPERSE_RETURN_IF_ERROR(DispatchNumbers(
        data.dtype(), apply, [&]() -> absl::Status { return UnsupportedType(node, data.dtype()); }));
  }
  return Single(Tensor::FromBytes(data.dtype(), data.dims(), std::move(bytes)));
}

absl::StatusOr<Outputs> EvaluateScatterElements(const EvalContext&, const NodeView& node,
                                                Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& data = *inputs[0];
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, data, *inputs[2]));
  if (inputs[1]->dims() != inputs[2]->dims()) {
    return InvalidNode(node, absl::StrCat("indices ", DimsToString(inputs[1]->dims()), ", updates ",
                                          DimsToString(inputs[2]->dims())));
  }
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", 0), data.rank()));
  DSPERSE_ASSIGN_OR_RETURN(const Reduction reduction, ReadReduction(node));
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> places,
                           ElementPlaces(node, data.dims(), *inputs[1], axis));
  return Write(node, data, *inputs[2], places, 1, reduction);
}

absl::StatusOr<Outputs> EvaluateScatterNd(const EvalContext&, const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& data = *inputs[0];
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, data, *inputs[2]));
  DSPERSE_ASSIGN_OR_RETURN(const Reduction reduction, ReadReduction(node));
  // Updates of another number are refused below.
  const int64_t most = std::max(inputs[2]->num_elements(), int64_t{1} << 20);
  DSPERSE_ASSIGN_OR_RETURN(const SlicePlaces slices, FindSlices(node, data.dims(), *inputs[1], 0, most));
  const Dims& index_dims = inputs[1]->dims();
  Dims wanted(index_dims.begin(), index_dims.end() - 1);
  wanted.insert(wanted.end(), slices.slice_dims.begin(), slices.slice_dims.end());
  if (inputs[2]->dims() != wanted) {
    return InvalidNode(node, absl::StrCat("updates ", DimsToString(inputs[2]->dims()), " instead of ",
                                          DimsToString(wanted)));
  }
  return Write(node, data, *inputs[2], slices.places, slices.slice_size, reduction);
}

// Writes `update` into a cache at write_indices[batch] of the axis (ONNX, TensorScatter).
absl::StatusOr<Outputs> EvaluateTensorScatter(const EvalContext&, const NodeView& node,
                                              Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& past = *inputs[0];
  const Tensor& update = *inputs[1];
  DSPERSE_RETURN_IF_ERROR(RequireSameType(node, past, update));
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", -2), past.rank()));
  const std::string mode = node.String("mode", "linear");
  if (axis == 0 || (mode != "linear" && mode != "circular")) {
    return InvalidNode(node, absl::StrCat("axis ", axis, ", mode ", mode));
  }
  const Dims& dims = past.dims();
  Dims expected = dims;
  if (update.rank() == past.rank()) expected[axis] = std::min(dims[axis], update.dims()[axis]);
  if (update.dims() != expected) {
    return InvalidNode(node, absl::StrCat("update ", DimsToString(update.dims()), " for ",
                                          DimsToString(dims)));
  }
  if (past.num_elements() == 0 || update.num_elements() == 0) return Single(past);
  std::vector<int64_t> starts(static_cast<size_t>(dims[0]), 0);
  if (const Tensor* given = InputAt(inputs, 2)) {
    DSPERSE_ASSIGN_OR_RETURN(starts, IntsOf(node, *given, "write_indices"));
    if (static_cast<int64_t>(starts.size()) != dims[0]) {
      return InvalidNode(node, absl::StrCat(starts.size(), " write_indices for ", dims[0], " batches"));
    }
  }
  const int64_t length = dims[axis];
  const int64_t steps = update.dims()[axis];
  const int64_t run = ProductOf(dims, axis + 1, past.rank());
  const int64_t per_batch = ProductOf(dims, 1, axis);
  std::vector<int64_t> places;
  for (int64_t b = 0; b < dims[0]; ++b) {
    if (starts[b] < 0 || starts[b] >= length || (mode == "linear" && starts[b] > length - steps)) {
      return InvalidNode(node, absl::StrCat("write index ", starts[b], " for ", steps, " of ", length));
    }
    for (int64_t outer = 0; outer < per_batch; ++outer) {
      for (int64_t s = 0; s < steps; ++s) {
        const int64_t at = (starts[b] + s) % length;
        places.push_back(((b * per_batch + outer) * length + at) * run);
      }
    }
  }
  return Write(node, past, update, places, run, Reduction::kNone);
}

}  // namespace

void AppendScatterOps(std::vector<OpDef>* rows) {
  AddRow(rows, "Scatter", 9, &EvaluateScatterElements).moves_data = true;
  AddRow(rows, "ScatterElements", 11, &EvaluateScatterElements);
  AddRow(rows, "ScatterND", 11, &EvaluateScatterNd);
  AddRow(rows, "TensorScatter", 24, &EvaluateTensorScatter).moves_data = true;
}

}  // namespace dsperse
