// WeightStats: what the value bounds of a prover need to know of a constant: largest magnitude,
// largest sum of magnitudes per channel, zeros. Read once by streaming, remembered per value.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_WEIGHT_STATS_H_
#define DSPERSE_CIRCUIT_ESTIMATE_WEIGHT_STATS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"

namespace dsperse {

struct TensorStats {
  double max_abs = 0;     // 0 for an empty tensor
  int64_t below_one = 0;  // elements of magnitude < 1
};

// Reads `tensor`, a window at a time. Unimplemented for types that have no numeric value.
absl::StatusOr<TensorStats> ReadTensorStats(const Tensor& tensor);
// The largest Σ|v| over the channels along `axis` (outside of the rank: all elements are one
// channel).
absl::StatusOr<double> ReadLargestChannelSum(const Tensor& tensor, int axis);

class WeightStats {
 public:
  // The statistics of the constant `tensor` behind `value`; a failed read is remembered too.
  absl::StatusOr<TensorStats> Of(ValueId value, const Tensor& tensor);
  // `value` is asked for along one axis only; another one is read anew.
  absl::StatusOr<double> LargestChannelSum(ValueId value, const Tensor& tensor, int axis);

  struct Request {
    ValueId value;
    const Tensor* tensor;
    int axis;
  };
  // Reads the largest channel sums of all of them on several threads, so that later questions find
  // them. The sums are those of LargestChannelSum.
  void Prefetch(absl::Span<const Request> requests);

 private:
  absl::flat_hash_map<ValueId, absl::StatusOr<TensorStats>> stats_;
  absl::flat_hash_map<std::pair<ValueId, int>, absl::StatusOr<double>> sums_;
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_WEIGHT_STATS_H_
