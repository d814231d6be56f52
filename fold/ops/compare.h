// How far two tensors are apart: the rules of `verify`, and element-wise closeness.
#ifndef DSPERSE_FOLD_OPS_COMPARE_H_
#define DSPERSE_FOLD_OPS_COMPARE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "fold/ir/tensor.h"

namespace dsperse {

struct Difference {
  // Do they agree by the rule asked for?
  bool agree = false;
  // Why not, in words ("element type float against double"), or "".
  std::string reason;
  // Over the elements that are finite in both; 0 for tensors that can't be compared element by element.
  // `max_relative` is the largest |a − b| / |a| where a ≠ 0.
  double max_absolute = 0;
  double max_relative = 0;
  // Of CompareTensors and floats: what `max_absolute` may be.
  double allowed = 0;
  // The element (row-major) where |a − b| is largest, or the first of a kind that can't match (NaN
  // against a number, another infinity); −1 if all are equal.
  int64_t worst_element = -1;
};

// The rule of `verify`. Element type and dims must be the same. Floats: max|a − b| ≤ tolerance ·
// max(1e-6, max|a|) over the whole tensor, NaN equals NaN, an infinity only the same infinity.
// Everything else (integers, bools, strings, the small float types) exactly. Reads both tensors whole.
absl::StatusOr<Difference> CompareTensors(const Tensor& a, const Tensor& b, double tolerance);

// The same with |a − b| ≤ absolute + relative · |b| for each element of a float tensor, as numpy's
// allclose has it; what it isn't for is exact as above.
absl::StatusOr<Difference> CompareElements(const Tensor& a, const Tensor& b, double relative,
                                           double absolute);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_COMPARE_H_
