// Lifted slices compute what they did, bit for bit, and cost what the planner took them to cost.
#include "slicer/lifts.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ops/compare.h"
#include "fold/ops/interpreter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr char kTwoConvs[] = R"(
  g (float[1,1,6,6] x) => (float[1,2] y)
    <float[2,1,3,3] w = {1,0,-1,2,0.5,-2,1,0,-1,1,1,1,-3,0.25,1,1,-1,1},
     float[2] b = {0.5, -1}, float[2,2,1,1] v = {1, -2, 0.5, 3}, int64[2] axes = {2, 3}> {
    c = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w, b)
    r = Relu(c)
    p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
    d = Conv <kernel_shape = [1, 1]> (p, v)
    s = Relu(d)
    m = ReduceMean <axes = [2, 3], keepdims = 0> (s)
    y = Softmax <axis = 1> (m)
  })";

PrepareOptions Layers() {
  PrepareOptions options;
  options.plan.policy = Policy::kLayer;
  return options;
}

// The compiler's bound of the first slice's lifted input, by its rule |a ± b| ≤ |a| + |b|.
double DerivedBound(const Graph& graph, absl::string_view value) {
  const NodeId made = graph.Producer(graph.FindValue(value));
  if (!made.valid()) return 1;
  const NodeView node = graph.node(made);
  EXPECT_TRUE(node.Is("Add") || node.Is("Sub")) << node.op_type();
  return DerivedBound(graph, graph.Name(node.input(0))) + DerivedBound(graph, graph.Name(node.input(1)));
}

TEST(LiftFor, HasRoomForTheValueAndForRounding) {
  EXPECT_EQ(LiftFor(0, BoundSource::kProven).doublings, 0);
  EXPECT_EQ(LiftFor(1, BoundSource::kProven).doublings, 0);
  EXPECT_EQ(LiftFor(1.001, BoundSource::kProven).bound(), 3);
  EXPECT_EQ(LiftFor(3, BoundSource::kProven).bound(), 5);
  EXPECT_EQ(LiftFor(1000, BoundSource::kAssumed).bound(), 1025);
  EXPECT_EQ(LiftFor(1024, BoundSource::kAssumed).bound(), 2049);
  for (double magnitude = 1; magnitude < 1e9; magnitude *= 1.7) {
    const Lift lift = LiftFor(magnitude, BoundSource::kGiven);
    EXPECT_GE(lift.bound(), magnitude);
    if (lift.doublings > 1) {
      EXPECT_LT(lift.bound() / 2, magnitude * 1.02);
    }
  }
  // Beyond any field, but an end.
  EXPECT_LE(LiftFor(std::numeric_limits<double>::infinity(), BoundSource::kGiven).doublings, 100);
}

TEST(Lift, ASliceBeginsWithNodesThatWidenTheBoundAndKeepEveryBit) {
  PrepareOptions options;
  options.plan.policy = Policy::kWhole;
  options.lift.assumed = 60;
  const WrittenSlices written = WriteAndLoad("g (float[8] x) => (float[8] y) { y = Add(x, x) }", options);
  const Graph& graph = written.slices.slices[0].graph;
  EXPECT_EQ(Ops(graph), "Sub Add Add Add Add Add Sub Add");
  EXPECT_EQ(Ops(written.slices.whole.graph), "Add");
  EXPECT_EQ(DerivedBound(graph, "x_lifted"), 65);
  EXPECT_EQ(written.prepared.plan.slices[0].lifts[0].bound(), 65);

  // The value itself: −0, denormals and the largest floats too.
  const float most = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  const Tensor x = Tensor::Of<float>({8}, {0.0f, -0.0f, 1.5f, -2.25f, most / 2, -most / 2, tiny, -3 * tiny});
  const auto chained = RunSlices(written.slices, {x});
  const auto whole = RunGraph(written.slices.whole.graph, {x});
  ASSERT_TRUE(chained.ok() && whole.ok());
  EXPECT_TRUE(*SameBits((*chained)[0], (*whole)[0]));
}

TEST(Lift, NamesOfTheModelStayItsOwn) {
  PrepareOptions options;
  options.plan.policy = Policy::kWhole;
  options.lift.assumed = 3;
  const WrittenSlices written = WriteAndLoad(
      "g (float[2] x, float[2] x_minus_itself) => (float[2] x_lifted) { x_lifted = Mul(x, x_minus_itself) }",
      options);
  const auto wrong = CheckSlices(written.slices);
  ASSERT_TRUE(wrong.ok());
  EXPECT_THAT(*wrong, IsEmpty());
  EXPECT_EQ(Ops(written.slices.slices[0].graph), "Sub Add Sub Sub Add Sub Mul");
  // The compiler looks up the shape of every value there.
  for (const char* name : {"x_minus_itself_", "x_zero_1", "x_lifted_", "x_minus_itself_lifted"}) {
    EXPECT_THAT(written.metadata.traced_shapes, Contains(Pair(name, Dims{2}))) << name;
    EXPECT_THAT(written.metadata.traced_types, Contains(Pair(name, 1))) << name;
  }
  const Tensor a = Tensor::Of<float>({2}, {3, -5}), b = Tensor::Of<float>({2}, {7, 0.5});
  const auto result = RunSlices(written.slices, {a, b});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(*SameBits((*result)[0], Tensor::Of<float>({2}, {21, -2.5})));
}

