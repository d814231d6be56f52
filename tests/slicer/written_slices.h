// A model prepared, written as a slices directory and read back.
#ifndef DSPERSE_TESTS_SLICER_WRITTEN_SLICES_H_
#define DSPERSE_TESTS_SLICER_WRITTEN_SLICES_H_

#include "absl/strings/string_view.h"
#include "slicer/metadata.h"
#include "slicer/prepare.h"
#include "slicer/verify_slices.h"

namespace dsperse::testing {

struct WrittenSlices {
  Prepared prepared;
  LoadedSlices slices;
  Metadata metadata;
};

// `model` in ONNX's text syntax. Any error fails the test and ends the program: nothing could be returned.
WrittenSlices WriteAndLoad(absl::string_view model, const PrepareOptions& options = {});

// What the planner took each slice to cost for jstprove_expander, and how many bits it took it to need, before
// anything was written, are what its file is estimated at, in every metric.
void ExpectPricesOfTheFiles(const WrittenSlices& written);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SLICER_WRITTEN_SLICES_H_
