// What an extractor says of the whole model.
#include "slicer/extract.h"

#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/model_file.h"
#include "gtest/gtest.h"
#include "slicer/prepare.h"
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

}  // namespace
}  // namespace dsperse
