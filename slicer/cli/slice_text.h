// What `slice` prints for people.
#ifndef DSPERSE_SLICER_CLI_SLICE_TEXT_H_
#define DSPERSE_SLICER_CLI_SLICE_TEXT_H_

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "slicer/cli/cli.h"
#include "slicer/prepare.h"

namespace dsperse {

// What folding and lowering did to the model before it was cut, in a line or two; "" if nothing ran.
std::string BeforeSlicingText(const Prepared& prepared);

// The table of slices and a line of totals, from slices.json.
std::string SlicesText(const nlohmann::ordered_json& account, CliContext& context);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CLI_SLICE_TEXT_H_
