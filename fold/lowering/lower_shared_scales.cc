#include "fold/lowering/lower_shared_scales.h"

#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ops/fixed_point.h"

namespace dsperse {
namespace {

constexpr std::array<absl::string_view, 3> kSuffixes = {"_whole", "_weights", "_bias"};

}  // namespace

absl::StatusOr<bool> LowerSharedScales::Run(Graph& graph, PassContext& context) const {
  if (context.target == nullptr) return false;
  bool changed = false;
  for (const ValueId value : graph.Initializers(graph.main())) {
    const std::vector<Use> uses(graph.Uses(value).begin(), graph.Uses(value).end());
    if (uses.size() < 2 || graph.ConstantValue(value) == nullptr || !IsFloat(graph.ConstantValue(value)->dtype())) continue;
    // By power: the constant that its readers read.
    std::array<ValueId, 3> parts;
    int powers = 0, first = -1;
    std::array<bool, 3> seen = {};
    for (const Use& use : uses) {
      const int power = use.is_block_output() ? 0 : context.target->ScalePower(graph.node(use.node), use.index);
      if (first < 0) first = power;
      if (!seen[static_cast<size_t>(power)]) ++powers;
      seen[static_cast<size_t>(power)] = true;
    }
    if (powers < 2 || AllZero(*graph.ConstantValue(value))) continue;
    parts[static_cast<size_t>(first)] = value;
    for (const Use& use : uses) {
      if (use.is_block_output()) continue;
      const size_t power = static_cast<size_t>(context.target->ScalePower(graph.node(use.node), use.index));
      if (parts[power] == value) continue;
      if (!parts[power].valid()) {
        parts[power] = graph.AddConstant(absl::StrCat(graph.Name(value), kSuffixes[power]), *graph.ConstantValue(value));
      }
      graph.SetInput(use.node, use.index, parts[power]);
    }
    context.Note(absl::StrCat("'", graph.Name(value), "' enters circuits at ", powers, " scales: one constant for each"));
    changed = true;
  }
  return changed;
}

}  // namespace dsperse
