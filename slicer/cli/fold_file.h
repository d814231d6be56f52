// A fold from file to file, with its receipt.
#ifndef DSPERSE_SLICER_CLI_FOLD_FILE_H_
#define DSPERSE_SLICER_CLI_FOLD_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "slicer/cli/cli.h"
#include "slicer/cli/fold_report.h"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/model_in_out.h"
#include "slicer/cli/output_paths.h"
#include "slicer/receipt.h"

namespace dsperse {

struct FoldJob {
  ModelFlags model;
  std::string output;
  FoldOptions fold;
  LoweringFlags lowering;  // applied to `fold` already (ApplyLoweringFlags)
  SaveOptions save;
  bool receipt = false;  // hash what is read and written
  std::vector<OutputPath> outputs;  // all that will be written: a usage error where one is read
};

struct FoldedFile {
  FileFold fold;
  Receipt receipt;  // empty unless asked for
};

// Loads, folds and saves. Where a fused weight turns out not to be finite when it is written, all is done
// anew with an eye on the weights.
absl::StatusOr<FoldedFile> FoldFile(const FoldJob& job, CliContext& context);

// Does the work of a receipt of `fold` again on the model at `path`, into `folder`.
absl::StatusOr<Receipt> RepeatFold(const Receipt& receipt, const std::string& path,
                                   const std::string& folder, CliContext& context);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_FOLD_FILE_H_
