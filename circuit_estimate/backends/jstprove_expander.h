// The backend of JSTprove over Expander (BN254), as DSperse 3.9.10 compiles slices.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_JSTPROVE_EXPANDER_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_JSTPROVE_EXPANDER_H_

#include "circuit_estimate/backend.h"

namespace dsperse {

const Backend& JstproveExpander();

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_JSTPROVE_EXPANDER_H_
