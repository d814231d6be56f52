#include "circuit_estimate/parameters.h"

#include "circuit_estimate/backend.h"
#include "circuit_estimate/count.h"
#include "gtest/gtest.h"

namespace dsperse {
namespace {

TEST(ParametersTest, DefaultsAreThoseOfTheDeclaration) {
  const Backend* expander = FindBackend("jstprove_expander");
  const Parameters parameters(expander->parameters());
  EXPECT_EQ(parameters.Text("chunk_bits"), "auto");
  EXPECT_EQ(parameters.Text("weights"), "inputs");
  EXPECT_EQ(parameters.Number("scale_bits"), 18);
}

TEST(ParametersTest, RefusesUnknownNamesAndValues) {
  Parameters parameters(FindBackend("jstprove_expander")->parameters());
  EXPECT_TRUE(parameters.Set("chunk_bits=12").ok());
  EXPECT_EQ(parameters.Number("chunk_bits"), 12);
  EXPECT_TRUE(parameters.Set("chunk_bits=auto").ok());
  EXPECT_EQ(parameters.Set("chunk_bits=21").message(),
            "parameter chunk_bits: 21 is outside of 1 … 20");
  EXPECT_EQ(parameters.Set("weights=secret").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(parameters.Set("colour=red").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(parameters.Set("scale_bits").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(parameters.Set("scale_bits=many").code(), absl::StatusCode::kInvalidArgument);
}

TEST(BackendTest, TheDefaultComesFirstAndNamesAreFound) {
  ASSERT_EQ(AllBackends().size(), 5u);
  EXPECT_EQ(AllBackends()[0]->name(), "jstprove_expander");
  for (const Backend* backend : AllBackends()) {
    EXPECT_EQ(FindBackend(backend->name()), backend);
    EXPECT_LT(backend->price_metric(), backend->metrics().size());
    absl::string_view last;
    for (const PricedOperator& op : backend->operators()) {
      EXPECT_LT(last, op.op_type) << backend->name();
      last = op.op_type;
    }
  }
  EXPECT_EQ(FindBackend("plonk"), nullptr);
}

TEST(CountTest, SumsAndProductsRememberOverflow) {
  const Count large(uint64_t{1} << 63);
  EXPECT_FALSE(large.overflow());
  EXPECT_TRUE((large + large).overflow());
  EXPECT_TRUE((large * Count(2)).overflow());
  EXPECT_TRUE((large + large - large).overflow());
  EXPECT_TRUE((Count(1) - Count(2)).overflow());
  EXPECT_TRUE(Count(-1).overflow());
  EXPECT_EQ(Count(0) * large, Count(0));
}

TEST(CountTest, RoundsUp) {
  EXPECT_EQ(CeilDiv(Count(7), 2), Count(4));
  EXPECT_EQ(RoundUp(Count(7), 2), Count(8));
  EXPECT_EQ(RoundUp(Count(8), 2), Count(8));
  EXPECT_EQ(NextPowerOfTwo(Count(0)), Count(1));
  EXPECT_EQ(NextPowerOfTwo(Count(5)), Count(8));
  EXPECT_EQ(NextPowerOfTwo(Count(8)), Count(8));
  EXPECT_TRUE(NextPowerOfTwo(Count((uint64_t{1} << 63) + 1)).overflow());
}

}  // namespace
}  // namespace dsperse
