// Prices a rewrite before it is done, on a scratch copy of the node.
#ifndef DSPERSE_FOLD_LOWERING_SCRATCH_H_
#define DSPERSE_FOLD_LOWERING_SCRATCH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "fold/ir/graph.h"
#include "fold/lowering/rewriter.h"
#include "fold/ops/facts.h"
#include "fold/ops/pricing.h"

namespace dsperse {

struct PriceChange {
  uint64_t before = 0;
  uint64_t after = 0;
  std::string unit;
};

// The price of `node` (with those of `with` before it) by itself, and after `rewrite` has replaced it.
// Nothing where a shape isn't known or the backend refuses either form. The model is not touched. O(size
// of the nodes' constants' skeletons): weights are shared, not copied.
absl::StatusOr<std::optional<PriceChange>> PriceOfRewrite(
    const Graph& graph, NodeId node, Facts& facts, const PricerFactory& pricer,
    const std::function<void(Rewriter&)>& rewrite, absl::Span<const NodeId> with = {});

}  // namespace dsperse

#endif  // DSPERSE_FOLD_LOWERING_SCRATCH_H_
