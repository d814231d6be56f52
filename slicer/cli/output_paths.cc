#include "slicer/cli/output_paths.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "slicer/cli/exit_code.h"

namespace dsperse {
namespace {

namespace fs = std::filesystem;

fs::path Canonical(const std::string& path) {
  std::error_code ignored;
  fs::path canonical = fs::weakly_canonical(path, ignored);
  // "slices/" is the folder "slices".
  return canonical.has_filename() ? canonical : canonical.parent_path();
}

bool Holds(const std::string& folder, const std::string& file) {
  const fs::path outer = Canonical(folder), inner = Canonical(file);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

absl::Status CheckSpares(const OutputPath& output, const std::string& file, absl::string_view what) {
  if (output.path.empty()) return absl::OkStatus();
  if (SameFile(output.path, file)) return UsageError(absl::StrCat(output.flag, " ", output.path, ": is ", what));
  if (output.replaces_folder && Holds(output.path, file)) {
    return UsageError(absl::StrCat(output.flag, " ", output.path, ": holds ", what, " (", file, ")"));
  }
  return absl::OkStatus();
}

}  // namespace

bool SameFile(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored) || Canonical(a) == Canonical(b);
}

absl::Status CheckOutputsDiffer(absl::Span<const OutputPath> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const OutputPath &later = outputs[i], &earlier = outputs[j];
      if (later.path.empty() || earlier.path.empty() || !SameFile(later.path, earlier.path)) continue;
      return UsageError(absl::StrCat(later.flag, " ", later.path, ": is where ", earlier.flag, " goes too"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOutputsSpareModel(absl::Span<const OutputPath> outputs, const std::string& path) {
  for (const OutputPath& output : outputs) {
    if (output.may_be_model) continue;
    DSPERSE_RETURN_IF_ERROR(CheckSpares(output, path, "the model itself"));
  }
  return absl::OkStatus();
}

absl::Status CheckOutputsSpare(absl::Span<const OutputPath> outputs, absl::Span<const SourceFile> files) {
  if (files.empty()) return absl::OkStatus();
  DSPERSE_RETURN_IF_ERROR(CheckOutputsSpareModel(outputs, files[0].path));
  for (const OutputPath& output : outputs) {
    for (const SourceFile& file : files.subspan(1)) {
      DSPERSE_RETURN_IF_ERROR(CheckSpares(output, file.path, "external data of the model that is read"));
    }
  }
  return absl::OkStatus();
}

}  // namespace dsperse
