// Comparisons of slices: bounds that begin anew.
#include "slicer/narrowing.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ops/compare.h"
#include "fold/ops/interpreter.h"
#include "fold/ops/sample_inputs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slicer/lifts.h"
#include "slicer/prepare.h"
#include "tests/slicer/written_slices.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ExpectPricesOfTheFiles;
using ::dsperse::testing::Ops;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::WriteAndLoad;
using ::dsperse::testing::WrittenSlices;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

// Layers whose bounds grow by 2^10 each: 19 bits and 10 for the lift, then 64 are passed at the fourth.
std::string Chain(int layers, int side = 3) {
  const std::string type = absl::StrCat("float[1,2,", side, ",", side, "]");
  std::string text = absl::StrCat(
      "g (", type, " x) => (", type, " y)"
      " <float[2,2,1,1] w = {500, -524, 1000, 24}, float[2] b = {0.5, -1}> {");
  std::string last = "x";
  for (int i = 0; i < layers; ++i) {
    const std::string result = i + 1 == layers ? "y" : absl::StrCat("r", i);
    absl::StrAppend(&text, " c", i, " = Conv <kernel_shape = [1, 1]> (", last, ", w, b) ", result, " = Relu(c", i, ")");
    last = result;
  }
  return text + " }";
}

TEST(NarrowTo, HasRoomForTheValueAndForRounding) {
  EXPECT_EQ(NarrowTo(0, BoundSource::kProven).bound(), 2);
  EXPECT_EQ(NarrowTo(1.9, BoundSource::kProven).bound(), 2);
  EXPECT_EQ(NarrowTo(2, BoundSource::kProven).bound(), 4);
  EXPECT_EQ(NarrowTo(Lifts::kAssumedInside, BoundSource::kAssumed).bound(), 65536);
  for (double magnitude : {0.25, 3.0, 7.99, 1e3, 1e9}) {
    const Narrow narrow = NarrowTo(magnitude, BoundSource::kGiven);
    EXPECT_GE(narrow.bound(), magnitude * (1 + 1.0 / 64));
    EXPECT_LT(narrow.bound(), std::max(4.0, magnitude * 2.04));
  }
  // Nothing is known: the value keeps the bound it has.
  EXPECT_EQ(NarrowTo(std::numeric_limits<double>::infinity(), BoundSource::kGiven).doublings, 0);
  EXPECT_EQ(Narrow().bound(), std::numeric_limits<double>::infinity());
}

// Nobody said how large slices get, and one circuit of it all would take more memory than there is.
TEST(Narrowing, LargeNetworksAreCutAtTheMostBitsUnlessTheirSlicesAreBounded) {
  const std::string large = Chain(8, /*side=*/300);  // 2.88 million multiply-adds
  const auto slices = [&](const PrepareOptions& options) {
    const auto prepared = Prepare(ParseGraph(large), options);
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    size_t narrowed = 0;
    for (const Slice& slice : prepared->plan.slices) narrowed += slice.narrowings.size();
    return std::pair(prepared->plan.slices.size(), narrowed);
  };
  PrepareOptions options;
  EXPECT_THAT(slices(options), Pair(3, 0));
  options.plan.budget = 1'000'000'000;
  EXPECT_THAT(slices(options), Pair(1, 8));
  options.plan.budget = std::nullopt;
  options.plan.policy = Policy::kWhole;
  EXPECT_THAT(slices(options), Pair(1, 8));
}

TEST(Narrowing, RelusLetOneSliceHoldAllLayers) {
  PrepareOptions options;
  options.lift.narrow = false;
  EXPECT_THAT(WriteAndLoad(Chain(8), options).prepared.plan.slices, SizeIs(3));
  options.lift.narrow = true;
  const WrittenSlices written = WriteAndLoad(Chain(8), options);
  ASSERT_THAT(written.prepared.plan.slices, SizeIs(1));
  const Slice& slice = written.prepared.plan.slices[0];
  // The first Relu's own bound, 2^20, is wider too.
  ASSERT_THAT(slice.narrowings, SizeIs(8));
  EXPECT_LE(slice.bits, 18 + 16 + 10 + 2);
  const Graph& graph = written.slices.slices[0].graph;
  for (const Narrowing& narrowing : slice.narrowings) {
    EXPECT_EQ(narrowing.to.bound(), 65536);
    const NodeView max = graph.node(graph.Producer(
        graph.FindValue(written.prepared.graph->Name(written.prepared.graph->node(narrowing.node).output(0)))));
    const NodeView expand = graph.node(graph.Producer(max.input(0)));
    EXPECT_EQ(expand.op_type(), "Expand");
    EXPECT_EQ(graph.Name(expand.input(0)), "x_element_zero_15");
    EXPECT_EQ(graph.Name(max.input(1)), written.prepared.graph->Name(narrowing.value));
  }
  EXPECT_THAT(*CheckSlices(written.slices), IsEmpty());
  EXPECT_THAT(written.prepared.assumptions, Contains(HasSubstr("8 Relus")));
  // model.onnx stays the model.
  EXPECT_THAT(Ops(written.slices.whole.graph), Not(HasSubstr("Slice")));
}

