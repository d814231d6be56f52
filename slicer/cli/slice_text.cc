#include "slicer/cli/slice_text.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "slicer/cli/lowering_flags.h"
#include "slicer/cli/text_table.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

std::string Operators(const Json& slice) {
  std::string out;
  for (const auto& [op, count] : slice["operators"].items()) {
    if (!out.empty()) out += ' ';
    out += op;
    if (count.get<int>() > 1) absl::StrAppend(&out, "×", count.get<int>());
  }
  constexpr size_t kWidth = 44;
  if (out.size() > kWidth) out = out.substr(0, out.rfind(' ', kWidth)) + " …";
  return out;
}

std::string Verdict(const Json& slice) {
  std::string verdict = "yes";
  if (!slice["arithmetic"].get<bool>()) verdict = "only moves data";
  if (slice.contains("reason")) verdict = absl::StrCat("no: ", slice["reason"].get<std::string>());
  if (slice["over_budget"].get<bool>()) verdict += ", over the budget";
  return verdict;
}

std::string Number(const Json& number) {
  return WithCommas(static_cast<int64_t>(number.get<uint64_t>()));
}

bool Unpriced(const Json& part) { return part["unpriced_nodes"].get<int>() > 0; }

// By a formula; where a node has no price, the rest isn't looked at.
bool IsApproximate(const Json& slice) { return !slice["exact"].get<bool>() && !Unpriced(slice); }

}  // namespace

std::string BeforeSlicingText(const Prepared& prepared) {
  if (!prepared.fold) return "";
  const FoldReport& fold = *prepared.fold;
  std::string out = absl::StrCat(fold.provable_after ? "folded and lowered: " : "folded: ",
                                 WithCommas(fold.before.nodes), " → ", WithCommas(fold.after.nodes),
                                 " nodes\n");
  if (fold.provable_after && prepared.plan_options.target != nullptr) {
    absl::StrAppend(&out,
                    ProvabilityText(prepared.plan_options.target->name(), "folded",
                                    fold.provable_before ? &*fold.provable_before : nullptr, *fold.provable_after));
  }
  return out;
}

std::string SlicesText(const Json& account, CliContext& context) {
  const Json& totals = account["totals"];
  const double total = static_cast<double>(totals["price"].get<uint64_t>());
  const std::string unit = account["unit"].get<std::string>();
  const bool target = account["target"].get<std::string>() != "none";
  bool approximate = false;
  TextTable table("rrlrrrrl");
  table.Row({"slice", "nodes", "operators", unit, "share", "bits", "elements in → out",
             target ? "provable" : ""});
  for (const Json& slice : account["slices"]) {
    const double price = static_cast<double>(slice["price"].get<uint64_t>());
    const int bits = slice["bits"].get<int>();
    approximate |= IsApproximate(slice);
    table.Row({absl::StrCat(slice["index"].get<int>()), absl::StrCat(slice["nodes"].size()),
               Operators(slice),
               absl::StrCat(IsApproximate(slice) ? "≈ " : "", Number(slice["price"]), Unpriced(slice) ? " + ?" : ""),
               total == 0 ? "" : absl::StrFormat("%.1f %%", 100 * price / total), bits == 0 ? "" : absl::StrCat(bits),
               absl::StrCat(Number(slice["input_elements"]), " → ", Number(slice["output_elements"])),
               target || slice["over_budget"].get<bool>() ? Verdict(slice) : ""});
  }
  const int slices = totals["slices"].get<int>();
  std::string summary = absl::StrCat(slices, slices == 1 ? " slice, " : " slices, ", approximate ? "≈ " : "",
                                     Number(totals["price"]), Unpriced(totals) ? " + ?" : "", " ", unit, " in all");
  const int arithmetic = totals["arithmetic_slices"].get<int>();
  if (target) absl::StrAppend(&summary, ", ", totals["provable_slices"].get<int>(), " of ", arithmetic, " provable");
  if (arithmetic < slices) absl::StrAppend(&summary, ", ", slices - arithmetic, " only move data");
  std::string how = absl::StrCat(" (policy ", account["policy"].get<std::string>());
  if (account["order"].get<std::string>() != "input") {
    absl::StrAppend(&how, ", nodes ordered ", account["order"].get<std::string>());
  }
  std::string notes;
  if (approximate) notes += "≈ a formula that can differ from the compiler's own count took part\n";
  if (const int nodes = totals["unpriced_nodes"].get<int>(); nodes > 0) {
    absl::StrAppend(&notes, "? ", WithCommas(nodes), nodes == 1 ? " node has no price and counts" : " nodes have no price and count",
                    " as 0: nothing is known of what a proof of ", nodes == 1 ? "it" : "them", " would cost\n");
  }
  return absl::StrCat(table.ToString(), "\n", context.Bold(summary), how, "; largest slice ",
                      Number(totals["largest_price"]), ")\n", notes);
}

}  // namespace dsperse
