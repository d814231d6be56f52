// Uses the library from outside its tree.
#include <cstdio>

#include "fold/ir/graph.h"

int main() {
  dsperse::Graph graph;
  const absl::Status status = graph.Verify();
  std::printf("%lld nodes, %s\n", static_cast<long long>(graph.NumNodes()),
              status.ok() ? "sound" : "broken");
  return status.ok() && graph.NumNodes() == 0 ? 0 : 1;
}
