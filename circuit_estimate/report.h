// Estimates as JSON and CSV: plain data for other programs.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_REPORT_H_
#define DSPERSE_CIRCUIT_ESTIMATE_REPORT_H_

#include <optional>
#include <string>

#include "circuit_estimate/estimate_graph.h"
#include "nlohmann/json_fwd.hpp"

namespace dsperse {

// Which rows a report lists beside the totals.
enum class EstimateRows { kTotal, kOperators, kNodes, kSlices };

// {"backend", "tool", "unit", "parameters", "totals": {metric: n}, "exactness": {metric: "exact" |
// "approximate"}, "boundary": {"inputs", "outputs", "fixed"}, "unsupported": [{node, op, reason}],
// "operators" | "nodes" | "slices": […]}; members in a fixed order.
nlohmann::ordered_json ToJson(const GraphEstimate& estimate, EstimateRows rows);

// {"before", "after", "change": {metric: {"before", "after", "difference", "percent"}}}; percent is null from 0 to
// anything else.
nlohmann::ordered_json ComparisonJson(const GraphEstimate& before, const GraphEstimate& after,
                                      EstimateRows rows);

// One header and one line a row: backend, stage, row, op, then the metrics, then those approximate.
// `stage` stands in its column ("", "before", "after").
std::string CsvHeader(const Backend& backend);
std::string ToCsv(const GraphEstimate& estimate, EstimateRows rows, absl::string_view stage);

// after − before of a metric's total, and in percent of before (0 where both are 0, none where only before is).
struct MetricChange {
  std::string metric;
  uint64_t before = 0;
  uint64_t after = 0;
  std::optional<double> percent;
  bool exact = false;  // both sides
};
std::vector<MetricChange> Changes(const GraphEstimate& before, const GraphEstimate& after);

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_REPORT_H_
