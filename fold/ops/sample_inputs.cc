#include "fold/ops/sample_inputs.h"

#include <new>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/interpreter.h"

namespace dsperse {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): small, and defined bit for bit.
class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // The sum of twelve uniform numbers less six: variance 1, and no function of the C library.
  double Normal() {
    double sum = -6;
    for (int i = 0; i < 3; ++i) {
      uint64_t bits = Next();
      for (int k = 0; k < 4; ++k, bits >>= 16) sum += static_cast<double>(bits & 0xFFFF) / 65536;
    }
    return sum;
  }

 private:
  uint64_t state_;
};

constexpr int64_t kMostBytes = int64_t{1} << 33;  // what the interpreter takes

absl::StatusOr<Tensor> Sample(DType type, Dims dims, Generator* generator) {
  return DispatchDType(
      type,
      [&](auto tag) -> absl::StatusOr<Tensor> {
        using T = typename decltype(tag)::type;
        T* data = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Make<T>(std::move(dims), &data, kMostBytes));
        for (int64_t i = 0; i < tensor.num_elements(); ++i) {
          if constexpr (std::is_integral_v<T>) {
            data[i] = static_cast<T>(generator->Next() & 1);
          } else {
            data[i] = static_cast<T>(generator->Normal());
          }
        }
        return tensor;
      },
      [&]() -> absl::StatusOr<Tensor> {
        return absl::UnimplementedError(
            absl::StrCat("no samples of element type ", DTypeName(type)));
      });
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> SampleInputs(const Graph& graph, uint64_t seed) {
  Generator generator(seed);
  std::vector<Tensor> inputs;
  for (ValueId input : RequiredInputs(graph)) {
    const Shape shape = graph.DeclaredShape(input);
    if (!shape.has_rank()) {
      return absl::UnimplementedError(
          absl::StrCat("input '", graph.Name(input), "' has no shape"));
    }
    Dims dims;
    for (const Dim& dim : shape.dims()) dims.push_back(dim.known() ? dim.size() : 1);
    absl::StatusOr<Tensor> tensor;
    try {
      tensor = Sample(graph.DeclaredType(input), std::move(dims), &generator);
    } catch (const std::bad_alloc&) {
      tensor = absl::ResourceExhaustedError("out of memory");
    }
    if (!tensor.ok()) {
      return absl::Status(tensor.status().code(), absl::StrCat("input '", graph.Name(input), "': ",
                                                               tensor.status().message()));
    }
    inputs.push_back(*std::move(tensor));
  }
  return inputs;
}

}  // namespace dsperse
