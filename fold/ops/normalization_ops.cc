// Normalization by statistics of the data itself: InstanceNormalization, LayerNormalization,
// GroupNormalization, RMSNormalization, LpNormalization, LRN, MeanVarianceNormalization.
//
// Statistics are sums in double in the order of the elements, variances the mean of squared differences;
// only results are rounded. The `stash_type` of some operators (a precision for the statistics) is met by
// double, whatever it says. A norm of zero gives NaN, as the formula (and ONNX's test case) has it.
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/broadcast.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/exact_math.h"
#include "fold/ops/families.h"
#include "fold/ops/parallel.h"
#include "fold/ops/strided.h"

namespace dsperse {
namespace {

absl::StatusOr<Outputs> NoFloat(const NodeView& node, DType dtype) {
  return UnsupportedType(node, dtype);
}

// ---- consecutive elements that are normalized together ----

// x as rows of `size` elements. Element i of row r becomes
// (x − mean) / sqrt(variance + epsilon) · scale + bias, with the parameters at
// (r % row_period) · row_step + i / element_run.
struct Rows {
  int64_t count = 0;
  int64_t size = 0;
  double epsilon = 0;
  bool centred = true;  // false: mean taken as 0 (root mean square)
  std::vector<double> scale;
  std::vector<double> bias;  // empty: none
  int64_t row_period = 1;
  int64_t row_step = 0;
  int64_t element_run = 1;
};

struct Statistics {
  std::vector<double> mean;
  std::vector<double> inverse_deviation;
};

template <typename T>
absl::StatusOr<Tensor> NormalizeRows(const EvalContext& context, const Tensor& x, const Rows& rows,
                                     Statistics* statistics) {
  T* y = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &y));
  const T* in = x.data<T>().data();
  if (statistics != nullptr) {
    statistics->mean.resize(static_cast<size_t>(rows.count));
    statistics->inverse_deviation.resize(static_cast<size_t>(rows.count));
  }
  const double size = static_cast<double>(rows.size);
  ParallelFor(context.threads, rows.count, 6 * rows.size, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* from = in + r * rows.size;
      double mean = 0;
      if (rows.centred) {
        for (int64_t i = 0; i < rows.size; ++i) mean += static_cast<double>(from[i]);
        mean /= size;
      }
      double variance = 0;
      for (int64_t i = 0; i < rows.size; ++i) {
        const double d = static_cast<double>(from[i]) - mean;
        variance += d * d;
      }
      variance /= size;
      const double deviation = std::sqrt(variance + rows.epsilon);
      if (statistics != nullptr) {
        statistics->mean[r] = mean;
        statistics->inverse_deviation[r] = 1 / deviation;
      }
      const int64_t base = r % rows.row_period * rows.row_step;
      T* to = y + r * rows.size;
      for (int64_t i = 0; i < rows.size; ++i) {
        const int64_t p = base + i / rows.element_run;
        double v = (static_cast<double>(from[i]) - mean) / deviation * rows.scale[p];
        if (!rows.bias.empty()) v += rows.bias[p];
        to[i] = static_cast<T>(v);
      }
    }
  });
  return result;
}

absl::StatusOr<Outputs> NormalizeRows(const EvalContext& context, const NodeView& node,
                                      const Tensor& x, const Rows& rows) {
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        return Single(NormalizeRows<typename decltype(tag)::type>(context, x, rows, nullptr));
      },
      [&] { return NoFloat(node, x.dtype()); });
}

