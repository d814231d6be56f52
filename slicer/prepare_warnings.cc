#include "slicer/prepare_warnings.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/ops/interpreter.h"
#include "slicer/circuit_products.h"

namespace dsperse {
namespace {

// "slice 3", "slices 3, 5", "slices 3, 5, 8, 9 and 12 others", "all 16 slices".
std::string SliceList(const std::vector<int>& slices, const Prepared& prepared) {
  constexpr size_t kNamed = 4;
  if (slices.size() > 1 && slices.size() == prepared.plan.slices.size()) {
    return absl::StrCat("all ", slices.size(), " slices");
  }
  const size_t named = slices.size() > kNamed + 1 ? kNamed : slices.size();
  std::string out = absl::StrCat(slices.size() == 1 ? "slice " : "slices ",
                                 absl::StrJoin(slices.begin(), slices.begin() + static_cast<ptrdiff_t>(named), ", "));
  if (slices.size() > named) absl::StrAppend(&out, " and ", slices.size() - named, " others");
  return out;
}

void WarnOfLargeSlices(Prepared* prepared) {
  // ResNet-50's first Conv at 224 has 118 million products: more than most machines compile.
  constexpr uint64_t kHuge = 50'000'000;
  std::vector<int> huge, over_budget;
  uint64_t largest = 0;
  for (size_t i = 0; i < prepared->plan.slices.size(); ++i) {
    const Slice& slice = prepared->plan.slices[i];
    if (slice.over_budget) over_budget.push_back(static_cast<int>(i));
    if (!slice.provable) continue;  // no circuit is made for it
    const absl::Span<const NodeId> nodes =
        absl::MakeConstSpan(prepared->plan.order)
            .subspan(static_cast<size_t>(slice.begin), static_cast<size_t>(slice.end - slice.begin));
    const uint64_t sum =
        CircuitProducts(*prepared->graph, *prepared->facts, prepared->plan_options.target, nodes);
    if (sum > kHuge) huge.push_back(static_cast<int>(i));
    largest = std::max(largest, sum);
  }
  if (!over_budget.empty()) {
    prepared->warnings.push_back(absl::StrCat(
        SliceList(over_budget, *prepared), " cost more than the budget of ", *prepared->plan_options.budget, " ",
        prepared->plan.unit, prepared->plan_options.policy == Policy::kBudget ? ": a node is not cut" : ""));
  }
  if (!huge.empty()) {
    prepared->warnings.push_back(
        absl::StrCat(SliceList(huge, *prepared), huge.size() == 1 ? " has " : " have up to ", largest / 1'000'000,
                     " million products, each a gate at least: compiling may take more memory "
                     "than there is. --minimize largest and --budget cut smaller slices; `dsperse compile "
                     "--skip-compile-over-size` leaves large ones unproven"));
  }
}

// The compiler makes circuits of some of them all the same: a LayerNormalization by another epsilon, say.
void WarnOfUnprovableSlices(Prepared* prepared) {
  const Target* const target = prepared->plan_options.target;
  if (target == nullptr || target->name() != kLiftedTarget) return;
  std::vector<int> unprovable;
  for (size_t i = 0; i < prepared->plan.slices.size(); ++i) {
    const Slice& slice = prepared->plan.slices[i];
    if (slice.arithmetic && !slice.provable) unprovable.push_back(static_cast<int>(i));
  }
  if (unprovable.empty()) return;
  prepared->warnings.push_back(absl::StrCat(
      "JSTprove can't prove ", SliceList(unprovable, *prepared),
      ": where `dsperse compile` makes a circuit all the same, its proof may verify and be of another function"));
}

// How far values inside of slices may reach where that isn't proven.
void TellOfNarrowings(Prepared* prepared) {
  size_t number = 0;
  double least = 0;
  for (const Slice& slice : prepared->plan.slices) {
    for (const Narrowing& narrowing : slice.narrowings) {
      if (narrowing.to.source == BoundSource::kProven) continue;
      least = number++ == 0 ? narrowing.to.bound() : std::min(least, narrowing.to.bound());
    }
  }
  if (number == 0) return;
  prepared->assumptions.push_back(absl::StrCat(
      "what ", number, number == 1 ? " Relu compares" : " Relus compare",
      " is assumed, not proven, to lie within ±", least,
      number == 1 ? "" : " or more",
      ": a larger value may be proven as another, in a proof that verifies; `dsperse-slice verify` warns of larger ones"));
}

// Of the slices that are proven: which begin with values that no proof of ours bounds, and which are not
// lifted at all, so that the compiler takes their inputs to lie within ±1 (lift.h).
void TellOfInputBounds(Prepared* prepared) {
  const Target* const target = prepared->plan_options.target;
  if (target == nullptr || target->name() != kLiftedTarget) return;
  std::vector<int> assumed, bare;
  double largest = 0;
  for (size_t i = 0; i < prepared->plan.slices.size(); ++i) {
    const Slice& slice = prepared->plan.slices[i];
    if (!slice.provable || !slice.arithmetic) continue;
    bool assumes = false, none = slice.lifts.empty();
    for (const Lift& lift : slice.lifts) {
      none |= lift.source == BoundSource::kNone;
      if (lift.source != BoundSource::kAssumed && lift.source != BoundSource::kGiven) continue;
      assumes = true;
      largest = std::max(largest, lift.bound());
    }
    if (none) bare.push_back(static_cast<int>(i));
    else if (assumes) assumed.push_back(static_cast<int>(i));
  }
  TellOfNarrowings(prepared);
  if (!assumed.empty()) {
    prepared->assumptions.push_back(
        absl::StrCat("what enters ", SliceList(assumed, *prepared),
                     " is assumed, not proven, to lie within what --activation-range says (at most ±", largest,
                     ", rounded up): a larger value may be proven as another, in a proof that verifies; "
                     "`dsperse-slice verify` warns of larger ones"));
  }
  if (!bare.empty()) {
    prepared->warnings.push_back(absl::StrCat(
        "JSTprove takes what enters ", SliceList(bare, *prepared),
        " to lie within ±1: beyond that, a negative value may be proven as another, in a proof that verifies "
        "(see docs/slicing.md)"));
  }
}

}  // namespace

void Warn(Prepared* prepared) {
  const Graph& graph = *prepared->graph;
  if (const size_t inputs = RequiredInputs(graph).size(); inputs > 1) {
    prepared->warnings.push_back(
        absl::StrCat("the model has ", inputs, " inputs; DSperse runs models of one input only"));
  }
  // DSperse reports the first output of the last slice only.
  const absl::Span<const ValueId> reported = prepared->plan.slices.back().outputs;
  std::vector<std::string> unreported;
  for (ValueId v : graph.Outputs(graph.main())) {
    if (reported.empty() || v != reported[0]) unreported.push_back(absl::StrCat("'", graph.Name(v), "'"));
  }
  if (!unreported.empty()) {
    prepared->warnings.push_back(absl::StrCat("DSperse reports the first output of the last slice only, so not ",
                                              absl::StrJoin(unreported, ", ")));
  }
  if (const absl::Status fits = CheckModelSize(graph); !fits.ok()) {
    prepared->warnings.emplace_back(fits.message());
  }
  WarnOfLargeSlices(prepared);
  WarnOfUnprovableSlices(prepared);
  TellOfInputBounds(prepared);
}

}  // namespace dsperse
