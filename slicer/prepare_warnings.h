// What a user should know of a prepared model before it is proven: Prepared's warnings and assumptions.
#ifndef DSPERSE_SLICER_PREPARE_WARNINGS_H_
#define DSPERSE_SLICER_PREPARE_WARNINGS_H_

#include "slicer/prepare.h"

namespace dsperse {

// Appends the warnings (inputs and outputs that DSperse doesn't serve, a model file or circuits that get too large,
// slices over the budget or not provable, inputs that nothing bounds) and the assumptions (how large values are taken to get where
// that isn't proven). The plan is final.
void Warn(Prepared* prepared);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_PREPARE_WARNINGS_H_
