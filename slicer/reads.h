// What a node of the main graph reads: its own inputs, and what its If, Loop and Scan bodies capture.
#ifndef DSPERSE_SLICER_READS_H_
#define DSPERSE_SLICER_READS_H_

#include <vector>

#include "fold/ir/graph.h"

namespace dsperse {

// Values of the main graph, initializers among them, each once: inputs first, then captures in the order of the
// bodies. O(node with its bodies).
std::vector<ValueId> ReadsOf(const Graph& graph, NodeId node);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_READS_H_
