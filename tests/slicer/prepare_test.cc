// The whole chain on small models: written directories are read back, checked and run.
#include "slicer/prepare.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "fold/ops/compare.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slicer/verify_slices.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::SeededInputs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kNet[] = R"(
g (float[1,2,4,4] x) => (float[1,3] y)
<float[2,2,3,3] w = {1,0,1,0,1,0,1,0,1,2,0,1,0,1,0,1,0,1,1,0,1,0,1,0,1,0,1,1,0,3,0,1,0,1,0,1},
 float[2] s = {1, 2}, float[2] b = {0.5, -1}, float[2] m = {0.25, 0.5}, float[2] v = {1, 4},
 float[8,3] fc = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6}> {
  a = Conv <pads = [1, 1, 1, 1]> (x, w)
  n = BatchNormalization(a, s, b, m, v)
  r = Relu(n)
  p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
  t = Add(p, p)
  f = Flatten(t)
  y = MatMul(f, fc)
})";

std::string Bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class PrepareTest : public ::testing::Test {
 protected:
  std::string Path(absl::string_view name) { return dir_.File(name); }
  testing::TempDir dir_;
};

TEST_F(PrepareTest, EveryPolicyGivesADirectoryThatComputesTheModel) {
  const Graph original = ParseGraph(kNet);
  const std::vector<Tensor> inputs = SeededInputs(original, 3);
  const std::vector<Tensor> want = *RunGraph(original, inputs);
  for (Policy policy : {Policy::kBudget, Policy::kDsperse, Policy::kLayer, Policy::kPoints, Policy::kWhole}) {
    SCOPED_TRACE(std::string(PolicyName(policy)));
    PrepareOptions options;
    options.plan.policy = policy;
    if (policy == Policy::kPoints) options.plan.cuts = {"t"};
    absl::StatusOr<Prepared> prepared = Prepare(*original.Clone(), options);
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    const std::string path = Path(PolicyName(policy));
    const auto written = WriteSlices(*prepared, path);
    ASSERT_TRUE(written.ok()) << written.status();
    const absl::StatusOr<LoadedSlices> slices = LoadSlices(path);
    ASSERT_TRUE(slices.ok()) << slices.status();
    const auto wrong = CheckSlices(*slices);
    ASSERT_TRUE(wrong.ok()) << wrong.status();
    EXPECT_THAT(*wrong, IsEmpty());
    const auto chained = RunSlices(*slices, inputs);
    ASSERT_TRUE(chained.ok()) << chained.status();
    const auto whole = RunGraph(slices->whole.graph, inputs);
    ASSERT_TRUE(whole.ok()) << whole.status();
    EXPECT_TRUE(*SameBits((*chained)[0], (*whole)[0]));
    const Difference d = *CompareTensors(want[0], (*whole)[0], 1e-5);
    EXPECT_TRUE(d.agree) << d.reason;
  }
}

// ONNX Runtime runs no model without outputs, and a proof of it would prove nothing.
TEST_F(PrepareTest, NodesThatNobodyReadsAreInNoSlice) {
  PrepareOptions options;
  options.fold = false;
  options.plan.policy = Policy::kPoints;
  options.plan.cuts = {"y"};
  const absl::StatusOr<Prepared> prepared =
      Prepare(ParseGraph("g (float[1,4] x) => (float[1,4] y) "
                         "{ s = Shape(x)  c = ConstantOfShape(s)  y = Add(x, c)  d = Cast<to = 1>(s) }"),
              options);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(testing::Ops(*prepared->graph), "Add");
  EXPECT_THAT(prepared->notices, ElementsAre("1 constant node is written as an initializer",
                                             "2 nodes whose results nobody reads are left out"));
  for (const Slice& slice : prepared->plan.slices) EXPECT_FALSE(slice.outputs.empty());
}

TEST_F(PrepareTest, TwoRunsWriteTheSameBytes) {
  for (const char* name : {"a", "b"}) {
    const auto prepared = Prepare(ParseGraph(kNet));
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    ASSERT_TRUE(WriteSlices(*prepared, Path(name)).ok());
  }
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(Path("a"))) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const fs::path other = fs::path(Path("b")) / fs::relative(entry.path(), Path("a"));
    EXPECT_EQ(Bytes(entry.path()), Bytes(other)) << other;
  }
  EXPECT_GE(files, 4);
}

