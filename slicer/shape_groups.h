// Slices that are equal but for their weights and names.
#ifndef DSPERSE_SLICER_SHAPE_GROUPS_H_
#define DSPERSE_SLICER_SHAPE_GROUPS_H_

#include <vector>

#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "slicer/extract.h"
#include "slicer/plan.h"

namespace dsperse {

// For each slice the index of the first one with the same operators, attributes, wiring, element types
// and shapes (itself if there is none before). A circuit may be shared within a group only where the
// bits of all values agree too: that is for the prover to say. Linear in the nodes.
std::vector<int> ShapeGroups(const Graph& graph, Facts& facts, const Plan& plan,
                             const Extractor& extractor);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_SHAPE_GROUPS_H_
