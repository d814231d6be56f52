#include "fold/passes/eliminate_unused_initializers.h"

#include "absl/strings/str_cat.h"

namespace dsperse {

absl::StatusOr<bool> EliminateUnusedInitializers::Run(Graph& graph, PassContext& context) const {
  int64_t removed = 0;
  for (BlockId block : graph.Blocks()) {
    for (ValueId value : graph.Initializers(block)) {
      if (!graph.Uses(value).empty()) continue;
      if (graph.IsOverridable(value)) {
        context.Missed(absl::StrCat("initializer '", graph.Name(value),
                                    "' is unread but also a graph input: the interface stays "
                                    "(--freeze-inputs drops it)"));
        continue;
      }
      graph.RemoveInitializer(value);
      ++removed;
    }
  }
  if (removed > 0) {
    context.Note(absl::StrCat("initializers that nobody reads, removed: ", removed));
  }
  const bool stale = graph.DropStaleInfo();
  return removed > 0 || stale;
}

}  // namespace dsperse
