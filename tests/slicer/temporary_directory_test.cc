#include "slicer/temporary_directory.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;
using ::dsperse::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A directory "old" with one file, as the one to be replaced.
std::string MakeOld(const TempDir& dir) {
  fs::create_directory(dir.File("target"));
  dir.Write("target/old", "1");
  return dir.File("target");
}

TEST(TemporaryDirectoryTest, IsRemovedWithWhatItHolds) {
  TempDir dir;
  const std::string outside = dir.Write("outside", "stays");
  {
    const auto temporary = TemporaryDirectory::Create(dir.File("target"));
    ASSERT_TRUE(temporary.ok()) << temporary.status();
    const auto place = (*temporary)->Place("a/b/c/file");
    ASSERT_TRUE(place.ok()) << place.status();
    EXPECT_TRUE(fs::is_directory(fs::path(*place).parent_path()));
    for (int i = 0; i < 300; ++i) fs::create_directory((*temporary)->path() + "/" + std::to_string(i));
    fs::create_symlink(outside, *place);
    fs::create_directory_symlink(dir.File("."), (*temporary)->path() + "/link");
  }
  EXPECT_THAT(dir.Names(), ElementsAre("outside"));
}

TEST(TemporaryDirectoryTest, MovesOnlyToAFreeName) {
  TempDir dir;
  const auto temporary = TemporaryDirectory::Create(dir.File("new/target"));
  ASSERT_TRUE(temporary.ok()) << temporary.status();
  fs::create_directory(dir.File("new/target"));  // an empty one counts, too
  EXPECT_EQ((*temporary)->MoveTo(dir.File("new/target")).code(), absl::StatusCode::kAlreadyExists);
  fs::remove(dir.File("new/target"));
  EXPECT_TRUE((*temporary)->MoveTo(dir.File("new/target")).ok());
  TemporaryDirectory::CleanUp();
  EXPECT_TRUE(fs::is_directory(dir.File("new/target")));
}

TEST(TemporaryDirectoryTest, HasThePermissionsOfAnyNewDirectory) {
  TempDir dir;
  const mode_t before = umask(027);
  const auto temporary = TemporaryDirectory::Create(dir.File("target"));
  umask(before);
  ASSERT_TRUE(temporary.ok()) << temporary.status();
  EXPECT_EQ(fs::status((*temporary)->path()).permissions(), fs::perms(0750));
}

TEST(TemporaryDirectoryTest, ExchangesWithWhatIsThere) {
  for (const bool by_renaming : {false, true}) {
    TempDir dir;
    const std::string target = MakeOld(dir);
    {
      const auto temporary = TemporaryDirectory::Create(target);
      ASSERT_TRUE(temporary.ok()) << temporary.status();
      dir.Write(fs::path((*temporary)->path()).filename().string() + "/new", "2");
      const absl::Status status =
          by_renaming ? (*temporary)->ExchangeByRenaming(target) : (*temporary)->ExchangeWith(target);
      ASSERT_TRUE(status.ok()) << status;
    }
    EXPECT_THAT(dir.Names(), ElementsAre("target")) << by_renaming;
    EXPECT_EQ(dir.Read("target/new"), "2");
    EXPECT_FALSE(fs::exists(dir.File("target/old")));
  }
}

TEST(TemporaryDirectoryTest, NothingToExchangeWithIsNotFound) {
  TempDir dir;
  const auto temporary = TemporaryDirectory::Create(dir.File("target"));
  ASSERT_TRUE(temporary.ok()) << temporary.status();
  EXPECT_EQ((*temporary)->ExchangeWith(dir.File("target")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((*temporary)->ExchangeByRenaming(dir.File("target")).code(), absl::StatusCode::kNotFound);
}

TEST(TemporaryDirectoryTest, CleanUpRemovesAllOfTheProcess) {
  TempDir dir;
  const auto a = TemporaryDirectory::Create(dir.File("target"));
  const auto b = TemporaryDirectory::Create(dir.File("target"));
  ASSERT_TRUE(a.ok() && b.ok());
  ASSERT_NE((*a)->path(), (*b)->path());
  ASSERT_TRUE((*a)->Place("x/y/z").ok());
  TemporaryDirectory::CleanUp();
  EXPECT_THAT(dir.Names(), IsEmpty());
}

// A thread that goes on for the moment between a handler's CleanUp and the end of the process.
TEST(TemporaryDirectoryTest, IsNotMadeAgainAfterCleanUp) {
  TempDir dir;
  const auto temporary = TemporaryDirectory::Create(dir.File("target"));
  ASSERT_TRUE(temporary.ok()) << temporary.status();
  TemporaryDirectory::CleanUp();
  EXPECT_EQ((*temporary)->Place("slice_0/payload/slice_0.onnx").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE((*temporary)->Place("model.onnx").ok());  // makes nothing
  EXPECT_THAT(dir.Names(), IsEmpty());
}

}  // namespace
}  // namespace dsperse
