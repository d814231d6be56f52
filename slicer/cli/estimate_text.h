// Estimates as text tables for people.
#ifndef DSPERSE_SLICER_CLI_ESTIMATE_TEXT_H_
#define DSPERSE_SLICER_CLI_ESTIMATE_TEXT_H_

#include <cstdint>
#include <string>

#include "circuit_estimate/report.h"
#include "slicer/cli/cli.h"

namespace dsperse {

// Totals, then the rows asked for with a bar for each (the `top` dearest; 0: all), then what is
// unsupported. `≈` marks what is approximate.
std::string EstimateText(const GraphEstimate& estimate, EstimateRows rows, int64_t top,
                         const CliContext& context);

// Before and after side by side: totals with difference and percentage, operators, what is
// unsupported.
std::string ComparisonText(const GraphEstimate& before, const GraphEstimate& after,
                           EstimateRows rows, int64_t top, const CliContext& context);

// "  chunk_bits   auto   bits  digit of a range check …", one line a parameter, for --help.
std::string ParameterHelp();

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_ESTIMATE_TEXT_H_
