#include "slicer/budget_policy.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>

namespace dsperse {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

uint64_t Add(uint64_t a, uint64_t b) { return a > kMax - b ? kMax : a + b; }

uint64_t Multiply(uint64_t a, int64_t b) {
  uint64_t out;
  return __builtin_mul_overflow(a, static_cast<uint64_t>(b), &out) ? kMax : out;
}

// The price of every range that may be a slice, grown from each begin once.
class Ranges {
 public:
  Ranges(const Sequence& sequence, const std::vector<NodeKind>& kinds, RangePricer& pricer,
         const PlanOptions& options)
      : sequence_(sequence), kinds_(kinds), pricer_(pricer), options_(options) {}

  // Calls `visit(end, price)` for each slice [begin, end) that is allowed, until it answers false.
  // [begin, begin + 1) always is.
  template <typename Visit>
  void From(int begin, Visit&& visit) {
    const SlicePrices prices = pricer_.slice_prices();
    if (counter_ == nullptr) counter_ = std::make_unique<BoundaryCounter>(&sequence_);
    counter_->Begin(begin);
    pricer_.Begin();
    bool proves = false, fails = false;
    const int limit = begin + std::min(sequence_.size() - begin, std::max(1, options_.max_nodes));
    for (int p = begin; p < limit; ++p) {
      const RangePrice range = pricer_.Extend(sequence_.node(p));
      counter_->Extend();
      proves |= kinds_[static_cast<size_t>(p)] == NodeKind::kProvable;
      fails |= kinds_[static_cast<size_t>(p)] == NodeKind::kUnprovable;
      const uint64_t price =
          SlicePrice(range.price, counter_->in_elements(), counter_->out_elements(), prices);
      const bool alone = p == begin;
      if (!alone) {
        // None of these gets better as the range grows.
        if (proves && fails) return;
        if (!fails && (range.bits > options_.max_bits || !range.provable)) return;
        if (options_.budget && range.price > *options_.budget) return;
      }
      if ((alone || !options_.budget || price <= *options_.budget) && !visit(p + 1, price)) return;
    }
  }

 private:
  const Sequence& sequence_;
  const std::vector<NodeKind>& kinds_;
  RangePricer& pricer_;
  const PlanOptions& options_;
  std::unique_ptr<BoundaryCounter> counter_;
};

// Elements live across a cut before each position.
std::vector<int64_t> CrossingElements(const Sequence& sequence) {
  const size_t n = static_cast<size_t>(sequence.size());
  std::vector<int64_t> change(n + 2, 0);
  for (int p = 0; p < sequence.size(); ++p) {
    for (ValueId v : sequence.Writes(p)) {
      const int last = std::min(sequence.LastReadAt(v), sequence.size());
      if (last <= p) continue;
      change[static_cast<size_t>(p) + 1] += sequence.Elements(v);
      change[static_cast<size_t>(last) + 1] -= sequence.Elements(v);
    }
  }
  for (size_t p = 1; p < change.size(); ++p) change[p] += change[p - 1];
  change.resize(n + 1);
  return change;
}

// Where slices of a large graph may begin: wherever fewer elements cross than just before and just
// after (of a run of places with equally many, at its first and its last), and, between two such places
// that no single slice joins, wherever the longest one ends. So a plan exists. By position, size() + 1.
std::vector<bool> NarrowPlaces(const Sequence& sequence, Ranges& ranges) {
  const int n = sequence.size();
  const std::vector<int64_t> crossing = CrossingElements(sequence);
  std::vector<bool> place(static_cast<size_t>(n) + 1, false);
  place[0] = place[static_cast<size_t>(n)] = true;
  int first = 0;  // of the places with equally many elements
  for (int p = 1; p < n; ++p) {
    const int64_t here = crossing[static_cast<size_t>(p)];
    if (here != crossing[static_cast<size_t>(p) - 1]) first = p;
    const bool fell = first > 0 && crossing[static_cast<size_t>(first) - 1] > here;
    if (fell && crossing[static_cast<size_t>(p) + 1] > here) {
      place[static_cast<size_t>(first)] = place[static_cast<size_t>(p)] = true;
    }
  }
  for (int begin = 0; begin < n;) {
    int reached = begin;
    ranges.From(begin, [&](int end, uint64_t) {
      reached = end;
      return !place[static_cast<size_t>(end)];
    });
    place[static_cast<size_t>(reached)] = true;
    begin = reached;
  }
  return place;
}

// Best plan of the first `i` positions: two numbers to minimise, in that order.
struct Best {
  uint64_t first = kMax;
  uint64_t second = kMax;
  int begin = -1;  // of the last slice
  bool reached = false;
};

}  // namespace

