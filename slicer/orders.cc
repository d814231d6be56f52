#include "slicer/orders.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

namespace dsperse {
namespace {

// The main graph as positions of its present order: who waits for whom.
struct Dependencies {
  std::vector<NodeId> nodes;
  std::vector<std::vector<int>> readers;    // positions that need this one, each once, ascending
  std::vector<std::vector<int>> producers;  // the reverse
};

Dependencies Analyse(const Graph& graph) {
  Dependencies d;
  d.nodes = graph.Nodes(graph.main());
  std::vector<int> position(static_cast<size_t>(graph.NodeLimit()), -1);
  for (size_t i = 0; i < d.nodes.size(); ++i) {
    position[static_cast<size_t>(d.nodes[i].index)] = static_cast<int>(i);
  }
  d.readers.resize(d.nodes.size());
  d.producers.resize(d.nodes.size());
  for (size_t i = 0; i < d.nodes.size(); ++i) {
    std::vector<int>& readers = d.readers[i];
    for (ValueId v : graph.node(d.nodes[i]).outputs()) {
      if (!v.valid()) continue;
      for (const Use& use : graph.Uses(v)) {
        NodeId node = use.node;
        BlockId block = use.block;
        while (block != graph.main()) {
          node = graph.ParentNode(block);
          block = graph.ParentBlock(block);
        }
        if (node.valid()) readers.push_back(position[static_cast<size_t>(node.index)]);
      }
    }
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    for (int r : readers) d.producers[static_cast<size_t>(r)].push_back(static_cast<int>(i));
  }
  return d;
}

// Takes ready nodes by `next`, which picks a position out of the ready list and removes it.
template <typename Ready, typename Next>
std::vector<NodeId> Kahn(const Dependencies& d, Ready ready, Next next) {
  std::vector<size_t> waiting(d.nodes.size());
  for (size_t i = 0; i < d.nodes.size(); ++i) {
    waiting[i] = d.producers[i].size();
    if (waiting[i] == 0) ready.insert(ready.end(), static_cast<int>(i));
  }
  std::vector<NodeId> order;
  order.reserve(d.nodes.size());
  while (!ready.empty()) {
    const int p = next(ready);
    order.push_back(d.nodes[static_cast<size_t>(p)]);
    for (int r : d.readers[static_cast<size_t>(p)]) {
      if (--waiting[static_cast<size_t>(r)] == 0) ready.insert(ready.end(), r);
    }
  }
  return order;
}

std::vector<NodeId> DepthFirst(const Dependencies& d) {
  return Kahn(d, std::vector<int>(), [](std::vector<int>& ready) {
    const int p = ready.back();
    ready.pop_back();
    return p;
  });
}

std::vector<NodeId> BreadthFirst(const Dependencies& d) {
  return Kahn(d, std::deque<int>(), [](std::deque<int>& ready) {
    const int p = ready.front();
    ready.pop_front();
    return p;
  });
}

std::vector<NodeId> NarrowestFrontier(const Graph& graph, Facts& facts, const Dependencies& d) {
  const size_t values = static_cast<size_t>(graph.ValueLimit());
  std::vector<int> unread(values, 0);  // readers not yet placed
  auto elements = [&](ValueId v) { return facts.ShapeOf(v).NumElements().value_or(0); };
  for (const auto& node : d.nodes) {
    for (ValueId v : graph.node(node).outputs()) {
      if (v.valid()) unread[static_cast<size_t>(v.index)] = static_cast<int>(graph.Uses(v).size());
    }
  }
  // Elements that become live less those that die once the node at `p` is placed.
  auto growth = [&](int p) {
    const NodeView node = graph.node(d.nodes[static_cast<size_t>(p)]);
    int64_t change = 0;
    for (ValueId v : node.outputs()) {
      if (v.valid() && !graph.Uses(v).empty()) change += elements(v);
    }
    for (int i = 0; i < node.num_inputs(); ++i) {
      const ValueId v = node.input(i);
      if (!v.valid() || !graph.Producer(v).valid()) continue;
      int reads = 0;
      bool first = true;
      for (int j = 0; j < node.num_inputs(); ++j) {
        if (node.input(j) != v) continue;
        ++reads;
        first &= j >= i;
      }
      if (first && unread[static_cast<size_t>(v.index)] == reads) change -= elements(v);
    }
    return change;
  };
  return Kahn(d, std::set<int>(), [&](std::set<int>& ready) {
    auto best = ready.begin();
    if (ready.size() > 1) {
      // Only the first few are compared: a graph of ten thousand branches must not take quadratic time.
      constexpr int kLookAt = 64;
      int64_t least = growth(*best);
      int looked = 1;
      for (auto it = std::next(ready.begin()); it != ready.end() && looked < kLookAt; ++it, ++looked) {
        const int64_t g = growth(*it);
        if (g < least) {
          least = g;
          best = it;
        }
      }
    }
    const int p = *best;
    ready.erase(best);
    for (ValueId v : graph.node(d.nodes[static_cast<size_t>(p)]).inputs()) {
      if (v.valid()) --unread[static_cast<size_t>(v.index)];
    }
    return p;
  });
}

}  // namespace

std::vector<NamedOrder> TopologicalOrders(const Graph& graph, Facts& facts) {
  const Dependencies d = Analyse(graph);
  std::vector<NamedOrder> out = {{kInputOrder, d.nodes}};
  auto add = [&](absl::string_view name, std::vector<NodeId> order) {
    for (const NamedOrder& known : out) {
      if (known.order == order) return;
    }
    out.push_back({name, std::move(order)});
  };
  add("depth first", DepthFirst(d));
  add("breadth first", BreadthFirst(d));
  add("narrowest frontier", NarrowestFrontier(graph, facts, d));
  return out;
}

}  // namespace dsperse
