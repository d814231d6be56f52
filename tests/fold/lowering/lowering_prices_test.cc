// What decides whether a lowering runs at all: a target, a price that falls, --exact.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fold/lowering/guarded.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::FallingPrices;
using ::dsperse::testing::FindLowering;
using ::dsperse::testing::ParseGraph;

struct Rewritten {
  const char* pass;
  const char* model;
};

// Each done only where the price falls.
constexpr Rewritten kPriceDriven[] = {
    {"lower_pow", "g (float[2] x) => (float[2] y) <float n = {2}> { y = Pow(x, n) }"},
    {"lower_global_average_pool", "g (float[1, 1, 2, 2] x) => (float[1, 1, 1, 1] y) { y = GlobalAveragePool(x) }"},
    {"lower_pool_order",
     "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) { a = Relu(x) y = MaxPool<kernel_shape = [2, 2]>(a) }"},
    {"lower_scale_order",
     "g (float[1, 2, 4, 4] x) => (float[1, 1, 4, 4] y) <float[1, 2, 1, 1] w = {3, 5}, float[2, 1, 1] k = {2, 4}>"
     " { n = Mul(x, k) r = Relu(n) y = Conv(r, w) }"},
};
constexpr Rewritten kOthers[] = {
    {"lower_relu", "g (float[2] x) => (float[2] y) { y = Relu(x) }"},
    {"lower_scale_paths",
     "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {8}> { h = MatMul(x, w) y = Div(h, c) }"},
    {"lower_scale_paths",
     "g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}, float c = {0.5}> { h = MatMul(x, w) y = Mul(h, c) }"},
};

bool Changes(const Rewritten& c, const Target* target, PricerFactory pricer, bool exact = false) {
  Graph graph = ParseGraph(c.model);
  PassOptions options;
  options.exact = exact;
  PassContext context(&graph, options);
  context.target = target;
  context.pricer = std::move(pricer);
  const absl::StatusOr<bool> changed = FindLowering(c.pass)->Run(graph, context);
  EXPECT_TRUE(changed.ok()) << changed.status();
  return changed.ok() && *changed;
}

// The prices that are asked for, one after the other.
PricerFactory Prices(std::vector<RangePrice> prices) {
  class Pricer : public RangePricer {
   public:
    explicit Pricer(RangePrice price) : price_(price) {}
    void Begin() override {}
    RangePrice Extend(NodeId) override { return price_; }
    SlicePrices slice_prices() const override { return {}; }
    absl::string_view unit() const override { return "units"; }

   private:
    RangePrice price_;
  };
  return [prices, next = size_t{0}](const Graph&, Facts&) mutable -> std::unique_ptr<RangePricer> {
    return std::make_unique<Pricer>(prices[next++ % prices.size()]);
  };
}

RangePrice Price(uint64_t number, bool provable = true) {
  RangePrice price;
  price.price = number;
  price.provable = provable;
  return price;
}

TEST(LoweringPricesTest, WhereThePriceFallsTheyRun) {
  const Target* target = Target::Find("jstprove");
  for (const Rewritten& c : kPriceDriven) {
    EXPECT_TRUE(Changes(c, target, FallingPrices())) << c.pass;
    EXPECT_TRUE(Changes(c, target, Prices({Price(2), Price(1)}))) << c.pass;
  }
  for (const Rewritten& c : kOthers) EXPECT_TRUE(Changes(c, target, FallingPrices())) << c.pass;
}

TEST(LoweringPricesTest, WithoutATargetNoneRuns) {
  for (const Rewritten& c : kPriceDriven) EXPECT_FALSE(Changes(c, nullptr, FallingPrices())) << c.pass;
  for (const Rewritten& c : kOthers) EXPECT_FALSE(Changes(c, nullptr, FallingPrices())) << c.pass;
}

TEST(LoweringPricesTest, WithoutPricesTheOthersRun) {
  const Target* target = Target::Find("jstprove");
  const PricerFactory none = [](const Graph&, Facts&) -> std::unique_ptr<RangePricer> { return nullptr; };
  for (const Rewritten& c : kPriceDriven) {
    EXPECT_FALSE(Changes(c, target, {})) << c.pass;
    EXPECT_FALSE(Changes(c, target, none)) << c.pass;
  }
  for (const Rewritten& c : kOthers) EXPECT_TRUE(Changes(c, target, {})) << c.pass;
}

TEST(LoweringPricesTest, WhereThePriceDoesNotFallTheyDoNotRun) {
  const Target* target = Target::Find("jstprove");
  for (const Rewritten& c : kPriceDriven) {
    EXPECT_FALSE(Changes(c, target, Prices({Price(1), Price(1)}))) << c.pass;
    EXPECT_FALSE(Changes(c, target, Prices({Price(1), Price(2)}))) << c.pass;
    EXPECT_FALSE(Changes(c, target, Prices({Price(2, false), Price(1)}))) << c.pass;
    EXPECT_FALSE(Changes(c, target, Prices({Price(2), Price(1, false)}))) << c.pass;
  }
}

TEST(LoweringPricesTest, ExactKeepsWhatWouldBeRoundedOtherwise) {
  const Target* target = Target::Find("jstprove");
  for (const Rewritten& c : kPriceDriven) {
    EXPECT_EQ(Changes(c, target, FallingPrices(), /*exact=*/true), std::string(c.pass) == "lower_pool_order") << c.pass;
  }
  for (const Rewritten& c : kOthers) {
    EXPECT_EQ(Changes(c, target, FallingPrices(), /*exact=*/true), std::string(c.pass) == "lower_relu") << c.pass;
  }
}

}  // namespace
}  // namespace dsperse
