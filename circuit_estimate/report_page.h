// The fixed parts of the HTML page: style and script.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_REPORT_PAGE_H_
#define DSPERSE_CIRCUIT_ESTIMATE_REPORT_PAGE_H_

#include "absl/strings/string_view.h"

namespace dsperse {

// Light and dark by the reader's setting; classes f0 … f7 colour the operator families (report_data.h) and, last,
// what slices cost beside their nodes.
absl::string_view PageStyle();

// Searching and sorting of tables, and the line under a figure that names what is pointed at. The page is
// complete without it.
absl::string_view PageScript();

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_REPORT_PAGE_H_