// Scale and bias as lists of `count` numbers each.
absl::Status ReadParameters(const NodeView& node, Inputs inputs, int64_t count, Rows* rows) {
  for (int i : {1, 2}) {
    if (inputs[i]->num_elements() != count || inputs[i]->rank() != 1) {
      return InvalidNode(node, absl::StrCat(i == 1 ? "scale " : "bias ",
                                            DimsToString(inputs[i]->dims()), " for ", count,
                                            " channels or groups"));
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(rows->scale, ToDoubles(*inputs[1]));
  DSPERSE_ASSIGN_OR_RETURN(rows->bias, ToDoubles(*inputs[2]));
  return absl::OkStatus();
}

absl::StatusOr<Outputs> EvaluateInstanceNormalization(const EvalContext& context,
                                                      const NodeView& node, Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& x = *inputs[0];
  if (x.rank() < 2) return InvalidNode(node, absl::StrCat("input ", DimsToString(x.dims())));
  Rows rows;
  const int64_t channels = x.dims()[1];
  DSPERSE_RETURN_IF_ERROR(ReadParameters(node, inputs, channels, &rows));
  if (x.num_elements() == 0) return Single(x);
  rows.count = x.dims()[0] * channels;
  rows.size = x.num_elements() / rows.count;
  rows.epsilon = static_cast<double>(node.Float("epsilon", 1e-5f));
  rows.row_period = channels;
  rows.row_step = 1;
  rows.element_run = rows.size;
  return NormalizeRows(context, node, x, rows);
}

absl::StatusOr<Outputs> EvaluateGroupNormalization(const EvalContext& context, const NodeView& node,
                                                   Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& x = *inputs[0];
  const int64_t groups = node.Int("num_groups", 0);
  if (x.rank() < 2 || groups < 1 || x.dims()[1] % groups != 0) {
    return InvalidNode(node, absl::StrCat("num_groups ", groups, " for ", DimsToString(x.dims())));
  }
  const int64_t channels = x.dims()[1];
  // One scale a group up to opset 20, one a channel from 21.
  const bool per_channel = node.opset() >= 21;
  Rows rows;
  DSPERSE_RETURN_IF_ERROR(ReadParameters(node, inputs, per_channel ? channels : groups, &rows));
  if (x.num_elements() == 0) return Single(x);
  rows.count = x.dims()[0] * groups;
  rows.size = x.num_elements() / rows.count;
  rows.epsilon = static_cast<double>(node.Float("epsilon", 1e-5f));
  rows.row_period = groups;
  rows.row_step = per_channel ? channels / groups : 1;
  rows.element_run = per_channel ? rows.size / rows.row_step : rows.size;
  return NormalizeRows(context, node, x, rows);
}

// A parameter that broadcasts to the normalized axes `inner`, spelt out.
absl::StatusOr<std::vector<double>> SpellOut(const EvalContext& context, const NodeView& node,
                                             const Tensor& parameter, const Dims& inner) {
  Dims dims = parameter.dims();
  while (dims.size() > inner.size() && dims[0] == 1) dims.erase(dims.begin());
  if (!BroadcastInto(inner, dims).ok()) {
    return Unsupported(node, parameter.dtype(),
                       absl::StrCat("a parameter of ", DimsToString(parameter.dims()), " over ",
                                    DimsToString(inner)));
  }
  Dims strides(inner.size(), 0);
  const Dims own = RowMajorStrides(dims);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) strides[inner.size() - dims.size() + i] = own[i];
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor full,
                           TakeStrided(context, node, parameter, 0, inner, strides));
  return ToDoubles(full);
}

