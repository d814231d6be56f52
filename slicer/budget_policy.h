// The dynamic programme behind Policy::kBudget, over one order.
#ifndef DSPERSE_SLICER_BUDGET_POLICY_H_
#define DSPERSE_SLICER_BUDGET_POLICY_H_

#include <cstdint>
#include <vector>

#include "fold/ops/pricing.h"
#include "slicer/plan.h"
#include "slicer/sequence.h"

namespace dsperse {

// What a node may share a slice with.
enum class NodeKind : uint8_t { kProvable, kUnprovable, kMovement };

struct BudgetCuts {
  std::vector<int> begins;  // first positions of the slices, ascending, beginning with 0
  // What was minimised, then what breaks ties; smaller is better, compared in this order.
  uint64_t first = 0;
  uint64_t second = 0;
};

// Price of a slice: its nodes, the fixed price and its boundary; saturates at 2^64 − 1.
uint64_t SlicePrice(uint64_t node_price, int64_t in_elements, int64_t out_elements,
                    const SlicePrices& prices);

// Beyond so many nodes only one order is looked at, and slices begin only at narrow places.
inline constexpr int kManyNodes = 600;

// `kinds` by position. Up to kManyNodes nodes the plan is optimal among all cuts. Beyond, slices begin
// only where fewer elements cross than just before and just after, or where no slice goes further: a
// depthwise Conv that became a thousand Convs is cut within only if it has to be. Of equally good plans the one with the longest last slices is taken.
BudgetCuts PlanByBudget(const Sequence& sequence, const std::vector<NodeKind>& kinds,
                        RangePricer& pricer, const PlanOptions& options);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_BUDGET_POLICY_H_
