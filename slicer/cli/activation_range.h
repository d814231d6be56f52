// `--activation-range`: how large values get that enter slices, where nothing proves it.
#ifndef DSPERSE_SLICER_CLI_ACTIVATION_RANGE_H_
#define DSPERSE_SLICER_CLI_ACTIVATION_RANGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "slicer/lifts.h"

namespace CLI {
class App;
}

namespace dsperse {

void AddActivationRangeFlag(CLI::App& command, std::vector<std::string>& flags);

// What the flags say, later ones over earlier: "N" (every value, ±N), "proven" (take nothing for granted),
// "NAME=N" (this one), "@FILE.json" ({"NAME": N, …}). Usage errors: malformed, N below 1 or not finite, a
// file that isn't there or isn't such.
absl::StatusOr<LiftOptions> ParseActivationRange(absl::Span<const std::string> flags);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_ACTIVATION_RANGE_H_
