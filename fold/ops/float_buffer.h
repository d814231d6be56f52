// Elements of a float tensor in a wider type: in place where the types are the same, else converted.
#ifndef DSPERSE_FOLD_OPS_FLOAT_BUFFER_H_
#define DSPERSE_FOLD_OPS_FLOAT_BUFFER_H_

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor.h"
#include "fold/ops/eval_util.h"

namespace dsperse {

// Reads a tensor of type T as W (a floating-point type that holds every T). The tensor must stay.
template <typename T, typename W>
class FloatBuffer {
 public:
  explicit FloatBuffer(const Tensor& tensor) : data_(nullptr) {
    const absl::Span<const T> in = tensor.data<T>();
    if constexpr (std::is_same_v<T, W>) {
      data_ = in.data();
    } else {
      wide_.resize(in.size());
      for (size_t i = 0; i < in.size(); ++i) wide_[i] = static_cast<W>(static_cast<double>(in[i]));
      data_ = wide_.data();
    }
  }
  FloatBuffer(const FloatBuffer&) = delete;
  FloatBuffer& operator=(const FloatBuffer&) = delete;

  const W* data() const { return data_; }
  W operator[](int64_t i) const { return data_[i]; }

 private:
  std::vector<W> wide_;
  const W* data_;
};

// A tensor of type T that is filled as W and rounded once at the end.
template <typename T, typename W>
class FloatOutput {
 public:
  // ResourceExhausted beyond the context's limit. Elements start as zero.
  absl::Status Make(const EvalContext& context, Dims dims) {
    DSPERSE_ASSIGN_OR_RETURN(tensor_, MakeOutput<T>(context, std::move(dims), &narrow_));
    if constexpr (!std::is_same_v<T, W>) wide_.resize(static_cast<size_t>(tensor_.num_elements()));
    return absl::OkStatus();
  }
  W* data() {
    if constexpr (std::is_same_v<T, W>) {
      return narrow_;
    } else {
      return wide_.data();
    }
  }
  Tensor Finish() {
    if constexpr (!std::is_same_v<T, W>) {
      for (size_t i = 0; i < wide_.size(); ++i) narrow_[i] = static_cast<T>(wide_[i]);
    }
    return std::move(tensor_);
  }

 private:
  Tensor tensor_;
  T* narrow_ = nullptr;
  std::vector<W> wide_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_FLOAT_BUFFER_H_
