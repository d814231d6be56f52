// The program make_model and the files it leaves.

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dsperse::models {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class MakeModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "make_model_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Runs the program in the test's folder behind `prefix` and returns its exit code.
  int Run(const std::string& arguments, const std::string& prefix = "") {
    const fs::path log = fs::path(folder_.string() + ".log");
    const std::string command =
        absl::StrCat("cd '", folder_.string(), "' && ", prefix, " '", DSPERSE_BIN_DIR,
                     "/make_model' ", arguments, " > '", log.string(), "' 2>&1");
    const int status = std::system(command.c_str());
    said_ = ReadFile(log);
    fs::remove(log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  size_t FilesLeft() const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder_)) count += entry.exists() ? 1 : 0;
    return count;
  }

  fs::path folder_;
  std::string said_;
};

TEST_F(MakeModelTest, WritesTheBytesOfTheLibrary) {
  ASSERT_EQ(Run("resnet18 m.onnx --seed 5 --size 40 --width 0.25 --classes 3"), 0) << said_;
  EXPECT_EQ(said_, "");
  const auto model = BuildModel("resnet18", {.seed = 5, .size = 40, .classes = 3, .width = 0.25});
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(ReadFile(folder_ / "m.onnx"), *SerializeModel(*model));
  EXPECT_EQ(FilesLeft(), 1u);
}

TEST_F(MakeModelTest, ListNamesEveryModel) {
  ASSERT_EQ(Run("--list"), 0);
  std::string expected;
  for (const absl::string_view name : ModelNames()) absl::StrAppend(&expected, name, "\n");
  EXPECT_EQ(said_, expected);
}

TEST_F(MakeModelTest, HelpStatesTheExitCodes) {
  ASSERT_EQ(Run("--help"), 0);
  EXPECT_THAT(said_, HasSubstr("Exit codes: 0 done; 2 usage"));
  EXPECT_THAT(said_, HasSubstr("--constant-nodes"));
}

TEST_F(MakeModelTest, WrongUsageIsExitCode2) {
  EXPECT_EQ(Run("resnt50 m.onnx"), 2);
  EXPECT_EQ(said_, "make_model: unknown model 'resnt50'; did you mean 'resnet50'?\n");
  EXPECT_EQ(Run("resnet18"), 2);
  EXPECT_EQ(Run(""), 2);
  EXPECT_EQ(Run("resnet18 m.onnx --sise 3"), 2);
  EXPECT_EQ(Run("resnet18 m.onnx --size x"), 2);
  EXPECT_EQ(Run("vgg16_bn m.onnx --size 16"), 2);
  EXPECT_THAT(said_, HasSubstr("size 16 is too small"));
  EXPECT_EQ(FilesLeft(), 0u);
}

TEST_F(MakeModelTest, AnOutputThatCannotBeWrittenIsExitCode5) {
  EXPECT_EQ(Run("conv1d_net missing/m.onnx"), 5);
  EXPECT_EQ(said_, "make_model: missing/m.onnx: No such file or directory\n");
  EXPECT_EQ(Run("conv1d_net ."), 5);
  EXPECT_EQ(Run("conv1d_net /dev/null"), 5);
  EXPECT_THAT(said_, HasSubstr("not a regular file"));
  EXPECT_EQ(FilesLeft(), 0u);
}

TEST_F(MakeModelTest, AFullDiskLeavesTheOldFileAndNothingElse) {
  ASSERT_EQ(Run("conv1d_net m.onnx --width 0.1"), 0);
  const std::string before = ReadFile(folder_ / "m.onnx");
  // A limit of 64 blocks of 512 bytes or of 1 KiB, by shell; the model has 340 KiB.
  EXPECT_EQ(Run("conv1d_net m.onnx", "trap '' XFSZ && ulimit -f 64 &&"), 5) << said_;
  EXPECT_EQ(ReadFile(folder_ / "m.onnx"), before);
  EXPECT_EQ(FilesLeft(), 1u);
}

}  // namespace
}  // namespace dsperse::models
