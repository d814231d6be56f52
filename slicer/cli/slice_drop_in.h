// The flags of `dsperse slice`, so that a script which calls it need not change.
#ifndef DSPERSE_SLICER_CLI_SLICE_DROP_IN_H_
#define DSPERSE_SLICER_CLI_SLICE_DROP_IN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "slicer/cli/cli.h"
#include "slicer/prepare.h"

namespace CLI {
class App;
}

namespace dsperse {

struct DropInFlags {
  std::string model_dir;
  std::string output_dir;
  std::string proof_system;
  std::string tile_size;
  std::string log_level;
  std::vector<std::string> circuit_ops;
};

// `--model-dir`, `--output-dir`, `--proof-system`, `--circuit-ops`, `--tile-size`, `--log-level`.
// `--input-shape` means the same in both.
void AddDropInFlags(CLI::App& command, DropInFlags& flags);

// Fills in what they stand for: the model's path, the directory to write (<model-dir>/slices unless
// given), the backend, the operators proven. Notices say what is not used. Usage errors: a path given in
// both ways.
absl::Status ApplyDropInFlags(const DropInFlags& flags, CliContext& context, std::string* model,
                              std::string* output, PrepareOptions* options);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_SLICE_DROP_IN_H_