// LayerNormalization and RMSNormalization: everything from `axis` on is one row.
absl::StatusOr<Outputs> NormalizeFromAxis(const EvalContext& context, const NodeView& node,
                                          Inputs inputs, bool centred) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 2));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", -1), x.rank()));
  if (x.num_elements() == 0) return Unsupported(node, x.dtype(), "an empty tensor");
  const Dims inner(x.dims().begin() + axis, x.dims().end());
  Rows rows;
  rows.centred = centred;
  rows.count = ProductOf(x.dims(), 0, axis);
  rows.size = x.num_elements() / rows.count;
  rows.epsilon = static_cast<double>(node.Float("epsilon", 1e-5f));
  DSPERSE_ASSIGN_OR_RETURN(rows.scale, SpellOut(context, node, *inputs[1], inner));
  if (centred && InputAt(inputs, 2) != nullptr) {
    DSPERSE_ASSIGN_OR_RETURN(rows.bias, SpellOut(context, node, *inputs[2], inner));
  }
  if (node.num_outputs() < 2) return NormalizeRows(context, node, x, rows);

  const int64_t asked = node.Int("stash_type", 1);
  const DType stash = asked < 1 || asked > kMaxDType ? DType::kUndefined : static_cast<DType>(asked);
  Dims outer = x.dims();
  std::fill(outer.begin() + axis, outer.end(), 1);
  Statistics statistics;
  Outputs outputs;
  DSPERSE_RETURN_IF_ERROR(DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::Status {
        DSPERSE_ASSIGN_OR_RETURN(
            Tensor y, NormalizeRows<typename decltype(tag)::type>(context, x, rows, &statistics));
        outputs.push_back(std::move(y));
        return absl::OkStatus();
      },
      [&]() -> absl::Status { return UnsupportedType(node, x.dtype()); }));
  DSPERSE_RETURN_IF_ERROR(DispatchFloats(
      stash,
      [&](auto tag) -> absl::Status {
        using T = typename decltype(tag)::type;
        for (const std::vector<double>* list : {&statistics.mean, &statistics.inverse_deviation}) {
          T* data = nullptr;
          DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, MakeOutput<T>(context, outer, &data));
          for (size_t i = 0; i < list->size(); ++i) data[i] = static_cast<T>((*list)[i]);
          outputs.push_back(std::move(tensor));
        }
        return absl::OkStatus();
      },
      [&]() -> absl::Status { return InvalidNode(node, "stash_type is no float type"); }));
  outputs.resize(static_cast<size_t>(node.num_outputs()));
  return outputs;
}

absl::StatusOr<Outputs> EvaluateLayerNormalization(const EvalContext& context, const NodeView& node,
                                                   Inputs inputs) {
  return NormalizeFromAxis(context, node, inputs, true);
}

absl::StatusOr<Outputs> EvaluateRmsNormalization(const EvalContext& context, const NodeView& node,
                                                 Inputs inputs) {
  return NormalizeFromAxis(context, node, inputs, false);
}

// ---- other groupings ----

absl::StatusOr<Outputs> EvaluateMeanVariance(const EvalContext& context, const NodeView& node,
                                             Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<int> axes,
                           NormalizeAxes(node, node.Ints("axes", {0, 2, 3}), x.rank()));
  // Which of the groups an element belongs to: its coordinates on the other axes.
  Dims kept = x.dims();
  for (int axis : axes) kept[axis] = 1;
  DSPERSE_ASSIGN_OR_RETURN(const int64_t groups, NumElements(kept));
  if (x.num_elements() == 0) return Single(x);
  const double size = static_cast<double>(x.num_elements() / groups);
  const BroadcastLoops loops = MakeBroadcastLoops(x.dims(), {&kept});
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        const T* in = x.data<T>().data();
        // Calls f(element, group) in the order of the elements.
        const auto each = [&](auto&& f) {
          ForEachRun(loops, [&](int64_t at, const int64_t* offsets) {
            for (int64_t i = 0; i < loops.run; ++i) f(at + i, offsets[0] + i * loops.run_step[0]);
          });
        };
        std::vector<double> mean(static_cast<size_t>(groups), 0);
        std::vector<double> deviation(static_cast<size_t>(groups), 0);
        each([&](int64_t i, int64_t g) { mean[g] += static_cast<double>(in[i]); });
        for (double& m : mean) m /= size;
        each([&](int64_t i, int64_t g) {
          const double d = static_cast<double>(in[i]) - mean[g];
          deviation[g] += d * d;
        });
        for (double& d : deviation) d = std::sqrt(d / size) + static_cast<double>(1e-9f);
        T* y = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &y));
        each([&](int64_t i, int64_t g) {
          y[i] = static_cast<T>((static_cast<double>(in[i]) - mean[g]) / deviation[g]);
        });
        return Single(std::move(result));
      },
      [&] { return NoFloat(node, x.dtype()); });
}

