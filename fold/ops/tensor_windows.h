// ForElements: all elements of a constant as doubles, a window of it in memory at a time.
#ifndef DSPERSE_FOLD_OPS_TENSOR_WINDOWS_H_
#define DSPERSE_FOLD_OPS_TENSOR_WINDOWS_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/tensor.h"

namespace dsperse {

// Calls visit(index, value) in row-major order. Unimplemented for types without a numeric value;
// errors of reading the file.
template <typename Visit>
absl::Status ForElements(const Tensor& tensor, const Visit& visit) {
  return DispatchDType(
      tensor.dtype(),
      [&](auto tag) -> absl::Status {
        using T = typename decltype(tag)::type;
        constexpr int64_t kWindow = (int64_t{1} << 18) / static_cast<int64_t>(sizeof(T));
        std::string buffer;
        for (int64_t begin = 0; begin < tensor.num_elements(); begin += kWindow) {
          const int64_t count = std::min(kWindow, tensor.num_elements() - begin);
          const T* data = nullptr;
          if (tensor.in_memory()) {
            data = tensor.data<T>().data() + begin;
          } else {
            buffer.resize(static_cast<size_t>(count) * sizeof(T));
            DSPERSE_RETURN_IF_ERROR(tensor.Read(begin * static_cast<int64_t>(sizeof(T)),
                                                absl::MakeSpan(buffer.data(), buffer.size())));
            data = reinterpret_cast<const T*>(buffer.data());
          }
          for (int64_t i = 0; i < count; ++i) visit(begin + i, static_cast<double>(data[i]));
        }
        return absl::OkStatus();
      },
      [&]() -> absl::Status {
        return absl::UnimplementedError(absl::StrCat("a constant of type ",
                                                     DTypeName(tensor.dtype()),
                                                     " has no numeric value"));
      });
}

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_TENSOR_WINDOWS_H_
