// The backend of jstprove 2.12.1 (remainder): length of all input vectors.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_JSTPROVE_REMAINDER_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_JSTPROVE_REMAINDER_H_

#include "circuit_estimate/backend.h"

namespace dsperse {

const Backend& JstproveRemainder();

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_JSTPROVE_REMAINDER_H_
