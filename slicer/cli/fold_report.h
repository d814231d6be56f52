// What `fold` says about its work, as JSON and as text.
#ifndef DSPERSE_SLICER_CLI_FOLD_REPORT_H_
#define DSPERSE_SLICER_CLI_FOLD_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "fold/fold_model.h"
#include "nlohmann/json_fwd.hpp"
#include "slicer/cli/cli.h"

namespace dsperse {

// A fold from file to file.
struct FileFold {
  std::string input, output;
  std::string target;  // that it was lowered for; "": none
  int64_t bytes_before = 0, bytes_after = 0;  // of the model and its external data
  double load_seconds = 0, save_seconds = 0;
  std::vector<std::string> notes;  // of the loader
  FoldReport report;
};

// Everything, in a fixed order; deterministic but for members called "seconds".
nlohmann::ordered_json ToJson(const FileFold& fold);
nlohmann::ordered_json ToJson(const ModelCounts& counts);
nlohmann::ordered_json ToJson(const Remark& remark);

// The short table: nodes, BatchNormalizations, initializers, bytes before → after, passes, time.
std::string SummaryText(const FileFold& fold, const CliContext& context);

// The remarks grouped by pass, each with its node.
std::string ExplainText(const FoldReport& report, const CliContext& context);

// "BatchNormalization 'bn1'", or "" for a remark about no node.
std::string NodeOf(const Remark& remark);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_FOLD_REPORT_H_
