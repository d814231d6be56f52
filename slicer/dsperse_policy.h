// The cut points of DSperse's own slicer, for comparison (policy `dsperse`).
//
// Rule (measured on DSperse 3.9.10; the list of operators it proves is compared literally, so `Relu`
// counts as unknown: it spells `ReLU`):
//   1. a slice begins at every Conv, Gemm and MatMul with an initializer input;
//   2. at every Conv and MaxPool, and at the first node after the run of pass-through operators
//      that follows and consumes it;
//   3. before and after every operator but Add Sub Mul Div Pow whose estimate exceeds 750,000
//      constraints or is not known;
//   4. between an operator it proves and one it doesn't, and between tileable operators (Conv, MaxPool,
//      elementwise) and others, except where a Relu follows one that is not tileable;
//   5. slices of constants only are merged with the next one; a node with bodies shares the slice of everything it reads.
#ifndef DSPERSE_SLICER_DSPERSE_POLICY_H_
#define DSPERSE_SLICER_DSPERSE_POLICY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "fold/ir/graph.h"
#include "slicer/sequence.h"

namespace dsperse {

// First positions of the slices, ascending, beginning with 0.
std::vector<int> DsperseCuts(const Graph& graph, const Sequence& sequence,
                             const std::function<std::optional<uint64_t>(NodeId)>& estimate);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_DSPERSE_POLICY_H_
