#include "circuit_estimate/weight_stats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

constexpr int64_t kWindowBytes = int64_t{1} << 20;

// What a run of elements of one channel adds up to. Four accumulators: the additions of one would
// wait for each other.
template <typename T>
double ScanRun(const T* data, int64_t count, TensorStats* stats) {
  std::array<double, 4> sum{};
  std::array<double, 4> high{};
  std::array<double, 4> low{};
  low.fill(stats->least_nonzero == 0 ? INFINITY : stats->least_nonzero);
  std::array<int64_t, 4> small{};
  for (int64_t i = 0; i < count; i += 4) {
    const int lanes = static_cast<int>(std::min<int64_t>(4, count - i));
    for (int lane = 0; lane < lanes; ++lane) {
      const double v = std::fabs(static_cast<double>(data[i + lane]));
      sum[lane] += v;
      high[lane] = v > high[lane] ? v : high[lane];
      low[lane] = v != 0 && v < low[lane] ? v : low[lane];
      small[lane] += v < 1 ? 1 : 0;
    }
  }
  for (int lane = 0; lane < 4; ++lane) {
    stats->max_abs = std::max(stats->max_abs, high[lane]);
    if (low[lane] != INFINITY && (stats->least_nonzero == 0 || low[lane] < stats->least_nonzero)) {
      stats->least_nonzero = low[lane];
    }
    stats->below_one += small[lane];
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

template <typename T>
absl::StatusOr<TensorStats> Scan(const Tensor& tensor, int axis) {
  const int64_t count = tensor.num_elements();
  int64_t channels = 1;
  int64_t inner = std::max<int64_t>(count, 1);
  if (axis >= 0 && axis < tensor.rank() && count > 0) {
    channels = tensor.dims()[axis];
    inner = 1;
    for (int a = axis + 1; a < tensor.rank(); ++a) inner *= tensor.dims()[a];
  }
  TensorStats stats;
  std::vector<double> sums(static_cast<size_t>(channels), 0.0);
  const int64_t window = kWindowBytes / static_cast<int64_t>(sizeof(T));
  std::string buffer;
  for (int64_t begin = 0; begin < count; begin += window) {
    const int64_t n = std::min(window, count - begin);
    const T* data = nullptr;
    if (tensor.in_memory()) {
      data = tensor.data<T>().data() + begin;
    } else {
      buffer.resize(static_cast<size_t>(n) * sizeof(T));
      DSPERSE_RETURN_IF_ERROR(tensor.Read(begin * static_cast<int64_t>(sizeof(T)),
                                          absl::MakeSpan(buffer.data(), buffer.size())));
      data = reinterpret_cast<const T*>(buffer.data());
    }
    for (int64_t i = 0; i < n;) {
      const int64_t run = std::min(n - i, inner - (begin + i) % inner);
      sums[static_cast<size_t>((begin + i) / inner % channels)] += ScanRun(data + i, run, &stats);
      i += run;
    }
  }
  for (double sum : sums) stats.max_channel_sum = std::max(stats.max_channel_sum, sum);
  return stats;
}

}  // namespace

absl::StatusOr<TensorStats> ReadTensorStats(const Tensor& tensor, int axis) {
  return DispatchDType(
      tensor.dtype(), [&](auto tag) { return Scan<typename decltype(tag)::type>(tensor, axis); },
      [&]() -> absl::StatusOr<TensorStats> {
        return absl::UnimplementedError(absl::StrCat(
            "a constant of type ", DTypeName(tensor.dtype()), " has no numeric value"));
      });
}

absl::StatusOr<TensorStats> WeightStats::Of(ValueId value, const Tensor& tensor, int axis) {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(value.index)) << 8 |
                       static_cast<uint64_t>(axis + 1);
  auto found = stats_.find(key);
  if (found == stats_.end()) {
    found = stats_.emplace(key, ReadTensorStats(tensor, axis)).first;
  }
  return found->second;
}

}  // namespace dsperse
