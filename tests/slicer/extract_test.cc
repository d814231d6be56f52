// What an extractor says of the whole model.
#include "slicer/extract.h"

#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/model_file.h"
#include "gtest/gtest.h"
#include "slicer/prepare.h"
#include "slicer/verify_slices.h"
#include "tests/support/filled.h"
#include "tests/support/parse.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

// A model that came from a file keeps the payloads it came with beside those that it goes out with: counted both, a
// model of more than half the limit was refused.
TEST(ExtractTest, ModelBytesAreThoseOfTheFile) {
  const testing::TempDir dir;
  const std::string in = dir.File("in.onnx"), out = dir.File("slices");
  const Graph graph = testing::ParseGraph(
      absl::StrCat("g (float[1,8,4,4] x) => (y) <", testing::Filled("w", {64, 8, 3, 3}, 0.5),
                   "> { c = Conv<kernel_shape=[3,3]>(x, w)  y = Relu(c) }"));
  ASSERT_TRUE(SaveModel(graph, in).ok());
  absl::StatusOr<LoadedModel> loaded = LoadModel(in);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const absl::StatusOr<Prepared> prepared = Prepare(std::move(loaded->graph), {});
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  const absl::StatusOr<WrittenDirectory> written = WriteSlices(*prepared, out, {});
  ASSERT_TRUE(written.ok()) << written.status();

  const absl::StatusOr<Extractor> extractor =
      Extractor::Make(*prepared->graph, *prepared->facts, prepared->plan);
  ASSERT_TRUE(extractor.ok()) << extractor.status();
  EXPECT_EQ(extractor->model_bytes(), std::filesystem::file_size(out + "/model.onnx"));
}

// JSTprove's compiler drops the first axis of an input, and counts elements by what is left.
TEST(ExtractTest, SlicesTellTheShapesOfTheirInputs) {
  PrepareOptions options;
  options.plan.policy = Policy::kWhole;
  options.lift.assumed = 3;
  const auto ops = [&](absl::string_view model) {
    const absl::StatusOr<Prepared> prepared = Prepare(testing::ParseGraph(std::string(model)), options);
    if (!prepared.ok()) return std::string(prepared.status().message());
    const testing::TempDir dir;
    if (!WriteSlices(*prepared, dir.File("s"), {}).ok()) return std::string("not written");
    const auto slices = LoadSlices(dir.File("s"));
    if (!slices.ok()) return std::string(slices.status().message());
    if (const auto wrong = CheckSlices(*slices); !wrong.ok() || !wrong->empty()) return std::string("wrong");
    return testing::Ops(slices->slices[0].graph);
  };
  EXPECT_EQ(ops("g (float[2, 6] x) => (float[3, 4] y) <int64[2] s = {3, 4}> { r = Reshape(x, s) y = Mul(r, r) }"),
            "Expand Sub Add Sub Reshape Mul");
  EXPECT_EQ(ops("g (float[2, 2] x) => (float[2, 2] y) { y = MatMul(x, x) }"), "Expand Sub Add Sub MatMul");
  EXPECT_EQ(ops("g (float[2, 2] x) => (float[2, 2] y) { y = Mul(x, x) }"), "Expand Sub Add Sub Mul");
  EXPECT_EQ(ops("g (float[6] x) => (float[2, 3] y) <int64[2] s = {2, 3}> { r = Reshape(x, s) y = Mul(r, r) }"),
            "Sub Add Sub Reshape Mul");
}

}  // namespace
}  // namespace dsperse
