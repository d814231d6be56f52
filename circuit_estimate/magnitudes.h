// Sums of magnitudes of floats in double, as fast as memory gives them.
//
// The results are the same on every machine: the additions and their order are fixed, whatever
// instructions carry them out.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_MAGNITUDES_H_
#define DSPERSE_CIRCUIT_ESTIMATE_MAGNITUDES_H_

#include <cstdint>

namespace dsperse {

// Σ|data[i]|, as sixteen sums of every sixteenth element (the additions of one would wait for each
// other), added in pairs, and then the up to fifteen that are left over.
double SumOfMagnitudes(const float* data, int64_t count);

// sums[i] += |data[i]|.
void AddMagnitudes(const float* data, int64_t count, double* sums);

// The same without special instructions.
double PortableSumOfMagnitudes(const float* data, int64_t count);
void PortableAddMagnitudes(const float* data, int64_t count, double* sums);

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_MAGNITUDES_H_
