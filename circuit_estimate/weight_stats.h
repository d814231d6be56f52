// WeightStats: what the value bounds of a prover need to know of a constant: largest magnitude,
// largest sum of magnitudes per channel, zeros. Read once by streaming, remembered per value.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_WEIGHT_STATS_H_
#define DSPERSE_CIRCUIT_ESTIMATE_WEIGHT_STATS_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/ir/tensor.h"

namespace dsperse {

struct TensorStats {
  double max_abs = 0;          // 0 for an empty tensor
  double least_nonzero = 0;    // smallest magnitude that isn't 0; 0 if there is none
  double max_channel_sum = 0;  // over the channels of the axis asked for: the largest Σ|v|
  int64_t below_one = 0;       // elements of magnitude < 1
};

// Reads `tensor`, 1 MB at a time. `axis` names the channels of max_channel_sum (< 0: one channel).
// Unimplemented for types that have no numeric value.
absl::StatusOr<TensorStats> ReadTensorStats(const Tensor& tensor, int axis);

class WeightStats {
 public:
  // The statistics of the constant `tensor` behind `value`; a failed read is remembered too.
  absl::StatusOr<TensorStats> Of(ValueId value, const Tensor& tensor, int axis);

 private:
  // A value is read along one axis almost always; the key holds both.
  absl::flat_hash_map<uint64_t, absl::StatusOr<TensorStats>> stats_;
};

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_WEIGHT_STATS_H_
