// The backend of EZKL 23.0.5 (Halo2): cells of the sheet it lays out, before calibration.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_HALO2_H_
#define DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_HALO2_H_

#include "circuit_estimate/backend.h"

namespace dsperse {

const Backend& EzklHalo2();

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_BACKENDS_EZKL_HALO2_H_
