// Random models (tests/property) whose every decision is a byte of the input: folding, lowering and slicing
// keep what they compute.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "tests/property/check_model.h"
#include "tests/property/recipes.h"

namespace {

void MustBeOk(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dsperse::testing;  // NOLINT: all of it
  ByteChoices choices(absl::MakeConstSpan(data, size));
  const std::optional<RandomModel> random = MakeRandomModel(choices);
  if (!random) return 0;
  MustBeOk(CheckFolding(*random));
  MustBeOk(CheckLowering(*random, size % 2 == 0 ? "jstprove" : "ezkl"));
  MustBeOk(CheckPrices(*random));
  MustBeOk(CheckSlicing(*random));
  return 0;
}