// What proves the bound is named: intervals where the inputs' ranges are given, else who said so.
TEST(Lift, ProvenGivenAndAssumedBoundsAreToldApart) {
  PrepareOptions options = Layers();
  auto sources = [&] {
    const auto prepared = Prepare(ParseGraph(kTwoConvs), options);
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    std::vector<std::string> out;
    for (const Slice& slice : prepared->plan.slices) {
      for (const Lift& lift : slice.lifts) {
        out.push_back(absl::StrCat(BoundSourceName(lift.source), " ", lift.bound()));
      }
    }
    return out;
  };
  EXPECT_THAT(sources(), ElementsAre("assumed 1025", "assumed 1025"));
  options.lift.given["x"] = 20;
  EXPECT_THAT(sources(), ElementsAre("given 33", "assumed 1025"));
  options.fold_options.input_ranges = {"-1,1"};
  // Σ|w| of a channel is 8.5, and 0.5 is added; below 0 nothing comes through the Relu.
  EXPECT_THAT(sources(), ElementsAre("proven 1", "proven 17"));
  options.lift.assumed.reset();
  options.fold_options.input_ranges.clear();
  EXPECT_THAT(sources(), ElementsAre("given 33", "none 1"));
}

TEST(Lift, OnlySlicesThatAreLoweredAndProvenForJstproveAreLifted) {
  for (const char* which : {"jstprove", "ezkl", "no lowering", "dsperse"}) {
    SCOPED_TRACE(which);
    PrepareOptions options = Layers();
    const std::string name = which;
    if (name == "ezkl") options.backend = "ezkl_halo2";
    if (name == "no lowering") options.lower = false;
    if (name == "dsperse") options.plan.policy = Policy::kDsperse;
    const auto prepared = Prepare(ParseGraph(kTwoConvs), options);
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    for (const Slice& slice : prepared->plan.slices) {
      EXPECT_EQ(slice.lifts.empty(), name != "jstprove");
    }
  }
  // What only moves data has no circuit.
  const auto moved = Prepare(ParseGraph("g (float[2,3] x) => (float[3,2] y) { y = Transpose(x) }"));
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_THAT(moved->plan.slices[0].lifts, IsEmpty());
}

TEST(Lift, OnlyFloatsGetWider) {
  const Graph graph = ParseGraph(R"(
    g (int64[2] i, float[3] x, double[2] d, bfloat16[2] b) => (float[2] y) { y = Gather(x, i) })");
  Facts facts(&graph);
  const InputRanges none;
  Lifts lifts(&graph, &facts, &none, {});
  EXPECT_EQ(lifts.Of(graph.FindValue("x")).bound(), 1025);
  EXPECT_EQ(lifts.Of(graph.FindValue("d")).bound(), 1025);
  EXPECT_EQ(lifts.Of(graph.FindValue("b")).bound(), 1025);
  EXPECT_EQ(lifts.Of(graph.FindValue("i")).bound(), 1);
}

TEST(Lift, IsToldOf) {
  PrepareOptions options = Layers();
  auto prepared = Prepare(ParseGraph(kTwoConvs), options);
  EXPECT_THAT(prepared->assumptions,
              Contains(HasSubstr("what enters all 2 slices is assumed, not proven, to lie within")));
  EXPECT_THAT(prepared->warnings, IsEmpty());
  options.fold_options.input_ranges = {"-1,1"};
  prepared = Prepare(ParseGraph(kTwoConvs), options);
  EXPECT_THAT(prepared->assumptions, IsEmpty());
  EXPECT_THAT(prepared->warnings, IsEmpty());
  options = Layers();
  options.lift.assumed.reset();
  prepared = Prepare(ParseGraph(kTwoConvs), options);
  EXPECT_THAT(prepared->warnings, Contains(StartsWith("JSTprove takes what enters all 2 slices to lie within ±1")));
  options.lower = false;
  prepared = Prepare(ParseGraph("g (float[2] x) => (float[2] y) { y = Add(x, x) }"), options);
  EXPECT_THAT(prepared->warnings, Contains(StartsWith("JSTprove takes what enters slice 0 to lie within ±1")));
}

// The planner's price of a slice, before there are lifts, is that of the file with its lifts.
TEST(Lift, ThePlannersPriceIsThatOfTheFile) {
  for (double assumed : {1.0, 3.0, 1000.0, 1e6}) {
    SCOPED_TRACE(assumed);
    PrepareOptions options = Layers();
    options.lift.assumed = assumed;
    const WrittenSlices written = WriteAndLoad(kTwoConvs, options);
    ASSERT_GE(written.slices.slices.size(), 2u);
    ExpectPricesOfTheFiles(written);
  }
}

}  // namespace
}  // namespace dsperse
