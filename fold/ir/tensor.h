// Tensor: a constant of the model. Immutable, cheap to copy (payload shared), and not necessarily in
// memory: large weights stay spans of the file they came from until somebody reads them.
//
// One canonical byte form: elements in row-major order, little-endian, as in TensorProto.raw_data
// (bool one byte 0/1, 4-bit types packed two a byte, low nibble first).
//
// Payload kinds:
//   bytes    owned, shared between copies
//   uniform  one element repeated (ConstantOfShape): size costs nothing
//   span     offset and length in an open file
//   scaled   a float tensor times a factor per channel, applied (in double, rounded once) as it is read
//   strings  carried, never computed with
//
// Thread-safe for reading. Errors: DataLoss when the file shrank, FailedPrecondition when it changed
// since it was opened.
#ifndef DSPERSE_FOLD_IR_TENSOR_H_
#define DSPERSE_FOLD_IR_TENSOR_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/ir/dtype.h"
#include "fold/ir/shape.h"

namespace dsperse {

// A file that tensors lie in, open for reading (fold/ir/file.h has the real one).
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `out` with the bytes at `offset`.
  virtual absl::Status Read(uint64_t offset, absl::Span<char> out) const = 0;
  // For messages.
  virtual absl::string_view name() const = 0;
};

class Tensor {
 public:
  Tensor() = default;  // undefined type, no elements; only to be assigned to

  // InvalidArgument unless `bytes` has the size that `type` and `dims` ask for. Bytes of a bool other
  // than 0 become 1.
  static absl::StatusOr<Tensor> FromBytes(DType type, Dims dims, std::string bytes);
  // The same without a copy (but of a bool's bytes that are neither 0 nor 1): `bytes` lie in what `owner`
  // keeps alive, never change, and are aligned to 8 bytes.
  static absl::StatusOr<Tensor> FromShared(DType type, Dims dims, absl::string_view bytes,
                                           std::shared_ptr<const void> owner);
  // One element's bytes, repeated. 4-bit types not allowed.
  static absl::StatusOr<Tensor> Uniform(DType type, Dims dims, absl::string_view element);
  // `source` holds the payload at `offset`; its length follows from type and dims.
  static absl::StatusOr<Tensor> FromSpan(DType type, Dims dims,
                                         std::shared_ptr<const ByteSource> source,
                                         uint64_t offset);
  static absl::StatusOr<Tensor> FromStrings(Dims dims, std::vector<std::string> strings);
  // Elements times `factors[c]`, where an element's channel c is its index on `axis`. `base` is of a
  // float type and may itself be a span; the product is formed in double and rounded once to the
  // base's type, or to `type` if that is given (a float type). `factors` has dims[axis] entries.
  static absl::StatusOr<Tensor> Scaled(const Tensor& base, int axis, std::vector<double> factors,
                                       DType type = DType::kUndefined);

  // Typed elements, row-major; `values.size()` must be the product of `dims`.
  template <typename T>
  static Tensor Of(Dims dims, absl::Span<const T> values);
  template <typename T>
  static Tensor Of(Dims dims, std::initializer_list<T> values) {
    return Of<T>(std::move(dims), absl::MakeConstSpan(values.begin(), values.size()));
  }
  template <typename T>
  static Tensor Scalar(T value) {
    return Of<T>({}, absl::MakeConstSpan(&value, 1));
  }
  // A new owned tensor of zero bytes whose elements the caller fills through `data`.
  // ResourceExhausted beyond `max_bytes`.
  template <typename T>
  static absl::StatusOr<Tensor> Make(Dims dims, T** data, int64_t max_bytes = int64_t{1} << 40);

  DType dtype() const { return type_; }
  const Dims& dims() const { return dims_; }
  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t num_elements() const { return count_; }
  // Bytes of the canonical form (for strings: their total length).
  int64_t num_bytes() const { return bytes_; }

  bool is_uniform() const { return kind_ == Kind::kUniform; }
  bool is_scaled() const { return kind_ == Kind::kScaled; }
  bool is_span() const { return kind_ == Kind::kSpan; }
  // Owned bytes (no I/O needed to look at them)?
  bool in_memory() const { return kind_ == Kind::kBytes; }
  // Of a uniform tensor: the element's bytes.
  absl::string_view uniform_element() const {
    return {data_.get(), static_cast<size_t>(BitWidth(type_) / 8)};
  }
  const std::vector<std::string>& strings() const { return *strings_; }

