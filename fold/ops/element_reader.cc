#include "fold/ops/element_reader.h"

#include <type_traits>

#include "fold/ops/eval_util.h"
#include "fold/ops/small_types.h"

namespace dsperse {

ElementReader::ElementReader(const Tensor& tensor)
    : tensor_(tensor), small_(IsSmallType(tensor.dtype())), packed_(BitWidth(tensor.dtype()) == 4) {}

double ElementReader::operator()(int64_t i) const {
  if (small_) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(tensor_.raw().data());
    const uint8_t code = packed_ ? static_cast<uint8_t>(bytes[i / 2] >> (i % 2 * 4)) : bytes[i];
    return DecodeSmall(tensor_.dtype(), code);
  }
  return DispatchDType(
      tensor_.dtype(),
      [&](auto tag) {
        using S = typename decltype(tag)::type;
        const S value = tensor_.data<S>()[static_cast<size_t>(i)];
        if constexpr (kIsInt<S>) {
          return OddDouble(value);
        } else {
          return static_cast<double>(value);
        }
      },
      [] { return 0.0; });
}

}  // namespace dsperse
