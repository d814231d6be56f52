#include "fold/ops/broadcast.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dsperse {
namespace {

absl::Status DoNotFit(const Dims& a, const Dims& b) {
  return absl::InvalidArgumentError(
      absl::StrCat("shapes ", DimsToString(a), " and ", DimsToString(b), " do not broadcast"));
}

}  // namespace

absl::StatusOr<Dims> BroadcastDims(const Dims& a, const Dims& b) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    const int64_t y = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    if (x != y && x != 1 && y != 1) return DoNotFit(a, b);
    out[i] = x == 1 ? y : x;
  }
  return out;
}

absl::StatusOr<Dims> BroadcastInto(const Dims& a, const Dims& b) {
  absl::StatusOr<Dims> out = BroadcastDims(a, b);
  if (!out.ok()) return out;
  if (*out != a) return DoNotFit(a, b);
  return out;
}

BroadcastLoops MakeBroadcastLoops(const Dims& out, absl::Span<const Dims* const> operands) {
  const int rank = static_cast<int>(out.size());
  const size_t n = operands.size();
  BroadcastLoops loops;
  loops.run_step.assign(n, 0);
  loops.outer_step.resize(n);
  // Then the other sizes may be anything, and their products too large.
  loops.empty = std::find(out.begin(), out.end(), 0) != out.end();
  if (loops.empty) return loops;

  // Merged loops from the inside out: size, and the step of each operand.
  Dims sizes;
  absl::InlinedVector<Dims, 3> steps(n);
  absl::InlinedVector<int64_t, 3> stride(n, 1);  // elements of the operand inside this dimension
  for (int d = rank - 1; d >= 0; --d) {
    const int64_t size = out[d];
    absl::InlinedVector<int64_t, 3> step(n, 0);
    for (size_t i = 0; i < n; ++i) {
      const Dims& dims = *operands[i];
      const int at = d - (rank - static_cast<int>(dims.size()));
      const int64_t own = at < 0 ? 1 : dims[at];
      step[i] = own == 1 ? 0 : stride[i];
      stride[i] *= own;
    }
    if (size == 1) continue;
    bool merge = !sizes.empty();
    for (size_t i = 0; merge && i < n; ++i) merge = step[i] == steps[i].back() * sizes.back();
    if (merge) {
      sizes.back() *= size;
      continue;
    }
    sizes.push_back(size);
    for (size_t i = 0; i < n; ++i) steps[i].push_back(step[i]);
  }
  if (sizes.empty()) return loops;

  loops.run = sizes[0];
  for (size_t i = 0; i < n; ++i) loops.run_step[i] = steps[i][0];
  loops.outer.assign(sizes.rbegin(), sizes.rend() - 1);
  for (size_t i = 0; i < n; ++i) loops.outer_step[i].assign(steps[i].rbegin(), steps[i].rend() - 1);
  return loops;
}

}  // namespace dsperse
