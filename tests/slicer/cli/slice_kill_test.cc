// Whatever ends a run that replaces a slices directory, the directory is the old one or the new one, whole.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "slicer/cli/cli.h"
#include "tests/support/files.h"
#include "tests/support/parse.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using ::dsperse::testing::Cli;
using ::dsperse::testing::ExportAll;
using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::TempDir;
using ::dsperse::testing::Tree;
using ::testing::AnyOf;
using ::testing::ElementsAre;

constexpr int kLayers = 12;

// Layers of 256 · 256 weights each, which `slice` makes initializers of.
std::string Model() {
  std::string text =
      "g (float[1,256] v0) => (float[1,256] y) <int64[2] shape = {256, 256}> {\n";
  for (int i = 0; i < kLayers; ++i) {
    absl::StrAppend(&text, "w", i, " = ConstantOfShape <value = float[1] {0.5}> (shape)\n",
                    i + 1 == kLayers ? "y" : absl::StrCat("v", i + 1), " = MatMul(v", i, ", w", i, ")\n");
  }
  return ExportAll(ParseGraph(text + "}"));
}

// The program, in a process of its own.
pid_t Start(const std::vector<std::string>& arguments) {
  const pid_t child = fork();
  if (child != 0) return child;
  InstallSignalHandlers();
  std::ostringstream out, err;
  _exit(RunCli(arguments, {&out, &err}));
}

int Wait(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

class SliceKillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = dir_.Write("model.onnx", Model());
    fs::create_directory(dir_.File("out"));
    ASSERT_EQ(Cli(Arguments("layer", "new")).code, 0);
    ASSERT_EQ(Cli(Arguments("whole", "old")).code, 0);
    old_ = Tree(dir_.File("out/old"));
    new_ = Tree(dir_.File("out/new"));
    ASSERT_NE(old_, new_);
    fs::remove_all(dir_.File("out/new"));
    fs::rename(dir_.File("out/old"), dir_.File("out/slices"));
  }
  std::vector<std::string> Arguments(const std::string& policy, const std::string& name) const {
    return {"slice", model_, "-o", dir_.File("out/" + name), "--policy", policy, "--no-fold"};
  }
  std::vector<std::string> Present() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_.File("out"))) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TempDir dir_;
  std::string model_;
  std::map<std::string, std::string> old_, new_;
};

TEST_F(SliceKillTest, LeavesTheOldDirectoryOrTheNewOne) {
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(Cli(Arguments("layer", "slices")).code, 0);
  const auto whole_run = std::chrono::steady_clock::now() - start;
  constexpr int kTrials = 24;
  int interrupted = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    // Moments spread over a run; what state each finds doesn't matter.
    const int signal = trial % 2 == 0 ? SIGTERM : SIGKILL;
    const bool to_new = trial % 4 < 2;
    const pid_t child = Start(Arguments(to_new ? "layer" : "whole", "slices"));
    std::this_thread::sleep_for(whole_run * (trial + 1) / kTrials);
    kill(child, signal);
    const int status = Wait(child);
    interrupted += !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (WIFEXITED(status)) {
      EXPECT_THAT(WEXITSTATUS(status), AnyOf(0, 128 + SIGTERM));
    }
    const auto tree = Tree(dir_.File("out/slices"));
    ASSERT_TRUE(tree == old_ || tree == new_) << "trial " << trial << ": " << tree.size() << " files";
    if (signal == SIGKILL) {
      for (const std::string& name : Present()) {
        if (name != "slices") fs::remove_all(dir_.File("out/" + name));
      }
    }
    ASSERT_THAT(Present(), ElementsAre("slices")) << "trial " << trial;
  }
  EXPECT_GT(interrupted, 0);
}

TEST_F(SliceKillTest, TwoRunsAtOnceLeaveOneOfTheirDirectories) {
  for (int trial = 0; trial < 4; ++trial) {
    if (trial % 2 == 1) fs::remove_all(dir_.File("out/slices"));
    const pid_t a = Start(Arguments("layer", "slices"));
    const pid_t b = Start(Arguments("whole", "slices"));
    EXPECT_EQ(Wait(a), 0);
    EXPECT_EQ(Wait(b), 0);
    const auto tree = Tree(dir_.File("out/slices"));
    EXPECT_TRUE(tree == old_ || tree == new_);
    EXPECT_THAT(Present(), ElementsAre("slices"));
  }
}

}  // namespace
}  // namespace dsperse
