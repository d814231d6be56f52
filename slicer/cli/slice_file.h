// From a model's file to a slices directory, with its receipt.
#ifndef DSPERSE_SLICER_CLI_SLICE_FILE_H_
#define DSPERSE_SLICER_CLI_SLICE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "slicer/cli/cli.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/output_paths.h"
#include "slicer/prepare.h"
#include "slicer/receipt.h"

namespace dsperse {

struct SliceJob {
  ModelFlags model;
  std::string output;
  PrepareOptions prepare;
  WriteOptions write;
  bool require_provable = false;
  std::vector<OutputPath> outputs;  // all that will be written: a usage error where one is read
};

// Usage errors: a backend, parameter, target or list of passes that there is not; limits below 1.
absl::Status CheckJob(const SliceJob& job);

struct SlicedFile {
  Prepared prepared;
  WrittenDirectory written;
};

// Loads and prepares; `written` holds the account only.
absl::StatusOr<SlicedFile> PlanFile(const SliceJob& job, CliContext& context);
// The same, and writes the directory with a receipt.json in it. Where a fused weight turns out not to be
// finite when it is written, all is done anew with an eye on the weights.
absl::StatusOr<SlicedFile> SliceFile(const SliceJob& job, CliContext& context);

// Does the work of a receipt of `slice` again on the model at `path`, into `folder`.
absl::StatusOr<Receipt> RepeatSlice(const Receipt& receipt, const std::string& path,
                                    const std::string& folder, CliContext& context);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_SLICE_FILE_H_
