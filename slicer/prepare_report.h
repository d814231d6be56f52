// MakeReportModel: runs the chain of prepare.h three times for each backend and says what each gives: the
// data behind `dsperse-slice report` (circuit_estimate/report_data.h explains the three columns).
#ifndef DSPERSE_SLICER_PREPARE_REPORT_H_
#define DSPERSE_SLICER_PREPARE_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "circuit_estimate/report_data.h"
#include "fold/ir/model_file.h"
#include "slicer/prepare.h"

namespace dsperse {

struct ReportOptions {
  std::vector<std::string> backends = {"jstprove_expander"};
  // "key=value"; each goes to the backends that have it.
  std::vector<std::string> parameters;
  // Shapes, policy and target. Its backend, parameters, fold and lower are set for each column.
  PrepareOptions prepare;
};

// `name` is how the report calls the model. A column that can't be made (shapes that stay unknown without
// folding) holds its error. InvalidArgument: a backend, target or parameter that doesn't exist; and whatever
// keeps "fused" from being made for every backend. Time: that of three calls of Prepare for each backend.
absl::StatusOr<ReportModel> MakeReportModel(const LoadedModel& model, const std::string& name,
                                            const ReportOptions& options = {});

}  // namespace dsperse

#endif  // DSPERSE_SLICER_PREPARE_REPORT_H_
