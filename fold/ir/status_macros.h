// Early return on error for functions that return absl::Status or absl::StatusOr.
// (Debian's Abseil ships none.) `DSPERSE_ASSIGN_OR_RETURN(lhs, expr)` may declare `lhs`.
#ifndef DSPERSE_FOLD_IR_STATUS_MACROS_H_
#define DSPERSE_FOLD_IR_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define DSPERSE_RETURN_IF_ERROR(expr)                                  \
  do {                                                                 \
    if (absl::Status dsperse_status = (expr); !dsperse_status.ok()) {  \
      return dsperse_status;                                           \
    }                                                                  \
  } while (false)

#define DSPERSE_CONCAT_INNER(a, b) a##b
#define DSPERSE_CONCAT(a, b) DSPERSE_CONCAT_INNER(a, b)

#define DSPERSE_ASSIGN_OR_RETURN(lhs, expr) \
  DSPERSE_ASSIGN_OR_RETURN_IMPL(DSPERSE_CONCAT(dsperse_statusor_, __LINE__), lhs, expr)
#define DSPERSE_ASSIGN_OR_RETURN_IMPL(statusor, lhs, expr) \
  auto statusor = (expr);                                  \
  if (!statusor.ok()) return std::move(statusor).status(); \
  lhs = *std::move(statusor)

#endif  // DSPERSE_FOLD_IR_STATUS_MACROS_H_