TEST(Narrowing, EveryBitStaysAndShapesAreTraced) {
  const WrittenSlices written = WriteAndLoad(Chain(5), {});
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const auto inputs = SampleInputs(written.slices.whole.graph, seed);
    ASSERT_TRUE(inputs.ok());
    const auto chained = RunSlices(written.slices, *inputs);
    const auto whole = RunGraph(written.slices.whole.graph, *inputs);
    ASSERT_TRUE(chained.ok() && whole.ok()) << chained.status() << whole.status();
    EXPECT_TRUE(*SameBits((*chained)[0], (*whole)[0]));
  }
  EXPECT_THAT(written.metadata.traced_shapes, Contains(Pair("x_flat", Dims{18})));
  EXPECT_THAT(written.metadata.traced_shapes, Contains(Pair("r2_first", Dims{1, 2, 3, 3})));
  for (const char* name : {"x_element", "x_element_zero_0", "x_element_zero_15"}) {
    EXPECT_THAT(written.metadata.traced_shapes, Contains(Pair(name, Dims{1}))) << name;
    EXPECT_THAT(written.metadata.traced_types, Contains(Pair(name, 1))) << name;
  }
}

TEST(Narrowing, OnlyWhereTheBoundIsWider) {
  // 1,025 times 2 is below 65,536.
  const WrittenSlices written = WriteAndLoad(
      "g (float[1,1,2,2] x) => (float[1,1,2,2] y) <float[1,1,1,1] w = {2}> "
      "{ c = Conv <kernel_shape = [1, 1]> (x, w) y = Relu(c) }",
      {});
  EXPECT_THAT(written.prepared.plan.slices[0].narrowings, IsEmpty());
  EXPECT_THAT(Ops(written.slices.slices[0].graph), Not(HasSubstr("Slice")));
}

TEST(Narrowing, GivenAndProvenBoundsDecideWhereTheyAreKnown) {
  PrepareOptions options;
  options.lift.given["c1"] = 3;
  WrittenSlices written = WriteAndLoad(Chain(4), options);
  // Behind it the compiler's own bound is narrow enough for a layer.
  ASSERT_THAT(written.prepared.plan.slices[0].narrowings, SizeIs(3));
  EXPECT_EQ(written.prepared.plan.slices[0].narrowings[1].to.bound(), 4);
  EXPECT_EQ(written.prepared.plan.slices[0].narrowings[1].to.source, BoundSource::kGiven);
  // Nothing assumed, nothing proven: no value begins anew.
  options = {};
  options.lift.assumed.reset();
  EXPECT_THAT(WriteAndLoad(Chain(3), options).prepared.plan.slices[0].narrowings, IsEmpty());
  // Proven ones count.
  options.fold_options.input_ranges = {"-0.0001,0.0001"};
  written = WriteAndLoad(Chain(3), options);
  ASSERT_FALSE(written.prepared.plan.slices[0].narrowings.empty());
  EXPECT_EQ(written.prepared.plan.slices[0].narrowings[0].to.source, BoundSource::kProven);
  // Assumed of what enters, so also of what is inside.
  options = {};
  options.lift.assumed = 1e6;
  written = WriteAndLoad(Chain(4), options);
  ASSERT_FALSE(written.prepared.plan.slices[0].narrowings.empty());
  EXPECT_EQ(written.prepared.plan.slices[0].narrowings[0].to.bound(), 1 << 20);
}

// JSTprove bounds the result of a comparison by its first operand: Max(sigmoid(x), x) was proven with other values.
// The planner's price, before anything is written, is that of the file.
TEST(Comparisons, ThePlannersPriceIsThatOfTheFile) {
  for (const std::string& model :
       {Chain(6), std::string("g (float[4] x) => (float[4] y) { t = Add(x, x) m = Max(x, t) y = Relu(m) }")}) {
    SCOPED_TRACE(model);
    ExpectPricesOfTheFiles(WriteAndLoad(model));
  }
}

}  // namespace
}  // namespace dsperse
