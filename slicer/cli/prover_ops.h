// What a backend prices and a target proves, operator by operator.
#ifndef DSPERSE_SLICER_CLI_PROVER_OPS_H_
#define DSPERSE_SLICER_CLI_PROVER_OPS_H_

#include <string>

#include "absl/status/status.h"
#include "slicer/cli/cli.h"

namespace dsperse {

// Names of one of each; "" stands for the default (jstprove_expander, jstprove).
struct ProverOpsFlags {
  std::string backend;
  std::string target;
};

// Operators × (inferred, evaluated, priced exactly, provable, condition). A usage error for other
// names.
absl::Status PrintProverOps(const ProverOpsFlags& flags, bool json, CliContext& context);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_PROVER_OPS_H_
