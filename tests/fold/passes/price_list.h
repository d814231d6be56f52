// A pricer that knows a price for each operator, for passes that ask what a prover finds cheaper.
#ifndef DSPERSE_TESTS_FOLD_PASSES_PRICE_LIST_H_
#define DSPERSE_TESTS_FOLD_PASSES_PRICE_LIST_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/pricing.h"

namespace dsperse::testing {

class ListPricer : public RangePricer {
 public:
  ListPricer(const Graph* graph, std::map<std::string, uint64_t> prices)
      : graph_(graph), prices_(std::move(prices)) {}
  void Begin() override { price_ = {}; }
  RangePrice Extend(NodeId node) override {
    const auto it = prices_.find(std::string(graph_->node(node).op_type()));
    price_.provable &= it != prices_.end();
    if (it != prices_.end()) price_.price += it->second;
    return price_;
  }
  SlicePrices slice_prices() const override { return {}; }
  absl::string_view unit() const override { return "units"; }

 private:
  const Graph* graph_;
  std::map<std::string, uint64_t> prices_;
  RangePrice price_;
};

// An operator that isn't in the list can't be priced.
inline PricerFactory PriceList(std::map<std::string, uint64_t> prices) {
  return [prices = std::move(prices)](const Graph& graph, Facts&) -> std::unique_ptr<RangePricer> {
    return std::make_unique<ListPricer>(&graph, prices);
  };
}

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_FOLD_PASSES_PRICE_LIST_H_