  // Copies bytes [offset, offset + out.size()) of the canonical form. For scaled tensors both must
  // be multiples of the element size. Any kind but strings.
  absl::Status Read(int64_t offset, absl::Span<char> out) const;
  // The same for writing a file: OutOfRange when a scaled element is not finite, as no fusion may put an
  // infinity into a model.
  absl::Status ReadToWrite(int64_t offset, absl::Span<char> out) const;

  // The same tensor with its bytes in memory (itself if they are already).
  // ResourceExhausted when it is larger than `max_bytes`.
  absl::StatusOr<Tensor> Load(int64_t max_bytes = int64_t{1} << 40) const;

  // The same payload with other dims of the same count. InvalidArgument otherwise.
  absl::StatusOr<Tensor> WithDims(Dims dims) const;

  // Rows [begin, end) of axis 0; shares the payload where it can, copies them where it is in memory.
  // InvalidArgument for a scalar or rows that aren't there, Unimplemented for 4-bit types and strings.
  absl::StatusOr<Tensor> Rows(int64_t begin, int64_t end) const;

  // Elements of an in-memory tensor (`in_memory()`, dtype T); no copy.
  template <typename T>
  absl::Span<const T> data() const {
    return absl::Span<const T>(reinterpret_cast<const T*>(data_.get()),
                               static_cast<size_t>(count_));
  }
  absl::string_view raw() const { return {data_.get(), static_cast<size_t>(bytes_)}; }

 private:
  enum class Kind { kBytes, kUniform, kSpan, kScaled, kStrings };
  struct Scaling;

  static absl::StatusOr<Tensor> Shell(DType type, Dims dims);
  static std::shared_ptr<const char> Own(std::string bytes);
  absl::Status WrongSize(size_t size) const;
  absl::Status Read(int64_t offset, absl::Span<char> out, bool* finite) const;

  DType type_ = DType::kUndefined;
  Kind kind_ = Kind::kBytes;
  Dims dims_;
  int64_t count_ = 0;
  int64_t bytes_ = 0;
  uint64_t offset_ = 0;
  std::shared_ptr<const char> data_;  // of kBytes all, of kUniform one element
  std::shared_ptr<const ByteSource> source_;
  std::shared_ptr<const Scaling> scaling_;
  std::shared_ptr<const std::vector<std::string>> strings_;
};

// Same type, dims and bits (−0.0 differs from +0.0, NaNs by their bits). Reads both.
absl::StatusOr<bool> SameBits(const Tensor& a, const Tensor& b);

// All elements as double / int64, for small tensors (axes, parameters of a BatchNormalization). InvalidArgument for
// what isn't exact (int64 beyond 2^53 as double; floats as int64), ResourceExhausted for 1 GiB that isn't in memory.
absl::StatusOr<std::vector<double>> ToDoubles(const Tensor& tensor);
absl::StatusOr<std::vector<int64_t>> ToInts(const Tensor& tensor);

// ---- implementation of the templates ----

template <typename T>
Tensor Tensor::Of(Dims dims, absl::Span<const T> values) {
  std::string bytes;
  if constexpr (std::is_same_v<T, bool>) {
    bytes.reserve(values.size());
    for (bool v : values) bytes.push_back(v ? 1 : 0);
  } else {
    bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  return *FromBytes(kDTypeOf<T>, std::move(dims), std::move(bytes));
}

template <typename T>
absl::StatusOr<Tensor> Tensor::Make(Dims dims, T** data, int64_t max_bytes) {
  absl::StatusOr<Tensor> tensor = Shell(kDTypeOf<T>, std::move(dims));
  if (!tensor.ok()) return tensor.status();
  if (tensor->bytes_ > max_bytes) {
    return absl::ResourceExhaustedError("a tensor of " + DimsToString(tensor->dims_) + " needs " +
                                        std::to_string(tensor->bytes_) + " bytes, more than the " +
                                        std::to_string(max_bytes) + " allowed");
  }
  tensor->data_ = Own(std::string(static_cast<size_t>(tensor->bytes_), '\0'));
  *data = reinterpret_cast<T*>(const_cast<char*>(tensor->data_.get()));  // nobody else has it yet
  return tensor;
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_TENSOR_H_
