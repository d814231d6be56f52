// Shapes: concrete dimensions of a constant (`Dims`), and what is known of a value's shape (`Shape`).
#ifndef DSPERSE_FOLD_IR_SHAPE_H_
#define DSPERSE_FOLD_IR_SHAPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace dsperse {

// Dimensions of a tensor that exists: all known, none negative.
using Dims = absl::InlinedVector<int64_t, 6>;

// Product of `dims`. InvalidArgument when one is negative or the product exceeds 2^63 − 1
// (a zero anywhere gives 0, whatever the others).
absl::StatusOr<int64_t> NumElements(absl::Span<const int64_t> dims);

// "[1, 3, 224, 224]"; "[]" for a scalar.
std::string DimsToString(absl::Span<const int64_t> dims);

// One dimension of a value: a number, a name (two equal names are equal numbers), or nothing known.
class Dim {
 public:
  Dim() = default;                                      // unknown
  Dim(int64_t size) : size_(size) {}                    // NOLINT: known, ≥ 0
  explicit Dim(std::string name) : name_(std::move(name)) {}  // symbolic

  bool known() const { return size_ >= 0; }
  int64_t size() const { return size_; }  // requires known()
  // Empty unless symbolic.
  const std::string& name() const { return name_; }

  friend bool operator==(const Dim& a, const Dim& b) {
    return a.size_ == b.size_ && a.name_ == b.name_;
  }
  friend bool operator!=(const Dim& a, const Dim& b) { return !(a == b); }

 private:
  int64_t size_ = -1;
  std::string name_;
};

// What is known of a shape: nothing, or a rank with dimensions each known or not.
class Shape {
 public:
  Shape() = default;  // rank unknown
  explicit Shape(absl::InlinedVector<Dim, 4> dims) : ranked_(true), dims_(std::move(dims)) {}
  static Shape Of(absl::Span<const int64_t> dims);

  bool has_rank() const { return ranked_; }
  int rank() const { return static_cast<int>(dims_.size()); }  // requires has_rank()
  const Dim& dim(int i) const { return dims_[i]; }
  absl::Span<const Dim> dims() const { return dims_; }

  // All dimensions known?
  bool is_static() const;
  // The dimensions, if all are known.
  std::optional<Dims> AsDims() const;
  // Number of elements, if all dimensions are known and the product fits.
  std::optional<int64_t> NumElements() const;

  // "[N, 3, ?, 224]", "?" for an unknown rank.
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.ranked_ == b.ranked_ && a.dims_ == b.dims_;
  }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }

 private:
  bool ranked_ = false;
  absl::InlinedVector<Dim, 4> dims_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_SHAPE_H_
