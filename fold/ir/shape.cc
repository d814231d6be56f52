#include "fold/ir/shape.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace dsperse {

absl::StatusOr<int64_t> NumElements(absl::Span<const int64_t> dims) {
  bool empty = false;
  for (int64_t d : dims) {
    if (d < 0) return absl::InvalidArgumentError(absl::StrCat("negative dimension ", d));
    if (d == 0) empty = true;
  }
  if (empty) return 0;
  int64_t n = 1;
  for (int64_t d : dims) {
    if (__builtin_mul_overflow(n, d, &n)) {
      return absl::InvalidArgumentError(
          absl::StrCat("dimensions ", DimsToString(dims), " overflow 64 bits"));
    }
  }
  return n;
}

std::string DimsToString(absl::Span<const int64_t> dims) {
  return absl::StrCat("[", absl::StrJoin(dims, ", "), "]");
}

Shape Shape::Of(absl::Span<const int64_t> dims) {
  return Shape(absl::InlinedVector<Dim, 4>(dims.begin(), dims.end()));
}

bool Shape::is_static() const {
  if (!ranked_) return false;
  for (const Dim& d : dims_) {
    if (!d.known()) return false;
  }
  return true;
}

std::optional<Dims> Shape::AsDims() const {
  if (!is_static()) return std::nullopt;
  Dims out;
  for (const Dim& d : dims_) out.push_back(d.size());
  return out;
}

std::optional<int64_t> Shape::NumElements() const {
  const std::optional<Dims> dims = AsDims();
  if (!dims) return std::nullopt;
  const absl::StatusOr<int64_t> n = dsperse::NumElements(*dims);
  if (!n.ok()) return std::nullopt;
  return *n;
}

std::string Shape::ToString() const {
  if (!ranked_) return "?";
  return absl::StrCat("[", absl::StrJoin(dims_, ", ", [](std::string* out, const Dim& d) {
    if (d.known()) {
      absl::StrAppend(out, d.size());
    } else {
      absl::StrAppend(out, d.name().empty() ? "?" : d.name());
    }
  }), "]");
}

}  // namespace dsperse
