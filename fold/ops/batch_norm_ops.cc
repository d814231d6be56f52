// BatchNormalization, inference and (opset 14 on) training mode.
//
// y = (x − mean) · (scale / sqrt(variance + epsilon)) + bias, each operation in double, rounded once.
// Which nodes are in inference mode has changed over the opsets: 14+ `training_mode` = 0; 7 to 13 no
// output but the first is named; 6 `is_test` = 1. `spatial` = 0 (opsets up to 8) normalizes every element
// by parameters of its own; it isn't evaluated.
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/parallel.h"

namespace dsperse {
namespace {

struct Channels {
  int64_t batch = 1;
  int64_t count = 1;
  int64_t inner = 1;  // elements of a channel in one image
};

template <typename T>
absl::StatusOr<Tensor> Apply(const EvalContext& context, const Tensor& x, const Channels& channels,
                             const std::vector<double>& mean, const std::vector<double>& factor,
                             const std::vector<double>& bias) {
  T* y = nullptr;
  DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, x.dims(), &y));
  const T* in = x.data<T>().data();
  ParallelFor(context.threads, channels.batch * channels.count, 2 * channels.inner,
              [&](int64_t begin, int64_t end) {
                for (int64_t plane = begin; plane < end; ++plane) {
                  const int64_t c = plane % channels.count;
                  const double m = mean[c];
                  const double f = factor[c];
                  const double b = bias[c];
                  for (int64_t i = plane * channels.inner; i < (plane + 1) * channels.inner; ++i) {
                    y[i] = static_cast<T>((static_cast<double>(in[i]) - m) * f + b);
                  }
                }
              });
  return result;
}

// Mean and (population) variance of each channel.
template <typename T>
void Measure(const Tensor& x, const Channels& channels, std::vector<double>* mean,
             std::vector<double>* variance) {
  const T* in = x.data<T>().data();
  const double size = static_cast<double>(channels.batch * channels.inner);
  for (int64_t c = 0; c < channels.count; ++c) {
    const auto sum = [&](auto&& f) {
      double total = 0;
      for (int64_t n = 0; n < channels.batch; ++n) {
        const T* plane = in + (n * channels.count + c) * channels.inner;
        for (int64_t i = 0; i < channels.inner; ++i) total += f(static_cast<double>(plane[i]));
      }
      return total / size;
    };
    const double m = sum([](double v) { return v; });
    (*mean)[c] = m;
    (*variance)[c] = sum([m](double v) { return (v - m) * (v - m); });
  }
}

absl::StatusOr<bool> IsTraining(const NodeView& node, DType dtype) {
  if (node.opset() >= 14) return node.Int("training_mode", 0) != 0;
  bool inference = node.num_outputs() <= 1;
  if (node.opset() <= 6) inference &= node.Int("is_test", 0) != 0;
  for (int i = 1; i < node.num_outputs(); ++i) {
    if (node.output(i).valid()) return Unsupported(node, dtype, "training mode");
  }
  if (node.opset() <= 6 && !inference) return Unsupported(node, dtype, "training mode");
  if (node.opset() <= 8 && node.Int("spatial", 1) == 0) {
    return Unsupported(node, dtype, "spatial = 0");
  }
  return false;
}

// A running statistic in the type of its input.
absl::StatusOr<Tensor> Running(const EvalContext& context, const NodeView& node,
                               const Tensor& before, const std::vector<double>& current,
                               double momentum) {
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<double> old, ToDoubles(before));
  return DispatchFloats(
      before.dtype(),
      [&](auto tag) -> absl::StatusOr<Tensor> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, before.dims(), &out));
        for (size_t c = 0; c < old.size(); ++c) {
          out[c] = static_cast<T>(old[c] * momentum + current[c] * (1 - momentum));
        }
        return result;
      },
      [&]() -> absl::StatusOr<Tensor> { return UnsupportedType(node, before.dtype()); });
}

absl::StatusOr<Outputs> EvaluateBatchNormalization(const EvalContext& context, const NodeView& node,
                                                   Inputs inputs) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 5));
  const Tensor& x = *inputs[0];
  if (x.rank() < 1) return InvalidNode(node, "a scalar input");
  DSPERSE_ASSIGN_OR_RETURN(const bool training, IsTraining(node, x.dtype()));
  // A vector is a batch of one channel.
  Channels channels;
  channels.batch = x.dims()[0];
  channels.count = x.rank() > 1 ? x.dims()[1] : 1;
  std::vector<std::vector<double>> parameters;
  for (int i = 1; i < 5; ++i) {
    if (inputs[i]->rank() != 1 || inputs[i]->num_elements() != channels.count) {
      return InvalidNode(node, absl::StrCat("input ", i, " is ", DimsToString(inputs[i]->dims()),
                                            " for ", channels.count, " channels"));
    }
    DSPERSE_ASSIGN_OR_RETURN(std::vector<double> values, ToDoubles(*inputs[i]));
    parameters.push_back(std::move(values));
  }
  if (x.num_elements() == 0) return Unsupported(node, x.dtype(), "an empty tensor");
  channels.inner = x.num_elements() / channels.batch / channels.count;
  std::vector<double>& mean = parameters[2];
  std::vector<double>& variance = parameters[3];
  return DispatchFloats(
      x.dtype(),
      [&](auto tag) -> absl::StatusOr<Outputs> {
        using T = typename decltype(tag)::type;
        Outputs outputs(1);
        if (training) {
          const double momentum = static_cast<double>(node.Float("momentum", 0.9f));
          Measure<T>(x, channels, &mean, &variance);
          DSPERSE_ASSIGN_OR_RETURN(Tensor running_mean,
                                   Running(context, node, *inputs[3], mean, momentum));
          DSPERSE_ASSIGN_OR_RETURN(Tensor running_variance,
                                   Running(context, node, *inputs[4], variance, momentum));
          outputs.push_back(std::move(running_mean));
          outputs.push_back(std::move(running_variance));
        }
        const double epsilon = static_cast<double>(node.Float("epsilon", 1e-5f));
        std::vector<double> factor(mean.size());
        for (size_t c = 0; c < factor.size(); ++c) {
          factor[c] = parameters[0][c] / std::sqrt(variance[c] + epsilon);
        }
        DSPERSE_ASSIGN_OR_RETURN(
            outputs[0], Apply<T>(context, x, channels, mean, factor, parameters[1]));
        outputs.resize(static_cast<size_t>(std::max(1, node.num_outputs())));
        return outputs;
      },
      [&]() -> absl::StatusOr<Outputs> { return UnsupportedType(node, x.dtype()); });
}

}  // namespace

void AppendBatchNormOps(std::vector<OpDef>* rows) {
  AddRow(rows, "BatchNormalization", 6, &EvaluateBatchNormalization);
}

}  // namespace dsperse