absl::StatusOr<Outputs> EvaluateLpNormalization(const EvalContext& context, const NodeView& node,
                                                Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(node, node.Int("axis", -1), x.rank()));
  const int64_t p = node.Int("p", 2);
  if (p != 1 && p != 2) return InvalidNode(node, absl::StrCat("p ", p));
  if (x.num_elements() == 0) return Single(x);
  const int64_t outer = ProductOf(x.dims(), 0, axis);
  const int64_t length = x.dims()[axis];
  const int64_t inner = ProductOf(x.dims(), axis + 1, x.rank());
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        const T* in = x.data<T>().data();
        T* y = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &y));
        for (int64_t line = 0; line < outer * inner; ++line) {
          const int64_t base = line / inner * length * inner + line % inner;
          double sum = 0;
          for (int64_t i = 0; i < length; ++i) {
            const double v = static_cast<double>(in[base + i * inner]);
            sum += p == 1 ? std::abs(v) : v * v;
          }
          const double norm = p == 1 ? sum : std::sqrt(sum);
          for (int64_t i = 0; i < length; ++i) {
            y[base + i * inner] = static_cast<T>(static_cast<double>(in[base + i * inner]) / norm);
          }
        }
        return Single(std::move(result));
      },
      [&] { return NoFloat(node, x.dtype()); });
}

absl::StatusOr<Outputs> EvaluateLrn(const EvalContext& context, const NodeView& node,
                                    Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 1));
  const Tensor& x = *inputs[0];
  const int64_t size = node.Int("size", 0);
  if (x.rank() < 2 || size < 1) {
    return InvalidNode(node, absl::StrCat("size ", size, " over ", DimsToString(x.dims())));
  }
  if (x.num_elements() == 0) return Single(x);
  const double alpha = static_cast<double>(node.Float("alpha", 1e-4f)) / static_cast<double>(size);
  const double beta = static_cast<double>(node.Float("beta", 0.75f));
  const double bias = static_cast<double>(node.Float("bias", 1.0f));
  const int64_t channels = x.dims()[1];
  const int64_t inner = ProductOf(x.dims(), 2, x.rank());
  const int64_t before = std::min((size - 1) / 2, channels);
  const int64_t after = std::min(size - 1 - (size - 1) / 2, channels);
  const bool exact = context.mode == EvalMode::kExact;
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        const T* in = x.data<T>().data();
        T* y = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &y));
        const int64_t planes = x.dims()[0] * channels;
        ParallelFor(context.threads, planes, inner * (before + after + 40),
                    [&](int64_t begin, int64_t end) {
          for (int64_t plane = begin; plane < end; ++plane) {
            const int64_t c = plane % channels;
            const int64_t first = std::max<int64_t>(c - before, 0) - c;
            const int64_t last = std::min(c + after, channels - 1) - c;
            for (int64_t i = 0; i < inner; ++i) {
              const T* at = in + plane * inner + i;
              double sum = 0;
              for (int64_t d = first; d <= last; ++d) {
                const double v = static_cast<double>(at[d * inner]);
                sum += v * v;
              }
              const double base = bias + alpha * sum;
              const double scale = exact ? ExactPow<double>(base, beta) : std::pow(base, beta);
              y[plane * inner + i] = static_cast<T>(static_cast<double>(*at) / scale);
            }
          }
        });
        return Single(std::move(result));
      },
      [&] { return NoFloat(node, x.dtype()); });
}

}  // namespace

void AppendNormalizationOps(std::vector<OpDef>* rows) {
  AddRow(rows, "InstanceNormalization", 6, &EvaluateInstanceNormalization);
  AddRow(rows, "GroupNormalization", 18, &EvaluateGroupNormalization);
  AddRow(rows, "LayerNormalization", 17, &EvaluateLayerNormalization);
  AddRow(rows, "RMSNormalization", 23, &EvaluateRmsNormalization);
  AddRow(rows, "MeanVarianceNormalization", 9, &EvaluateMeanVariance);
  AddRow(rows, "LpNormalization", 1, &EvaluateLpNormalization);
  AddRow(rows, "LRN", 1, &EvaluateLrn);
}

}  // namespace dsperse