uint64_t SlicePrice(uint64_t node_price, int64_t in_elements, int64_t out_elements,
                    const SlicePrices& prices) {
  return Add(Add(node_price, prices.per_slice),
             Add(Multiply(prices.per_input_element, in_elements),
                 Multiply(prices.per_output_element, out_elements)));
}

BudgetCuts PlanByBudget(const Sequence& sequence, const std::vector<NodeKind>& kinds,
                        RangePricer& pricer, const PlanOptions& options) {
  Ranges ranges(sequence, kinds, pricer, options);
  const int n = sequence.size();
  const std::vector<bool> place = n > kManyNodes
                                      ? NarrowPlaces(sequence, ranges)
                                      : std::vector<bool>(static_cast<size_t>(n) + 1, true);
  // `step` says what a slice of `price` adds; slices dearer than `cap` are not taken.
  auto solve = [&](auto&& step, uint64_t cap) {
    std::vector<Best> best(static_cast<size_t>(n) + 1);
    best[0] = {0, 0, -1, true};
    for (int begin = 0; begin < n; ++begin) {
      const Best from = best[static_cast<size_t>(begin)];
      if (!from.reached) continue;
      ranges.From(begin, [&](int end, uint64_t price) {
        if (price > cap || !place[static_cast<size_t>(end)]) return true;
        const auto [first, second] = step(from, price);
        Best& to = best[static_cast<size_t>(end)];
        if (to.reached && std::tie(to.first, to.second) <= std::tie(first, second)) return true;
        to = {first, second, begin, true};
        return true;
      });
    }
    return best;
  };
  auto by_total = [](const Best& from, uint64_t price) {
    return std::pair<uint64_t, uint64_t>(Add(from.first, price), from.second + 1);
  };
  auto by_slices = [](const Best& from, uint64_t price) {
    return std::pair<uint64_t, uint64_t>(from.first + 1, Add(from.second, price));
  };
  auto by_largest = [](const Best& from, uint64_t price) {
    return std::pair<uint64_t, uint64_t>(std::max(from.first, price), from.second + 1);
  };
  std::vector<Best> best;
  BudgetCuts cuts;
  switch (options.minimize) {
    case Minimize::kTotal: best = solve(by_total, kMax); break;
    case Minimize::kSlices: best = solve(by_slices, kMax); break;
    case Minimize::kLargest: {
      // The least possible maximum first; under it, the least total.
      const uint64_t largest = solve(by_largest, kMax)[static_cast<size_t>(n)].first;
      best = solve(by_total, largest);
      cuts.first = largest;
      break;
    }
  }
  const Best& whole = best[static_cast<size_t>(n)];
  if (options.minimize == Minimize::kLargest) {
    cuts.second = whole.first;
  } else {
    cuts.first = whole.first;
    cuts.second = whole.second;
  }
  for (int end = n; end > 0; end = best[static_cast<size_t>(end)].begin) {
    cuts.begins.push_back(best[static_cast<size_t>(end)].begin);
  }
  std::reverse(cuts.begins.begin(), cuts.begins.end());
  return cuts;
}

}  // namespace dsperse
