// A report (report_data.h) as text. Equal reports give equal text; times and the machine are shown only where
// the report holds a machine.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_REPORT_RENDER_H_
#define DSPERSE_CIRCUIT_ESTIMATE_REPORT_RENDER_H_

#include <string>

#include "circuit_estimate/report_data.h"
#include "nlohmann/json_fwd.hpp"

namespace dsperse {

// GitHub's Markdown. Several models: first a comparison, then each.
std::string RenderMarkdown(const Report& report);

// docs/report.schema.json describes it.
nlohmann::ordered_json RenderJson(const Report& report);

// One line a figure: model, backend, column, row (total, boundary, operator, slice), name, nodes, metric, value,
// exact (yes, no). A total that is no price of the whole model has "partial" for its row.
std::string RenderCsv(const Report& report);

// One page without references to anything outside: figures are drawn without a script; a script adds searching
// and sorting of tables.
std::string RenderHtml(const Report& report);

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_REPORT_RENDER_H_
