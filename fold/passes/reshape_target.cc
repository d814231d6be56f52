#include "fold/passes/reshape_target.h"

#include <utility>

namespace dsperse {

Matched<std::vector<int64_t>> ReshapeTarget(const Shape& from, absl::Span<const Dim> to) {
  using Target = std::vector<int64_t>;
  Target target;
  int unknown = 0;
  for (size_t i = 0; i < to.size(); ++i) {
    const Dim& dim = to[i];
    if (dim.known()) {
      // It would be read as "the same as the input's".
      if (dim.size() == 0) return NoMatch<Target>("a dimension of its result is 0");
      target.push_back(dim.size());
    } else if (!dim.name().empty() && from.has_rank() && static_cast<int>(i) < from.rank() &&
               from.dim(static_cast<int>(i)) == dim) {
      target.push_back(0);
    } else {
      ++unknown;
      target.push_back(-1);
    }
  }
  if (unknown > 1) return NoMatch<Target>("two or more dimensions of its result are unknown");
  return Match(std::move(target));
}

}  // namespace dsperse
