// What a fold does to files: what is not its own stays, what it leaves is whole.
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/parse.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Cli;
using ::dsperse::testing::CliResult;
using ::dsperse::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A network of `blocks` blocks in a file of that name; the weights of each are 2.3 KB.
std::string WriteChain(const TempDir& dir, const std::string& name, int64_t blocks) {
  models::ModelOptions options;
  options.blocks = blocks;
  const auto spec = models::BuildModel("conv_bn_relu_chain", options);
  EXPECT_TRUE(spec.ok()) << spec.status();
  const auto status = models::WriteModel(*spec, dir.File(name));
  EXPECT_TRUE(status.ok());
  return dir.File(name);
}

TEST(FoldFiles, DataOfTheReplacedModelIsReplacedWithIt) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 3);
  const std::string out = dir.File("out.onnx");
  ASSERT_EQ(Cli({"fold", in, "-o", out, "--external-data"}).code, 0);
  const std::string model = dir.Read("out.onnx");
  const std::string data = dir.Read("out.onnx.data");
  EXPECT_FALSE(data.empty());
  // Again over the same name, and then on itself.
  for (const std::string& from : {in, out}) {
    const CliResult again = Cli({"fold", from, "-o", out, "--external-data"});
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_EQ(dir.Read("out.onnx"), model);
    EXPECT_EQ(dir.Read("out.onnx.data"), data);
  }
  EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "out.onnx", "out.onnx.data"));
}

TEST(FoldFiles, DataOfAnotherModelIsNotOverwritten) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 3);
  ASSERT_EQ(Cli({"fold", in, "-o", dir.File("b.onnx"), "--external-data"}).code, 0);
  const std::string data = dir.Read("b.onnx.data");
  // a.onnx keeps its weights in what is named like data of b.onnx.
  std::filesystem::rename(dir.File("b.onnx"), dir.File("a.onnx"));
  const std::string model = dir.Read("a.onnx");
  for (const std::string& from : {in, dir.File("a.onnx")}) {
    const CliResult result = Cli({"fold", from, "-o", dir.File("b.onnx"), "--external-data"});
    EXPECT_EQ(result.code, 5) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("b.onnx.data: is external data of"),
                                  HasSubstr("a.onnx"), HasSubstr("write to another name")));
    EXPECT_EQ(dir.Read("a.onnx"), model);
    EXPECT_EQ(dir.Read("b.onnx.data"), data);
  }
  EXPECT_THAT(dir.Names(), ElementsAre("a.onnx", "b.onnx.data", "in.onnx"));
  // In one file there is nothing to collide with.
  EXPECT_EQ(Cli({"fold", dir.File("a.onnx"), "-o", dir.File("b.onnx")}).code, 0);
  EXPECT_EQ(dir.Read("b.onnx.data"), data);
}

TEST(FoldFiles, DataInAFolderBelowTheModelIsNotOverwritten) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 3);
  std::filesystem::create_directory(dir.File("sub"));
  ASSERT_EQ(Cli({"fold", in, "-o", dir.File("sub_b.onnx"), "--external-data"}).code, 0);
  // The location is as long as the name, so the model's bytes can be changed in place.
  std::string model = dir.Read("sub_b.onnx");
  for (size_t at = 0; (at = model.find("sub_b.onnx.data", at)) != std::string::npos;)
    model[at + 3] = '/';
  const std::string above = dir.Write("above.onnx", model);
  std::filesystem::rename(dir.File("sub_b.onnx.data"), dir.File("sub/b.onnx.data"));
  const std::string data = dir.Read("sub/b.onnx.data");
  ASSERT_EQ(Cli({"inspect", above}).code, 0);
  const CliResult result = Cli({"fold", above, "-o", dir.File("sub/b.onnx"), "--external-data"});
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_THAT(result.err, HasSubstr("is external data of the model that is read"));
  EXPECT_EQ(dir.Read("sub/b.onnx.data"), data);
}

TEST(FoldFiles, AKilledRunLeavesTheOldFileOrTheNewOneAndNoTemporary) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 2000);
  const std::string out = dir.File("out.onnx");
  ASSERT_EQ(Cli({"fold", in, "-o", out}).code, 0);
  const std::string folded = dir.Read("out.onnx");
  int killed = 0;
  for (int round = 0; round < 24; ++round) {
    dir.Write("out.onnx", "old");
    const int signal = round % 3 == 0 ? SIGINT : round % 3 == 1 ? SIGTERM : SIGKILL;
    const pid_t child = fork();
    if (child == 0) {
      InstallSignalHandlers();
      _exit(Cli({"fold", in, "-o", out}).code);
    }
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(4 * round));
    kill(child, signal);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    killed += !done;
    if (WIFEXITED(status) && !done) {
      EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
    }
    const std::string left = dir.Read("out.onnx");
    EXPECT_TRUE(left == folded || (!done && left == "old")) << "round " << round;
    if (signal != SIGKILL) {
      EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "out.onnx"));
    }
    for (const std::string& name : dir.Names()) {
      if (name != "in.onnx" && name != "out.onnx") std::filesystem::remove(dir.File(name));
    }
  }
  EXPECT_GT(killed, 0);
  EXPECT_EQ(Cli({"fold", in, "-o", out}).code, 0);
  EXPECT_EQ(dir.Read("out.onnx"), folded);
}

TEST(FoldFiles, AnInputThatShrinksOrChangesMeanwhileIsAnError) {
  TempDir dir;
  const std::string in = WriteChain(dir, "in.onnx", 2000);
  const std::string bytes = dir.Read("in.onnx");
  const std::string out = dir.File("out.onnx");
  ASSERT_EQ(Cli({"fold", in, "-o", out}).code, 0);
  const std::string folded = dir.Read("out.onnx");
  int refused = 0;
  for (int round = 0; round < 12; ++round) {
    dir.Write("in.onnx", bytes);
    dir.Write("out.onnx", "old");
    int code = -1;
    std::thread fold([&] { code = Cli({"fold", in, "-o", out}).code; });
    std::this_thread::sleep_for(std::chrono::milliseconds(3 * round));
    if (round % 2 == 0) {
      std::filesystem::resize_file(in, bytes.size() / 2);
    } else {
      dir.Write("in.onnx", bytes);  // the same bytes, but not the same file that was opened
    }
    fold.join();
    const std::string left = dir.Read("out.onnx");
    if (code == 0) {
      EXPECT_TRUE(left == folded) << "round " << round;
    } else {
      ++refused;
      EXPECT_TRUE(code == 3 || code == 5) << code;
      EXPECT_EQ(left, "old") << "round " << round;
    }
    EXPECT_THAT(dir.Names(), ElementsAre("in.onnx", "out.onnx"));
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace dsperse
