#include "circuit_estimate/weight_stats.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/magnitudes.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/parallel.h"

namespace dsperse {
namespace {

// Of a span: small enough to be summed out of the cache it was copied into.
constexpr int64_t kWindowBytes = int64_t{1} << 18;
constexpr int64_t kWorthAThread = int64_t{1} << 20;  // elements
constexpr unsigned kMostThreads = 4;

// Weights are floats; channels of other types are summed in order.
template <typename T>
double SumOfMagnitudesOf(const T* data, int64_t count) {
  if constexpr (std::is_same_v<T, float>) {
    return SumOfMagnitudes(data, count);
  } else {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += std::fabs(static_cast<double>(data[i]));
    return sum;
  }
}

template <typename T>
void AddMagnitudesOf(const T* data, int64_t count, double* sums) {
  if constexpr (std::is_same_v<T, float>) {
    AddMagnitudes(data, count, sums);
  } else {
    for (int64_t i = 0; i < count; ++i) sums[i] += std::fabs(static_cast<double>(data[i]));
  }
}

// Calls visit(first, data, count) for one window of elements after the other.
template <typename T, typename Visit>
absl::Status ForWindows(const Tensor& tensor, const Visit& visit) {
  const int64_t count = tensor.num_elements();
  if (tensor.in_memory()) {
    if (count > 0) visit(int64_t{0}, tensor.data<T>().data(), count);
    return absl::OkStatus();
  }
  const int64_t window = kWindowBytes / static_cast<int64_t>(sizeof(T));
  const std::unique_ptr<T[]> buffer(new T[static_cast<size_t>(std::clamp<int64_t>(count, 0, window))]);
  for (int64_t begin = 0; begin < count; begin += window) {
    const int64_t n = std::min(window, count - begin);
    DSPERSE_RETURN_IF_ERROR(tensor.Read(
        begin * static_cast<int64_t>(sizeof(T)),
        absl::MakeSpan(reinterpret_cast<char*>(buffer.get()), static_cast<size_t>(n) * sizeof(T))));
    visit(begin, buffer.get(), n);
  }
  return absl::OkStatus();
}

// The magnitude that all elements of a uniform tensor have. Such a tensor may be larger than any memory.
template <typename T>
absl::StatusOr<double> UniformMagnitude(const Tensor& tensor) {
  T element{};
  DSPERSE_RETURN_IF_ERROR(tensor.Read(0, absl::MakeSpan(reinterpret_cast<char*>(&element), sizeof(T))));
  return std::fabs(static_cast<double>(element));
}

template <typename T>
absl::StatusOr<double> ChannelSum(const Tensor& tensor, int axis) {
  int64_t channels = 1;
  int64_t inner = std::max<int64_t>(tensor.num_elements(), 1);
  if (axis >= 0 && axis < tensor.rank() && tensor.num_elements() > 0) {
    channels = tensor.dims()[axis];
    inner = 1;
    for (int a = axis + 1; a < tensor.rank(); ++a) inner *= tensor.dims()[a];
  }
  if (tensor.is_uniform() && tensor.num_elements() > 0) {
    DSPERSE_ASSIGN_OR_RETURN(const double magnitude, UniformMagnitude<T>(tensor));
    return std::max(0.0, static_cast<double>(tensor.num_elements() / channels) * magnitude);
  }
  std::vector<double> sums(static_cast<size_t>(channels), 0.0);
  DSPERSE_RETURN_IF_ERROR(ForWindows<T>(tensor, [&](int64_t first, const T* data, int64_t n) {
    int64_t channel = first / inner % channels;
    int64_t left = inner - first % inner;  // of the channel's run
    for (int64_t i = 0; i < n;) {
      if (inner == 1) {  // one element of each channel after the other
        const int64_t run = std::min(n - i, channels - channel);
        AddMagnitudesOf(data + i, run, sums.data() + channel);
        i += run;
        channel = channel + run == channels ? 0 : channel + run;
        continue;
      }
      const int64_t run = std::min(n - i, left);
      sums[static_cast<size_t>(channel)] += SumOfMagnitudesOf(data + i, run);
      i += run;
      left -= run;
      if (left == 0) {
        left = inner;
        if (++channel == channels) channel = 0;
      }
    }
  }));
  double largest = 0;
  for (double sum : sums) largest = std::max(largest, sum);
  return largest;
}

template <typename T>
absl::StatusOr<TensorStats> Scan(const Tensor& tensor) {
  TensorStats stats;
  if (tensor.is_uniform() && tensor.num_elements() > 0) {
    DSPERSE_ASSIGN_OR_RETURN(const double magnitude, UniformMagnitude<T>(tensor));
    stats.max_abs = std::max(0.0, magnitude);
    stats.below_one = magnitude < 1 ? tensor.num_elements() : 0;
    return stats;
  }
  DSPERSE_RETURN_IF_ERROR(ForWindows<T>(tensor, [&](int64_t, const T* data, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      const double magnitude = std::fabs(static_cast<double>(data[i]));
      stats.max_abs = std::max(stats.max_abs, magnitude);
      stats.below_one += magnitude < 1 ? 1 : 0;
    }
  }));
  return stats;
}

absl::Status NoValue(const Tensor& tensor) {
  return absl::UnimplementedError(
      absl::StrCat("a constant of type ", DTypeName(tensor.dtype()), " has no numeric value"));
}

}  // namespace