TEST_F(PrepareTest, EveryArithmeticSliceIsProvableAfterLowering) {
  const auto prepared = Prepare(ParseGraph(kNet));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  for (const Slice& slice : prepared->plan.slices) EXPECT_EQ(slice.reason, "");
}

TEST_F(PrepareTest, OtherFoldersAreNeverReplaced) {
  fs::create_directory(Path("mine"));
  std::ofstream(Path("mine") + "/letter.txt") << "dear";
  const auto prepared = Prepare(ParseGraph(kNet));
  const auto written = WriteSlices(*prepared, Path("mine"));
  EXPECT_EQ(written.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Bytes(Path("mine") + "/letter.txt"), "dear");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.File(".")), fs::directory_iterator()), 1);
}

TEST_F(PrepareTest, CircuitsAreCarriedOverOrNeedForce) {
  const std::string path = Path("slices");
  auto prepared = Prepare(ParseGraph(kNet));
  ASSERT_TRUE(WriteSlices(*prepared, path).ok());
  fs::create_directories(path + "/slice_0/jstprove/circuit.bundle");
  std::ofstream(path + "/slice_0/jstprove/circuit.bundle/circuit.bin") << "gates";
  auto again = WriteSlices(*prepared, path);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->kept_circuits, ::testing::ElementsAre("slice_0"));
  EXPECT_EQ(Bytes(path + "/slice_0/jstprove/circuit.bundle/circuit.bin"), "gates");

  PrepareOptions other;
  other.plan.policy = Policy::kWhole;
  other.fold_options.passes = "none";
  const auto changed = Prepare(ParseGraph(kNet), other);
  ASSERT_TRUE(changed.ok()) << changed.status();
  const auto refused = WriteSlices(*changed, path);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("slice_0"));
  EXPECT_EQ(Bytes(path + "/slice_0/jstprove/circuit.bundle/circuit.bin"), "gates");
  WriteOptions force;
  force.force = true;
  const auto forced = WriteSlices(*changed, path, force);
  ASSERT_TRUE(forced.ok()) << forced.status();
  EXPECT_THAT(forced->lost, ::testing::ElementsAre("slice_0"));
}

TEST_F(PrepareTest, ForeignFilesInASlicesDirectoryNeedForce) {
  const std::string path = Path("slices");
  const auto prepared = Prepare(ParseGraph(kNet));
  ASSERT_TRUE(WriteSlices(*prepared, path).ok());
  std::ofstream(path + "/notes.txt") << "dear";
  std::ofstream(path + "/combined.onnx") << "made by dsperse";
  const auto refused = WriteSlices(*prepared, path);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("(notes.txt)"));
  EXPECT_EQ(Bytes(path + "/notes.txt"), "dear");
  WriteOptions force;
  force.force = true;
  const auto forced = WriteSlices(*prepared, path, force);
  ASSERT_TRUE(forced.ok()) << forced.status();
  EXPECT_THAT(forced->lost, ::testing::ElementsAre("notes.txt"));
  EXPECT_FALSE(fs::exists(path + "/notes.txt"));
  EXPECT_FALSE(fs::exists(path + "/combined.onnx"));
}

