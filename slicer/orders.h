// Topological orders of the main graph to plan over. All are deterministic functions of the graph.
#ifndef DSPERSE_SLICER_ORDERS_H_
#define DSPERSE_SLICER_ORDERS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

struct NamedOrder {
  absl::string_view name;
  std::vector<NodeId> order;
};

// Name of the order that the nodes have in the graph.
inline constexpr absl::string_view kInputOrder = "input";

// kInputOrder, "depth first" (a branch is finished before the next begins), "breadth first",
// "narrowest frontier" (of the nodes that are ready, the one after which the fewest elements are
// live; among equals the first of the file; at most 64 are compared at a time). O((nodes + uses) ·
// log nodes). Orders equal to an earlier one are left out.
std::vector<NamedOrder> TopologicalOrders(const Graph& graph, Facts& facts);

}  // namespace dsperse

#endif  // DSPERSE_SLICER_ORDERS_H_
