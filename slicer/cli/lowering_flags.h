// The flags of lowering, shared by the subcommands that rewrite a model for a prover.
#ifndef DSPERSE_SLICER_CLI_LOWERING_FLAGS_H_
#define DSPERSE_SLICER_CLI_LOWERING_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "fold/fold_model.h"
#include "nlohmann/json_fwd.hpp"

namespace CLI {
class App;
}

namespace dsperse {

struct LoweringFlags {
  std::string target;  // "": the subcommand's own; "none": no lowering
  bool exact = false;
  bool require_provable = false;
  std::vector<std::string> input_ranges;
};

// The backend that prices what `target` proves.
absl::string_view PricesOf(absl::string_view target);

// `--target`, `--exact`, `--require-provable`, `--input-range`. `by_default` ends the help of `--target`.
void AddLoweringFlags(CLI::App& command, absl::string_view by_default, LoweringFlags& flags);

// Target and classes of rewrites as the flags say; the pricer is that of `backend`, or where it is
// "" of the target's own backend. Without a target nothing is lowered. Usage errors: no such
// target; --exact or --require-provable without one.
absl::Status ApplyLoweringFlags(const LoweringFlags& flags, absl::string_view backend,
                                FoldOptions* options);

// {"arithmetic_nodes", "provable_nodes", "multiply_adds", "provable_multiply_adds",
// "uncounted_nodes", "unprovable": [{node, op, reason}]}.
nlohmann::ordered_json ProvabilityJson(const Provability& provability);

// "  provable by jstprove, of the nodes that compute:\n", a line for `before`, which may be null, and one for `after`
// ("    lowered  12 of 20, 81.3 % of multiply-adds\n"), and one for each of the first nodes that are not. `earlier`
// says what `before` is of: "as it came", "folded".
std::string ProvabilityText(absl::string_view target, absl::string_view earlier, const Provability* before,
                            const Provability& after);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_LOWERING_FLAGS_H_
