// Turns the description of a parameter into its bytes, any piece of them at a time.

#ifndef DSPERSE_BENCH_MODELS_PARAMETER_VALUES_H_
#define DSPERSE_BENCH_MODELS_PARAMETER_VALUES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "bench/models/model_spec.h"

namespace dsperse::models {

// Product of the dims; 1 for a scalar. Builders make no product beyond int64.
int64_t ElementCount(const Parameter& parameter);

// Size of the payload in bytes.
int64_t ByteSize(const Parameter& parameter);

// The payload of a parameter of a model with this seed. Equal bytes on every machine: integer
// hashing, one multiplication and one rounding an element, no function of libm.
class ParameterValues {
 public:
  ParameterValues(const Parameter& parameter, uint64_t seed);

  // Fills `out` with elements first, first + 1, …; for a parameter with a distribution only.
  void Generate(int64_t first, absl::Span<float> out) const;

 private:
  UniformGrid grid_;
  uint64_t stream_;
};

}  // namespace dsperse::models

#endif  // DSPERSE_BENCH_MODELS_PARAMETER_VALUES_H_
