#include "slicer/cli/lowering_flags.h"

#include <algorithm>
#include <cmath>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "circuit_estimate/backend.h"
#include "fold/ir/one_line.h"
#include "fold/ir/status_macros.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/exit_code.h"
#include "slicer/cli/flag_values.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

std::string Percent(double part, double whole) {
  // Not all is never 100 %.
  return whole == 0 ? "" : absl::StrFormat("%.1f %%", part < whole ? std::min(99.9, 100 * part / whole) : 100.0);
}

std::string Share(const Provability& p) {
  std::string text = absl::StrCat(WithCommas(p.provable_nodes), " of ", WithCommas(p.nodes));
  if (p.multiply_adds != 0) {
    absl::StrAppend(&text, ", ",
                    Percent(static_cast<double>(p.provable_multiply_adds),
                            static_cast<double>(p.multiply_adds)),
                    " of multiply-adds");
  }
  return text;
}

}  // namespace

absl::string_view PricesOf(absl::string_view target) { return target == "ezkl" ? "ezkl_halo2" : "jstprove_expander"; }

void AddLoweringFlags(CLI::App& command, absl::string_view by_default, LoweringFlags& flags) {
  command
      .add_option("--target", flags.target,
                  absl::StrCat("Rewrite for this prover: jstprove, ezkl or none", by_default))
      ->type_name("NAME");
  command.add_flag("--exact", flags.exact,
                   "Only rewrites that keep every product and sum of the model");
  command.add_flag("--require-provable", flags.require_provable,
                   "Exit status 4 if the prover can't prove all that computes");
  command
      .add_option("--input-range", flags.input_ranges,
                  "Inputs never leave these bounds, x=-1,1: comparisons that this makes idle are dropped")
      ->check(CLI::Validator(
          [](const std::string& text) -> std::string {
            // What the model knows nothing of: that there are two numbers, the lower first.
            const std::string bounds = text.substr(text.rfind('=') + 1);
            const size_t comma = bounds.find(',');
            double low = 0, high = 0;
            const bool ok = comma != std::string::npos && absl::SimpleAtod(bounds.substr(0, comma), &low) &&
                            absl::SimpleAtod(bounds.substr(comma + 1), &high) && std::isfinite(low) &&
                            std::isfinite(high) && low <= high;
            return ok ? "" : absl::StrCat("'", text, "': write two numbers, the lower first: x=-1,1");
          },
          "", "range"))
      ->allow_extra_args(false)
      ->type_name("[NAME=]LOW,HIGH");
}

absl::Status ApplyLoweringFlags(const LoweringFlags& flags, absl::string_view backend,
                                FoldOptions* options) {
  options->target = nullptr;
  options->lower = false;
  options->pass_options.exact = flags.exact;
  options->input_ranges = flags.input_ranges;
  if (flags.target.empty() || flags.target == "none") {
    if (flags.exact) return UsageError("--exact goes with --target jstprove or ezkl");
    if (flags.require_provable) {
      return UsageError("--require-provable goes with --target jstprove or ezkl");
    }
    return absl::OkStatus();
  }
  DSPERSE_RETURN_IF_ERROR(IsTarget(flags.target, /*none=*/true));
  options->target = Target::Find(flags.target);
  options->lower = true;
  if (backend.empty()) backend = PricesOf(flags.target);
  const Backend* prices = FindBackend(backend);
  if (prices == nullptr) return absl::InternalError(absl::StrCat("no backend ", backend));
  DSPERSE_ASSIGN_OR_RETURN(options->pricer,
                           MakePricerFactory(*prices, Parameters(prices->parameters())));
  return absl::OkStatus();
}

nlohmann::ordered_json ProvabilityJson(const Provability& provability) {
  nlohmann::ordered_json json;
  json["arithmetic_nodes"] = provability.nodes;
  json["provable_nodes"] = provability.provable_nodes;
  json["multiply_adds"] = provability.multiply_adds;
  json["provable_multiply_adds"] = provability.provable_multiply_adds;
  json["uncounted_nodes"] = provability.uncounted;
  json["unprovable"] = nlohmann::ordered_json::array();
  for (const UnprovableNode& node : provability.unprovable) {
    json["unprovable"].push_back({{"node", node.node}, {"op", node.op}, {"reason", node.reason}});
  }
  return json;
}

std::string ProvabilityText(absl::string_view target, absl::string_view earlier, const Provability* before,
                            const Provability& after) {
  constexpr size_t kListed = 10;
  std::string text = absl::StrCat("  provable by ", target, ", of the nodes that compute:\n");
  TextTable shares("l");
  if (before != nullptr) shares.Row({std::string(earlier), Share(*before)});
  shares.Row({"lowered", Share(after)});
  absl::StrAppend(&text, shares.ToString(4));
  for (size_t i = 0; i < after.unprovable.size() && i < kListed; ++i) {
    const UnprovableNode& node = after.unprovable[i];
    absl::StrAppend(&text, "    ", OneLine(absl::StrCat("not ", node.op, " '", node.node, "': ", node.reason)), "\n");
  }
  if (after.unprovable.size() > kListed) {
    absl::StrAppend(&text, "    and ", after.unprovable.size() - kListed,
                    " more (--json lists them)\n");
  }
  return text;
}

}  // namespace dsperse
