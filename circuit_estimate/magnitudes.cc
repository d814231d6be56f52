#include "circuit_estimate/magnitudes.h"

#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__)
#define DSPERSE_HAS_AVX2_TWIN 1
#include <immintrin.h>
#endif

namespace dsperse {
namespace {

constexpr int kLanes = 16;  // as many additions as a processor has under way

// The lanes in pairs, pairs of pairs and so on, then the rest.
double Total(double (&lanes)[kLanes], const float* rest, int64_t count) {
  for (int width = 1; width < kLanes; width *= 2) {
    for (int lane = 0; lane < kLanes; lane += 2 * width) lanes[lane] += lanes[lane + width];
  }
  double left_over = 0;
  for (int64_t i = 0; i < count; ++i) left_over += std::fabs(static_cast<double>(rest[i]));
  return lanes[0] + left_over;
}

#ifdef DSPERSE_HAS_AVX2_TWIN

// Twice the rate of what every x86-64 processor can do, by instructions that this file alone may use
// and only where the processor has them.
bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

__attribute__((target("avx2"))) inline __m256d FourMagnitudes(const float* data) {
  const __m128 no_sign = _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff));
  return _mm256_cvtps_pd(_mm_and_ps(_mm_loadu_ps(data), no_sign));
}

__attribute__((target("avx2"))) double Avx2SumOfMagnitudes(const float* data, int64_t count) {
  __m256d sums[kLanes / 4] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    sums[0] = _mm256_add_pd(sums[0], FourMagnitudes(data + i));
    sums[1] = _mm256_add_pd(sums[1], FourMagnitudes(data + i + 4));
    sums[2] = _mm256_add_pd(sums[2], FourMagnitudes(data + i + 8));
    sums[3] = _mm256_add_pd(sums[3], FourMagnitudes(data + i + 12));
  }
  double lanes[kLanes];
  for (int four = 0; four < kLanes / 4; ++four) _mm256_storeu_pd(lanes + 4 * four, sums[four]);
  return Total(lanes, data + i, count - i);
}

__attribute__((target("avx2"))) void Avx2AddMagnitudes(const float* data, int64_t count,
                                                       double* sums) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    _mm256_storeu_pd(sums + i, _mm256_add_pd(_mm256_loadu_pd(sums + i), FourMagnitudes(data + i)));
  }
  for (; i < count; ++i) sums[i] += std::fabs(static_cast<double>(data[i]));
}

#endif  // DSPERSE_HAS_AVX2_TWIN

}  // namespace

double PortableSumOfMagnitudes(const float* data, int64_t count) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += std::fabs(static_cast<double>(data[i + lane]));
    }
  }
  return Total(lanes, data + i, count - i);
}

void PortableAddMagnitudes(const float* data, int64_t count, double* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] += std::fabs(static_cast<double>(data[i]));
}

double SumOfMagnitudes(const float* data, int64_t count) {
#ifdef DSPERSE_HAS_AVX2_TWIN
  if (HasAvx2()) return Avx2SumOfMagnitudes(data, count);
#endif
  return PortableSumOfMagnitudes(data, count);
}

void AddMagnitudes(const float* data, int64_t count, double* sums) {
#ifdef DSPERSE_HAS_AVX2_TWIN
  if (HasAvx2()) return Avx2AddMagnitudes(data, count, sums);
#endif
  PortableAddMagnitudes(data, count, sums);
}

}  // namespace dsperse