absl::StatusOr<TensorStats> ReadTensorStats(const Tensor& tensor) {
  return DispatchDType(
      tensor.dtype(), [&](auto tag) { return Scan<typename decltype(tag)::type>(tensor); },
      [&]() -> absl::StatusOr<TensorStats> { return NoValue(tensor); });
}

absl::StatusOr<double> ReadLargestChannelSum(const Tensor& tensor, int axis) {
  return DispatchDType(
      tensor.dtype(),
      [&](auto tag) { return ChannelSum<typename decltype(tag)::type>(tensor, axis); },
      [&]() -> absl::StatusOr<double> { return NoValue(tensor); });
}

absl::StatusOr<TensorStats> WeightStats::Of(ValueId value, const Tensor& tensor) {
  auto found = stats_.find(value);
  if (found == stats_.end()) found = stats_.emplace(value, ReadTensorStats(tensor)).first;
  return found->second;
}

absl::StatusOr<double> WeightStats::LargestChannelSum(ValueId value, const Tensor& tensor,
                                                      int axis) {
  const std::pair<ValueId, int> key(value, axis);
  auto found = sums_.find(key);
  if (found == sums_.end()) found = sums_.emplace(key, ReadLargestChannelSum(tensor, axis)).first;
  return found->second;
}

void WeightStats::Prefetch(absl::Span<const Request> requests) {
  std::vector<Request> missing;
  int64_t elements = 0;
  for (const Request& request : requests) {
    if (sums_.contains({request.value, request.axis})) continue;
    missing.push_back(request);
    elements += request.tensor->num_elements();
  }
  if (elements < kWorthAThread) return;
  // Large ones first, so that the threads end together.
  std::stable_sort(missing.begin(), missing.end(), [](const Request& a, const Request& b) {
    return a.tensor->num_elements() > b.tensor->num_elements();
  });
  std::vector<std::optional<absl::StatusOr<double>>> results(missing.size());
  std::atomic<size_t> next{0};
  const int threads = static_cast<int>(
      std::min(kMostThreads, std::max(1u, std::thread::hardware_concurrency())));
  ParallelFor(threads, threads, elements / threads + 1, [&](int64_t, int64_t) {
    for (size_t i = next++; i < missing.size(); i = next++) {
      results[i] = ReadLargestChannelSum(*missing[i].tensor, missing[i].axis);
    }
  });
  for (size_t i = 0; i < missing.size(); ++i) {
    sums_.emplace(std::make_pair(missing[i].value, missing[i].axis), *std::move(results[i]));
  }
}

}  // namespace dsperse
