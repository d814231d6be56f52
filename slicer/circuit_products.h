// How large a circuit gets, before it is compiled.
#ifndef DSPERSE_SLICER_CIRCUIT_PRODUCTS_H_
#define DSPERSE_SLICER_CIRCUIT_PRODUCTS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/target.h"

namespace dsperse {

// Products by constants that a circuit of `nodes` holds, 2^64 − 1 at most: it has at least as many gates. Those of a Gemm or
// MatMul that the prover checks instead of computing it are what the check takes (fold/ops/random_check.h). Nodes whose
// work isn't known count for nothing. `target` may be null.
uint64_t CircuitProducts(const Graph& graph, Facts& facts, const Target* target, absl::Span<const NodeId> nodes);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_CIRCUIT_PRODUCTS_H_
