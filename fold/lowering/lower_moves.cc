#include "fold/lowering/lower_moves.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dsperse {

absl::StatusOr<Matched<Rewrite>> LowerConcat::Match(const Graph&, const NodeView& node, Facts& facts) const {
  const std::optional<Dims> dims = facts.StaticShape(node.output(0));
  if (!dims) return NoMatch<Rewrite>("its shape is not known");
  const int64_t rank = static_cast<int64_t>(dims->size());
  const int64_t given = node.Int("axis", 1);
  const int64_t axis = given < 0 ? given + rank : given;
  if (axis <= 0 || axis >= rank) return NoMatch<Rewrite>();
  if (std::all_of(dims->begin(), dims->begin() + axis, [](int64_t d) { return d == 1; })) {
    return NoMatch<Rewrite>();
  }
  // The axis to the front, the others in their order; and back. A batch of one stays in front: where another axis
  // takes its place, DSperse loses count of the elements.
  const int64_t front = (*dims)[0] == 1 ? 1 : 0;
  std::vector<int64_t> there, back;
  for (int64_t i = 0; i < rank; ++i) {
    there.push_back(i < front || i > axis ? i : i == front ? axis : i - 1);
    back.push_back(i < front || i > axis ? i : i == axis ? front : i + 1);
  }
  return dsperse::Match(Rewrite{"joined along an axis in front, between Transposes", [=](Rewriter& r) {
    const absl::Span<const ValueId> inputs = r.anchor().inputs();
    std::vector<ValueId> parts(inputs.begin(), inputs.end());
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i] = r.Emit("Transpose", {parts[i]}, absl::StrCat("part_", i), {{"perm", there}});
    }
    const ValueId joined = r.Emit("Concat", std::move(parts), "joined", {{"axis", front}});
    r.Replace("Transpose", {joined}, {{"perm", back}});
  }});
}

}  // namespace dsperse
