#include "fold/passes/reshape_target.h"

namespace dsperse {

std::optional<std::vector<int64_t>> ReshapeTarget(const Shape& from, absl::Span<const Dim> to) {
  std::vector<int64_t> target;
  int unknown = 0;
  bool zero = false;
  for (size_t i = 0; i < to.size(); ++i) {
    const Dim& dim = to[i];
    if (dim.known()) {
      zero |= dim.size() == 0;
      target.push_back(dim.size());
    } else if (!dim.name().empty() && from.has_rank() && static_cast<int>(i) < from.rank() &&
               from.dim(static_cast<int>(i)) == dim) {
      target.push_back(0);
    } else {
      ++unknown;
      target.push_back(-1);
    }
  }
  // A known 0 would be read as "the same as the input's".
  if (unknown > 1 || zero) return std::nullopt;
  return target;
}

}  // namespace dsperse
