// The backend of circom with circomlib-ml 1.4.4: non-linear R1CS constraints.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_R1CS_CIRCOM_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_R1CS_CIRCOM_H_

#include "circuit_estimate/backend.h"

namespace dsperse {

const Backend& R1csCircom();

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_R1CS_CIRCOM_H_
