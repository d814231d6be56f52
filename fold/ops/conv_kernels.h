// Convolutions over up to three spatial axes, as loops over typed arrays. conv_ops.cc checks and chooses.
#ifndef DSPERSE_FOLD_OPS_CONV_KERNELS_H_
#define DSPERSE_FOLD_OPS_CONV_KERNELS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fold/ops/parallel.h"
#include "fold/ops/window.h"

namespace dsperse {

// x: [batch, groups · in_channels, in…]; w: [groups · out_channels, in_channels, kernel…];
// y: [batch, groups · out_channels, out…]. Channels are those of one group.
//
// A transposed convolution is seen from its output (see ConvTransposeWindow): there x is
// [batch, groups · in_channels, window.out…], w [groups · in_channels, out_channels, kernel…] and y
// [batch, groups · out_channels, window.in…].
struct ConvShape {
  int64_t batch = 0;
  int64_t groups = 1;
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  Window window;
};

// Adds factor · from[…] over the output positions that kernel element (kd, kh, kw) reaches, restricted to
// rows [row_begin, row_end) of the output seen as [out[0] · out[1], out[2]]; `sums` starts at row_begin.
template <typename Acc, typename T>
void AddShifted(const Window& w, int64_t kd, int64_t kh, int64_t kw, Acc factor, const T* from,
                int64_t row_begin, int64_t row_end, Acc* sums) {
  const Window::Range columns = w.Valid(2, kw);
  if (columns.begin >= columns.end) return;
  const int64_t shift = w.At(2, 0, kw);
  const int64_t step = w.stride[2];
  for (int64_t row = row_begin; row < row_end; ++row) {
    const int64_t d = w.At(0, row / w.out[1], kd);
    const int64_t h = w.At(1, row % w.out[1], kh);
    if (d < 0 || d >= w.in[0] || h < 0 || h >= w.in[1]) continue;
    const T* in = from + (d * w.in[1] + h) * w.in[2] + shift;
    Acc* out = sums + (row - row_begin) * w.out[2];
    if (step == 1) {
      for (int64_t o = columns.begin; o < columns.end; ++o) out[o] += factor * static_cast<Acc>(in[o]);
    } else {
      for (int64_t o = columns.begin; o < columns.end; ++o) {
        out[o] += factor * static_cast<Acc>(in[o * step]);
      }
    }
  }
}

// Each output is the sum of its products in the order of the weights, added up in Acc, then handed to
// store(y index, output channel of all groups, sum). Several threads.
template <typename Acc, typename T, typename Store>
void DirectConv(int threads, const ConvShape& s, const T* x, const T* w, Store&& store) {
  const Window& window = s.window;
  const int64_t rows = window.out[0] * window.out[1];
  // Blocks of rows whose sums stay in the cache.
  const int64_t block = std::clamp<int64_t>(4096 / std::max<int64_t>(window.out[2], 1), 1, rows);
  const int64_t blocks = (rows + block - 1) / block;
  const int64_t channels = s.groups * s.out_channels;
  const int64_t cost = block * window.out[2] * s.in_channels * window.kernel_size();
  ParallelFor(threads, s.batch * channels * blocks, cost, [&](int64_t begin, int64_t end) {
    std::vector<Acc> sums(static_cast<size_t>(block * window.out[2]));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t row_begin = item % blocks * block;
      const int64_t row_end = std::min(row_begin + block, rows);
      const int64_t channel = item / blocks % channels;
      const int64_t n = item / blocks / channels;
      const int64_t group = channel / s.out_channels;
      std::fill(sums.begin(), sums.end(), Acc{});
      const T* weights = w + channel * s.in_channels * window.kernel_size();
      for (int64_t c = 0; c < s.in_channels; ++c) {
        const T* plane = x + ((n * s.groups + group) * s.in_channels + c) * window.in_size();
        for (int64_t kd = 0; kd < window.kernel[0]; ++kd) {
          for (int64_t kh = 0; kh < window.kernel[1]; ++kh) {
            for (int64_t kw = 0; kw < window.kernel[2]; ++kw) {
              AddShifted<Acc>(window, kd, kh, kw, static_cast<Acc>(*weights++), plane, row_begin,
                              row_end, sums.data());
            }
          }
        }
      }
      const int64_t first = (n * channels + channel) * window.out_size() + row_begin * window.out[2];
      const int64_t count = (row_end - row_begin) * window.out[2];
      for (int64_t i = 0; i < count; ++i) store(first + i, channel, sums[i]);
    }
  });
}

// The transposed counterpart: every element of x adds its multiples of the kernel.
template <typename Acc, typename T, typename Store>
void DirectConvTranspose(int threads, const ConvShape& s, const T* x, const T* w, Store&& store) {
  const Window& window = s.window;
  const int64_t channels = s.groups * s.out_channels;
  const int64_t out_size = window.in_size();
  const int64_t rows = window.out[0] * window.out[1];
  const int64_t cost = window.out_size() * s.in_channels * window.kernel_size() + out_size;
  ParallelFor(threads, s.batch * channels, cost, [&](int64_t begin, int64_t end) {
    std::vector<Acc> sums(static_cast<size_t>(out_size));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t channel = item % channels;
      const int64_t n = item / channels;
      const int64_t group = channel / s.out_channels;
      std::fill(sums.begin(), sums.end(), Acc{});
      for (int64_t c = 0; c < s.in_channels; ++c) {
        const int64_t from = group * s.in_channels + c;
        const T* plane = x + (n * s.groups * s.in_channels + from) * window.out_size();
        const T* weights =
            w + (from * s.out_channels + channel % s.out_channels) * window.kernel_size();
        for (int64_t kd = 0; kd < window.kernel[0]; ++kd) {
          for (int64_t kh = 0; kh < window.kernel[1]; ++kh) {
            for (int64_t kw = 0; kw < window.kernel[2]; ++kw) {
              const Acc factor = static_cast<Acc>(*weights++);
              const Window::Range columns = window.Valid(2, kw);
              for (int64_t row = 0; row < rows; ++row) {
                const int64_t d = window.At(0, row / window.out[1], kd);
                const int64_t h = window.At(1, row % window.out[1], kh);
                if (d < 0 || d >= window.in[0] || h < 0 || h >= window.in[1]) continue;
                const T* in = plane + row * window.out[2];
                Acc* out = sums.data() + (d * window.in[1] + h) * window.in[2];
                for (int64_t o = columns.begin; o < columns.end; ++o) {
                  out[window.At(2, o, kw)] += factor * static_cast<Acc>(in[o]);
                }
              }
            }
          }
        }
      }
      for (int64_t i = 0; i < out_size; ++i) store(item * out_size + i, channel, sums[i]);
    }
  });
}

// The interpreter's convolutions: matrix products over the unfolded input, in tiles. `bias` may be null,
// otherwise one entry per output channel.
void FastConv(int threads, const ConvShape& shape, const float* x, const float* w, const float* bias,
              float* y);
void FastConv(int threads, const ConvShape& shape, const double* x, const double* w,
              const double* bias, double* y);
void FastConvTranspose(int threads, const ConvShape& shape, const float* x, const float* w,
                       const float* bias, float* y);
void FastConvTranspose(int threads, const ConvShape& shape, const double* x, const double* w,
                       const double* bias, double* y);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_CONV_KERNELS_H_
