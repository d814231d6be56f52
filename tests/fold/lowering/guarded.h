// Models that a lowering must leave as they are: each holds the one thing that a guard of it asks about. Some are
// nothing that a checker would take: files may hold them.
#ifndef DSPERSE_TESTS_FOLD_LOWERING_GUARDED_H_
#define DSPERSE_TESTS_FOLD_LOWERING_GUARDED_H_

#include <memory>
#include <ostream>
#include <string>

#include "fold/lowering/lowerings.h"
#include "fold/pass.h"
#include "gtest/gtest.h"

namespace dsperse::testing {

struct Guarded {
  const char* name;
  const char* pass;
  const char* model;
  const char* remark = "";  // part of the one that it leaves; "": it leaves none

  friend void PrintTo(const Guarded& c, std::ostream* out) { *out << c.pass << " on " << c.model; }
};

// Whatever is priced later costs less, so that no price is in a rewrite's way.
inline PricerFactory FallingPrices() {
  class Pricer : public RangePricer {
   public:
    explicit Pricer(uint64_t price) { price_.price = price; }
    void Begin() override {}
    RangePrice Extend(NodeId) override { return price_; }
    SlicePrices slice_prices() const override { return {}; }
    absl::string_view unit() const override { return "units"; }

   private:
    RangePrice price_;
  };
  return [next = uint64_t{1} << 40](const Graph&, Facts&) mutable -> std::unique_ptr<RangePricer> {
    return std::make_unique<Pricer>(--next);
  };
}

// Null, and a failure, if there is none of that name.
inline const Pass* FindLowering(absl::string_view name) {
  for (const Pass* pass : Lowerings()) {
    if (pass->name() == name) return pass;
  }
  ADD_FAILURE() << "no lowering " << name;
  return nullptr;
}

// Each model is an instance: the lowering named, alone and once, with JSTprove as target, leaves it as it is
// (guards_test.cc).
class LoweringGuards : public ::testing::TestWithParam<Guarded> {};

inline std::string GuardedName(const ::testing::TestParamInfo<Guarded>& tested) { return tested.param.name; }

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_FOLD_LOWERING_GUARDED_H_
