// Bytes into import, fold, export: whatever the bytes, the answer is an error with a reason or a model
// that loads again and does not fold any further.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"

namespace {

using ::dsperse::FoldModel;
using ::dsperse::FoldOptions;
using ::dsperse::FoldReport;
using ::dsperse::LoadedModel;
using ::dsperse::LoadModelFromBytes;
using ::dsperse::LoadOptions;
using ::dsperse::SaveModelToBytes;

void Fail(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  std::abort();
}

// A model may be refused for many reasons, but not for one of ours.
bool Accepted(const char* what, const absl::Status& status) {
  if (absl::IsInternal(status) || absl::IsUnknown(status)) Fail(what, status);
  return status.ok();
}

void MustBeOk(const char* what, const absl::Status& status) {
  if (!status.ok()) Fail(what, status);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  LoadOptions limits;
  limits.max_memory = int64_t{256} << 20;
  limits.max_nodes = 10'000;
  FoldOptions options;
  options.verify_each = true;

  absl::StatusOr<LoadedModel> model =
      LoadModelFromBytes(std::string(reinterpret_cast<const char*>(data), size), "input", limits);
  if (!Accepted("load", model.status())) return 0;
  MustBeOk("verify", model->graph.Verify());
  const absl::StatusOr<FoldReport> report = FoldModel(model->graph, options);
  if (!Accepted("fold", report.status())) return 0;
  absl::StatusOr<std::string> folded = SaveModelToBytes(model->graph);
  MustBeOk("save", folded.status());

  absl::StatusOr<LoadedModel> again = LoadModelFromBytes(*folded, "folded", limits);
  MustBeOk("load the folded model", again.status());
  MustBeOk("fold the folded model", FoldModel(again->graph, options).status());
  const absl::StatusOr<std::string> twice = SaveModelToBytes(again->graph);
  MustBeOk("save the folded model", twice.status());
  if (*twice != *folded) Fail("folding again changes the model", absl::OkStatus());
  return 0;
}
