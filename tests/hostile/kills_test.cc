// A thousand runs ended by signals at random moments: what was to be replaced is the old one or the whole new one,
// and after a signal that can be caught nothing else is left. Some twenty of each are in the suites of `fold` and
// `slice`.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using ::dsperse::testing::Cli;
using ::dsperse::testing::ReadAll;
using ::dsperse::testing::TempDir;
using ::testing::AnyOf;

using Tree = std::map<std::string, std::string>;

Tree TreeOf(const std::string& path) {
  Tree out;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) out[fs::relative(entry.path(), path).string()] = ReadAll(entry.path().string());
  }
  return out;
}

// `first` and `second` give different results under one name in `out`.
void Kill(const TempDir& dir, const std::vector<std::string>& first, const std::vector<std::string>& second, int kills) {
  const std::string out = dir.File("out");
  ASSERT_EQ(Cli(first).code, 0);
  const Tree one = TreeOf(out);
  ASSERT_EQ(Cli(second).code, 0);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(Cli(first).code, 0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  ASSERT_EQ(Cli(second).code, 0);
  const Tree two = TreeOf(out);
  ASSERT_NE(one, two);
  std::mt19937_64 random(1);
  int interrupted = 0, left_behind = 0;
  Tree before = two;
  for (int i = 0; i < kills; ++i) {
    constexpr int kSignals[] = {SIGINT, SIGTERM, SIGKILL};
    const int signal = kSignals[random() % 3];
    const std::vector<std::string>& run = random() % 2 == 0 ? first : second;
    const auto moment = std::chrono::microseconds(random() % static_cast<uint64_t>(whole.count() * 5 / 4 + 1));
    const pid_t child = fork();
    if (child == 0) {
      InstallSignalHandlers();
      _exit(Cli(run).code);
    }
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(moment);
    kill(child, signal);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    interrupted += !done;
    // A signal that came before the handlers were there ends the child as it would any program.
    if (WIFEXITED(status)) {
      ASSERT_THAT(WEXITSTATUS(status), AnyOf(0, 128 + signal)) << i;
    }
    if (signal == SIGKILL) {
      for (const auto& entry : fs::directory_iterator(out)) {
        if (entry.path().filename().string()[0] != '.') continue;
        ++left_behind;
        fs::remove_all(entry.path());
      }
    }
    Tree after = TreeOf(out);
    const Tree& wanted = &run == &first ? one : two;
    ASSERT_TRUE(after == wanted || (!done && after == before)) << "kill " << i << ", signal " << signal;
    before = std::move(after);
  }
  std::printf("%d of %d runs interrupted; %d temporaries left by SIGKILL\n", interrupted, kills, left_behind);
  EXPECT_GT(interrupted, kills / 4);
  // And all is as before.
  ASSERT_EQ(Cli(first).code, 0);
  EXPECT_EQ(TreeOf(out), one);
}

class HostileKills : public ::testing::Test {
 protected:
  void SetUp() override {
    models::ModelOptions options;
    options.blocks = 200;
    const auto spec = models::BuildModel("conv_bn_relu_chain", options);
    ASSERT_TRUE(spec.ok()) << spec.status();
    ASSERT_TRUE(models::WriteModel(*spec, in()).ok());
    fs::create_directory(dir_.File("out"));
  }
  std::string in() const { return dir_.File("in.onnx"); }
  TempDir dir_;
};

TEST_F(HostileKills, FiveHundredFoldsFullRun) {
  const std::string target = dir_.File("out/m.onnx");
  Kill(dir_, {"fold", in(), "-o", target}, {"fold", in(), "-o", target, "--passes", "none"}, 500);
}

TEST_F(HostileKills, FiveHundredSlicesFullRun) {
  const std::string target = dir_.File("out/slices");
  Kill(dir_, {"slice", in(), "-o", target}, {"slice", in(), "-o", target, "--no-fold", "--policy", "whole"}, 500);
}

}  // namespace
}  // namespace dsperse
