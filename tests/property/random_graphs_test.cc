// Random models: folding, lowering and slicing keep what they compute. Seeded, so a failure can be had again, and
// more can be looked at: DSPERSE_SEEDS=1234-1240 property_test --gtest_filter='*OtherSeeds*'.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/property/check_model.h"
#include "tests/property/recipes.h"

namespace dsperse::testing {
namespace {

constexpr int kShards = 8;
constexpr int kSeedsPerShard = 300;

absl::Status CheckSeed(uint64_t seed, bool* made) {
  SeededChoices choices(seed);
  const std::optional<RandomModel> random = MakeRandomModel(choices);
  *made = random.has_value();
  if (!random) return absl::OkStatus();
  if (absl::Status status = CheckFolding(*random); !status.ok()) return status;
  for (const char* target : {"jstprove", "ezkl"}) {
    if (absl::Status status = CheckLowering(*random, target); !status.ok()) return status;
  }
  if (absl::Status status = CheckPrices(*random); !status.ok()) return status;
  return CheckSlicing(*random);
}

class RandomGraphsTest : public ::testing::TestWithParam<int> {};

TEST_P(RandomGraphsTest, KeepTheirMeaning) {
  int models = 0;
  for (int i = 0; i < kSeedsPerShard; ++i) {
    const auto seed = static_cast<uint64_t>(GetParam() * kSeedsPerShard + i);
    bool made = false;
    const absl::Status status = CheckSeed(seed, &made);
    EXPECT_TRUE(status.ok()) << "seed " << seed << ": " << status.message();
    models += made;
  }
  // 2,000 in all shards.
  EXPECT_GE(models, 250);
}

INSTANTIATE_TEST_SUITE_P(Shards, RandomGraphsTest, ::testing::Range(0, kShards));

TEST(RandomGraphs, OtherSeeds) {
  const char* seeds = std::getenv("DSPERSE_SEEDS");
  if (seeds == nullptr) GTEST_SKIP() << "set DSPERSE_SEEDS to FIRST-LAST";
  char* end = nullptr;
  const uint64_t first = std::strtoull(seeds, &end, 10);
  const uint64_t last = *end == '-' ? std::strtoull(end + 1, nullptr, 10) : first;
  uint64_t models = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    bool made = false;
    const absl::Status status = CheckSeed(seed, &made);
    EXPECT_TRUE(status.ok()) << "seed " << seed << ": " << status.message();
    models += made;
  }
  std::printf("%llu models\n", static_cast<unsigned long long>(models));
}

}  // namespace
}  // namespace dsperse::testing
