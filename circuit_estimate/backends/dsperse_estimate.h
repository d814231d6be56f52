// The estimate that DSperse's own slicer makes, for comparison with its cuts.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_DSPERSE_ESTIMATE_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_DSPERSE_ESTIMATE_H_

#include "circuit_estimate/backend.h"

namespace dsperse {

const Backend& DsperseEstimate();

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_DSPERSE_ESTIMATE_H_
