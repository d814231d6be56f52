#include "slicer/cli/exit_code.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace dsperse {
namespace {

constexpr absl::string_view kPayload = "dsperse.exit_code";

absl::Status Marked(absl::Status status, ExitCode code) {
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(static_cast<int>(code))));
  return status;
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  return Marked(absl::InvalidArgumentError(message), kExitUsage);
}

absl::Status OutputError(const absl::Status& status) {
  // A bug stays one wherever it shows.
  return status.ok() || absl::IsInternal(status) ? status : Marked(status, kExitLimitOrOutput);
}

absl::Status DifferenceError(absl::string_view message) {
  return Marked(absl::FailedPreconditionError(message), kExitDifference);
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitDone;
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int code = 0;
  if (payload && absl::SimpleAtoi(std::string(*payload), &code)) return static_cast<ExitCode>(code);
  switch (status.code()) {
    case absl::StatusCode::kUnimplemented:
      return kExitUnsupported;
    case absl::StatusCode::kResourceExhausted:
      return kExitLimitOrOutput;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kOutOfRange:
      return kExitInput;
    default:
      return kExitBug;
  }
}

}  // namespace dsperse