TEST_F(PrepareTest, WhatOnlyLooksLikeSlicesIsNotReplaced) {
  const std::string path = Path("other");
  fs::create_directory(path);
  std::ofstream(path + "/metadata.msgpack") << "not MessagePack";
  const auto prepared = Prepare(ParseGraph(kNet));
  WriteOptions force;
  force.force = true;
  EXPECT_EQ(WriteSlices(*prepared, path, force).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Bytes(path + "/metadata.msgpack"), "not MessagePack");
  EXPECT_EQ(WriteSlices(*prepared, fs::current_path().string()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(PrepareTest, ALinkToADirectoryIsFollowed) {
  fs::create_directory(Path("real"));
  fs::create_directory_symlink(Path("real"), Path("link"));
  const auto prepared = Prepare(ParseGraph(kNet));
  WriteOptions durable;
  durable.fsync = true;
  ASSERT_TRUE(WriteSlices(*prepared, Path("link"), durable).ok());
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_TRUE(fs::exists(Path("real") + "/metadata.msgpack"));
}

TEST_F(PrepareTest, AModelCanBeSlicedIntoTheDirectoryItLiesIn) {
  const std::string path = Path("slices");
  ASSERT_TRUE(WriteSlices(*Prepare(ParseGraph(kNet)), path).ok());
  const std::string before = Bytes(path + "/model.onnx");
  absl::StatusOr<LoadedModel> model = LoadModel(path + "/model.onnx");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto prepared = Prepare(std::move(model->graph));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  ASSERT_TRUE(WriteSlices(*prepared, path).ok());
  EXPECT_EQ(Bytes(path + "/model.onnx"), before);
}

TEST_F(PrepareTest, AWrongWeightInASliceIsFound) {
  PrepareOptions options;
  options.plan.policy = Policy::kLayer;
  const auto prepared = Prepare(ParseGraph(kNet), options);
  ASSERT_TRUE(WriteSlices(*prepared, Path("s")).ok());
  const std::string file = Path("s") + "/slice_1/payload/slice_1.onnx";
  std::string bytes = Bytes(file);
  const std::string nine("\0\0\x10\x41", 4);  // 9.0f
  const size_t at = bytes.find(nine);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 2] = '\0';  // 8.0f
  std::ofstream(file, std::ios::binary) << bytes;
  const auto wrong = CheckSlices(*LoadSlices(Path("s")));
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  EXPECT_THAT(*wrong, ::testing::Contains(HasSubstr("is not that of model.onnx")));
}

TEST_F(PrepareTest, PathsThatLeaveTheDirectoryAreRefused) {
  const auto prepared = Prepare(ParseGraph(kNet));
  ASSERT_TRUE(WriteSlices(*prepared, Path("s")).ok());
  Metadata metadata = *DecodeMetadata(Bytes(Path("s") + "/metadata.msgpack"));
  for (const char* bad : {"../s/slice_0/payload/slice_0.onnx", "/etc/passwd"}) {
    metadata.slices[0].relative_path = bad;
    std::ofstream(Path("s") + "/metadata.msgpack", std::ios::binary) << EncodeMetadata(metadata);
    EXPECT_EQ(LoadSlices(Path("s")).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  fs::create_symlink(Path("s") + "/slice_0", Path("s") + "/link");
  metadata.slices[0].relative_path = "link/payload/slice_0.onnx";
  std::ofstream(Path("s") + "/metadata.msgpack", std::ios::binary) << EncodeMetadata(metadata);
  EXPECT_THAT(std::string(LoadSlices(Path("s")).status().message()), HasSubstr("symbolic link"));
}

TEST_F(PrepareTest, AnotherFileInThePlaceOfTheAccountIsRefused) {
  PrepareOptions options;
  options.plan.policy = Policy::kWhole;
  const auto prepared = Prepare(ParseGraph(kNet), options);
  ASSERT_TRUE(WriteSlices(*prepared, Path("s")).ok());
  for (const char* text :
       {"", "no JSON", "[]", "{}", R"({"slices": 1})", R"({"slices": {"a": 1}})", R"({"slices": []})",
        R"({"slices": [1]})", R"({"slices": [{"inputs": {}}]})", R"({"slices": [{"inputs": [{"bound": "1"}]}]})",
        R"({"slices": [{"inputs": [{"bound": 1, "name": 2}]}]})"}) {
    std::ofstream(Path("s") + "/slices.json") << text;
    const absl::Status status = LoadSlices(Path("s")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("slices.json: is not an account of these slices"));
  }
}

TEST_F(PrepareTest, UnknownBackendAndTargetAreNamed) {
  PrepareOptions options;
  options.backend = "abacus";
  EXPECT_THAT(std::string(Prepare(ParseGraph(kNet), options).status().message()), HasSubstr("jstprove_expander"));
  options = {};
  options.target = "abacus";
  EXPECT_THAT(std::string(Prepare(ParseGraph(kNet), options).status().message()), HasSubstr("ezkl"));
}

TEST_F(PrepareTest, AnOpenBatchIsSetToOneWithANotice) {
  const auto prepared = Prepare(ParseGraph("g (float[N,4] x) => (float[N,4] y) { y = Sigmoid(x) }"));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_THAT(prepared->notices, ::testing::Contains(HasSubstr("N is taken as 1")));
}

// DSperse reads the shapes of all inputs: one that nobody reads must not become a scalar there.
TEST_F(PrepareTest, TheShapeOfAnUnreadInputIsKnownOrRefused) {
  const char kOpen[] = "g (float[1,2] x, float[N,M] u) => (float[1,2] y) { y = Relu(x) }";
  const absl::StatusOr<Prepared> open = Prepare(ParseGraph(kOpen));
  EXPECT_EQ(open.status().code(), absl::StatusCode::kUnimplemented) << open.status();
  EXPECT_THAT(std::string(open.status().message()), HasSubstr("'u'"));
  PrepareOptions options;
  options.shapes.input_shapes = {"u=3,4"};
  const absl::StatusOr<Prepared> fixed = Prepare(ParseGraph(kOpen), options);
  ASSERT_TRUE(fixed.ok()) << fixed.status();
  ASSERT_TRUE(WriteSlices(*fixed, Path("out")).ok());
  const absl::StatusOr<LoadedSlices> loaded = LoadSlices(Path("out"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->metadata.input_shapes, ElementsAre(Dims{1, 2}, Dims{3, 4}));
}

// 2^62 multiply-adds each: four are more than 64 bits hold.
TEST_F(PrepareTest, AnySumOfMultiplyAddsIsWarnedOf) {
  PrepareOptions options;
  options.fold = false;
  options.plan.policy = Policy::kWhole;
  const absl::StatusOr<Prepared> prepared =
      Prepare(ParseGraph("g (float[576460752303423488,1,2] x) => (float[576460752303423488,1,2] y)"
                         " <float[2,4] v = {1,2,3,4,5,6,7,8}, float[4,2] w = {1,2,3,4,5,6,7,8}>"
                         " { a = MatMul(x, v) b = MatMul(a, w) c = MatMul(b, v) y = MatMul(c, w) }"),
              options);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_THAT(prepared->warnings, ::testing::Contains(HasSubstr("18446744073709 million products")));
}

// Not in front of the Gemm: nine times as many elements would cross.
TEST_F(PrepareTest, ALayerThatIsWrittenAsGemmBeginsWithItsImage) {
  PrepareOptions options;
  options.plan.policy = Policy::kLayer;
  const absl::StatusOr<Prepared> prepared =
      Prepare(ParseGraph(absl::StrCat("g (float[1,16,6,6] x) => (float[1,16,6,6] y) <", testing::Filled("w", {16, 16, 3, 3}, 0.01),
                                      "> { c = Conv<pads = [1,1,1,1]>(x, w) r = Relu(c) y = Conv<pads = [1,1,1,1]>(r, w) }")),
              options);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  std::vector<std::string> entering;
  for (const Slice& slice : prepared->plan.slices) {
    for (ValueId v : slice.inputs) entering.emplace_back(prepared->graph->Name(v));
  }
  EXPECT_THAT(entering, ::testing::ElementsAre("x", "r"));
}

// `dsperse compile` reads no epsilon: it makes a circuit of the first node, of another function.
TEST_F(PrepareTest, SlicesThatAreProvenAsOthersAreWarnedOf) {
  PrepareOptions options;
  options.plan.policy = Policy::kPoints;
  options.plan.cuts = {"n"};
  const auto warnings = [&](absl::string_view epsilon) {
    const absl::StatusOr<Prepared> prepared =
        Prepare(ParseGraph(absl::StrCat("g (float[2, 4] x) => (float[2, 4] y) <float[4] s = {1, 2, 3, 4}, float[4] b = {5, 6, 7, 8}>"
                                        " { n = LayerNormalization<epsilon = ", epsilon, ">(x, s, b) y = Mul(n, n) }")),
                options);
    return prepared.ok() ? prepared->warnings : std::vector<std::string>{prepared.status().ToString()};
  };
  EXPECT_THAT(warnings("100.0"), ::testing::Contains(HasSubstr("JSTprove can't prove slice 0: where")));
  EXPECT_THAT(warnings("0.00001"), ::testing::Not(::testing::Contains(HasSubstr("can't prove"))));
}

// Nothing to make a zero of: not folded, a slice may hold a comparison and no input.
TEST_F(PrepareTest, ASliceWithoutInputsIsWritten) {
  PrepareOptions options;
  options.fold_options.passes = "-fold_constants";
  options.plan.policy = Policy::kPoints;
  options.plan.cuts = {"r"};
  const absl::StatusOr<Prepared> prepared =
      Prepare(ParseGraph("g (float[2] x) => (float[2] y) <float[2] a = {-1, 2}, float[2] b = {3, -4}>"
                         " { c = Sub(a, b) r = Relu(c) s = Mul(r, x) y = Relu(s) }"),
              options);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  ASSERT_TRUE(WriteSlices(*prepared, Path("out")).ok());
  EXPECT_TRUE(LoadSlices(Path("out")).ok());
}

}  // namespace
}  // namespace dsperse
