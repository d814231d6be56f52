// Models larger than the memory that a process may have: weights are never held, so that is enough.
#include <sys/resource.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/hostile/child.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ChildResult;
using ::dsperse::testing::CliInChild;
using ::dsperse::testing::kSanitized;
using ::dsperse::testing::TempDir;
using ::testing::HasSubstr;

// The commands on a model of at least that size, each with `kibibytes` for data as `ulimit -d` sets.
void RunWithLittle(absl::string_view name, const models::ModelOptions& options, uint64_t least_size, rlim_t kibibytes) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take more memory than that for themselves";
  TempDir dir;
  const auto spec = models::BuildModel(name, options);
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_TRUE(models::WriteModel(*spec, dir.File("in.onnx")).ok());
  ASSERT_GT(std::filesystem::file_size(dir.File("in.onnx")), least_size);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"inspect", dir.File("in.onnx")},
        {"fold", dir.File("in.onnx"), "-o", dir.File("out.onnx")},
        {"fold", dir.File("in.onnx"), "-o", dir.File("lowered.onnx"), "--external-data", "--target", "jstprove"},
        {"estimate", dir.File("in.onnx"), "--fold"},
        // Lowered, the large one would pass protobuf's 2 GiB, which is an error of its own.
        {"slice", dir.File("in.onnx"), "-o", dir.File("slices"), "--policy", "layer", "--no-lower"}}) {
    const ChildResult result = CliInChild(arguments, [&] {
      const rlimit limit = {kibibytes << 10, kibibytes << 10};
      return setrlimit(RLIMIT_DATA, &limit) == 0;
    });
    ASSERT_TRUE(result.prepared);
    EXPECT_EQ(result.code, 0) << arguments[0] << ": " << result.err;
  }
}

TEST(HostileMemory, AModelThreeTimesTheSizeOfData) {
  models::ModelOptions options;
  RunWithLittle("resnet50", options, 100'000'000, 48 << 10);
}

TEST(HostileMemory, AModelOfMoreThanAGibibyteFullRun) {
  models::ModelOptions options;
  options.width = 4;
  RunWithLittle("resnet50", options, uint64_t{1} << 30, 1 << 20);
}

// A kernel with a factor for each channel becomes thousands of kernels, each of which has a factor.
TEST(HostileMemory, DepthwiseConvsTakeMemoryByTheirChannels) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take more memory than that for themselves";
  TempDir dir;
  models::ModelOptions options;
  options.width = 3;  // 2,880 channels
  options.size = 32;
  options.classes = 10;
  const auto spec = models::BuildModel("mobilenet_v2", options);
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_TRUE(models::WriteModel(*spec, dir.File("in.onnx")).ok());
  const ChildResult result =
      CliInChild({"fold", dir.File("in.onnx"), "-o", dir.File("out.onnx"), "--target", "jstprove"}, [] {
        const rlimit limit = {rlim_t{256} << 20, rlim_t{256} << 20};
        return setrlimit(RLIMIT_DATA, &limit) == 0;
      });
  ASSERT_TRUE(result.prepared);
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST(HostileMemory, TooLittleIsAnErrorInOneLine) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take more memory than that for themselves";
  TempDir dir;
  models::ModelOptions options;
  options.blocks = 20'000;
  const auto spec = models::BuildModel("conv_bn_relu_chain", options);
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_TRUE(models::WriteModel(*spec, dir.File("in.onnx")).ok());
  int failed = 0;
  for (rlim_t mebibytes = 8; mebibytes < 512; mebibytes += mebibytes / 4) {
    const ChildResult result = CliInChild({"fold", dir.File("in.onnx"), "-o", dir.File("out.onnx")}, [&] {
      const rlimit limit = {mebibytes << 20, mebibytes << 20};
      return setrlimit(RLIMIT_DATA, &limit) == 0;
    });
    ASSERT_TRUE(result.prepared);
    if (result.code == 0) break;
    ++failed;
    EXPECT_EQ(result.code, 5) << mebibytes << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("memory"));
    EXPECT_EQ(dir.Names(), std::vector<std::string>{"in.onnx"});
  }
  EXPECT_GT(failed, 0);
}

}  // namespace
}  // namespace dsperse
