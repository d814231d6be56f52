// Plan: where the graph is cut.
//
// A slice is a range of positions in one topological order of the main graph's nodes; an If, Loop or
// Scan lies in one slice with its bodies. Prices, bits and provability come through the RangePricer
// and the Target that the caller hands in: the slicer knows no backend.
#ifndef DSPERSE_SLICER_PLAN_H_
#define DSPERSE_SLICER_PLAN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"
#include "fold/ops/pricing.h"
#include "fold/ops/target.h"
#include "slicer/lift.h"
#include "slicer/narrowing.h"

namespace dsperse {

enum class Policy { kBudget, kDsperse, kLayer, kPoints, kWhole };
enum class Minimize { kTotal, kLargest, kSlices };

// "budget", "dsperse", "layer", "points", "whole" / "total", "largest", "slices".
absl::StatusOr<Policy> ParsePolicy(absl::string_view name);
absl::StatusOr<Minimize> ParseMinimize(absl::string_view name);
absl::string_view PolicyName(Policy policy);
absl::string_view MinimizeName(Minimize minimize);

struct PlanOptions {
  Policy policy = Policy::kBudget;
  Minimize minimize = Minimize::kTotal;
  int max_bits = 64;                // of the backend's own bound
  std::optional<uint64_t> budget;   // largest price of a slice, boundary and fixed price included
  int max_nodes = 1000;             // of a slice; not under kWhole
  std::vector<std::string> cuts;    // kPoints: a slice ends with the node that makes the tensor
  const Target* target = nullptr;   // null: everything counts as provable
  // If not empty, the target proves nodes of these operator types only, data movement among them.
  std::vector<std::string> circuit_ops;
  // kDsperse: the estimate DSperse itself makes of a node, in its constraints; nothing: not known.
  std::function<std::optional<uint64_t>(NodeId)> dsperse_estimate;
};

// Does the node only move data, so that no circuit is made of it by itself? `target` may be null.
bool OnlyMovesData(const Graph& graph, const Target* target, NodeId node);

struct Slice {
  int begin = 0;  // positions in Plan::order
  int end = 0;
  std::vector<ValueId> inputs;   // activations read from outside, in order of first use
  std::vector<ValueId> outputs;  // read by a later slice, or model outputs, in order of production
  std::vector<Lift> lifts;       // of each input; empty: the slice is written as it is. The planner sets none
  std::vector<Narrowing> narrowings;  // in the order of their nodes. The planner sets none
  int64_t input_elements = 0;
  int64_t output_elements = 0;
  uint64_t node_price = 0;  // of its nodes; prices are 0 where no circuit is made
  uint64_t price = 0;       // with boundary and fixed price
  int bits = 0;
  bool exact = true;        // the price
  int unpriced_nodes = 0;   // that the backend refuses and prices with 0. The planner sets none
  bool provable = true;
  bool arithmetic = true;   // false: it only moves data; no circuit is made for it
  std::string reason;       // why it is not provable
  bool over_budget = false;
};

struct Plan {
  std::vector<NodeId> order;
  std::string order_name;  // which of TopologicalOrders it is
  std::vector<Slice> slices;
  uint64_t total_price = 0;
  std::string unit;
};

// Cuts `graph` (frozen, Constant nodes already initializers). `pricer` prices ranges of it.
//   kBudget   a dynamic programme over several topological orders: the least sum of prices (or the
//             least largest slice, or the fewest slices) such that no slice exceeds max_bits, max_nodes
//             or the budget (but a single node that does by itself) and none mixes nodes the target
//             proves with nodes it doesn't (data movement goes with either). Optimal for contiguous
//             ranges of each order, up to 600 nodes; a larger graph is cut in the order of its file
//             and at narrow places (budget_policy.h). O(orders · nodes · max_nodes) calls of Extend
//             at worst; a range is not extended past the first node that breaks a limit.
//   kDsperse  the cut points of DSperse's own slicer (dsperse_policy.h).
//   kLayer    a slice begins at each Conv, ConvTranspose, Gemm and MatMul; those that read parts of one
//             Split (a grouped Conv, lowered) are one layer, which begins with the Split.
//   kPoints   a slice ends with the producer of each named tensor. InvalidArgument: no such tensor.
//   kWhole    one slice.
absl::StatusOr<Plan> MakePlan(const Graph& graph, Facts& facts, RangePricer& pricer,
                              const PlanOptions& options);

// Covers every node once, in topological order, with the right boundaries. Internal otherwise.
absl::Status CheckPlan(const Graph& graph, const Plan& plan);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_PLAN_H_
