// slices.json: our own account of a slices directory, beside what DSperse reads (docs/slices.schema.json).
#ifndef DSPERSE_SLICER_SLICES_JSON_H_
#define DSPERSE_SLICER_SLICES_JSON_H_

#include <string>
#include <vector>

#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "nlohmann/json_fwd.hpp"
#include "slicer/extract.h"
#include "slicer/plan.h"

namespace dsperse {

// Per slice: file, nodes, operators, boundary, price, bits, provable or why not, group of slices equal
// in shape; and totals. No times, no paths: equal inputs give equal text.
nlohmann::ordered_json SlicesJson(const Graph& graph, Facts& facts, const Plan& plan,
                                  const PlanOptions& options, const Extractor& extractor);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_SLICES_JSON_H_
