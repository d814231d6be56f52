#include "fold/ops/conv_kernels.h"

#include <cstring>

#include "fold/ops/gemm.h"

namespace dsperse {
namespace {

// Row `p` (channel and kernel element) of the unfolded input at output positions [first, last).
template <typename T>
void UnfoldRow(const Window& w, int64_t kd, int64_t kh, int64_t kw, const T* plane, int64_t first,
               int64_t last, T* out) {
  const Window::Range columns = w.Valid(2, kw);
  const int64_t shift = w.At(2, 0, kw);
  while (first < last) {
    const int64_t row = first / w.out[2];
    const int64_t begin = first % w.out[2];
    const int64_t end = std::min(w.out[2], begin + last - first);
    const int64_t d = w.At(0, row / w.out[1], kd);
    const int64_t h = w.At(1, row % w.out[1], kh);
    const bool inside = d >= 0 && d < w.in[0] && h >= 0 && h < w.in[1];
    const int64_t from = inside ? std::clamp(columns.begin, begin, end) : end;
    const int64_t to = inside ? std::clamp(columns.end, from, end) : end;
    std::fill(out, out + (from - begin), T{});
    const T* in = plane + (d * w.in[1] + h) * w.in[2] + shift;
    if (w.stride[2] == 1) {
      if (to > from) std::memcpy(out + (from - begin), in + from, static_cast<size_t>(to - from) * sizeof(T));
    } else {
      for (int64_t o = from; o < to; ++o) out[o - begin] = in[o * w.stride[2]];
    }
    std::fill(out + (to - begin), out + (end - begin), T{});
    out += end - begin;
    first += end - begin;
  }
}

template <typename T>
void AddBias(const T* bias, int64_t channels, int64_t count, int64_t stride, T* y) {
  if (bias == nullptr) return;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < count; ++i) y[c * stride + i] += bias[c];
  }
}

// Work is cut into (image, group, tile of output positions, block of output channels).
template <typename T>
void UnfoldedConv(int threads, const ConvShape& s, const T* x, const T* w, const T* bias, T* y) {
  const Window& window = s.window;
  const int64_t depth = s.in_channels * window.kernel_size();
  const int64_t positions = window.out_size();
  if (positions == 0 || s.out_channels == 0) return;
  // A tile of the unfolded input takes about a megabyte.
  const bool pointwise = window.IsPointwise();
  int64_t tile = std::clamp<int64_t>((int64_t{1} << 18) / std::max<int64_t>(depth, 1), 64, 4096);
  // Enough pieces for all threads: first by positions, then by channels.
  const int64_t outer = s.batch * s.groups;
  const int64_t wanted = std::max<int64_t>(1, (threads + outer - 1) / outer);
  tile = std::min({tile, positions, std::max<int64_t>(64, (positions + wanted - 1) / wanted)});
  const int64_t tiles = (positions + tile - 1) / tile;
  const int64_t split = outer * tiles < threads ? std::min<int64_t>(threads, (s.out_channels + 31) / 32) : 1;
  const int64_t block = (s.out_channels + split - 1) / split;
  const int64_t cost = tile * depth * block;
  ParallelFor(threads, outer * tiles * split, cost, [&](int64_t begin, int64_t end) {
    std::vector<T> unfolded(pointwise ? 0 : static_cast<size_t>(depth * tile));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t channel = item % split * block;
      const int64_t channels = std::min(block, s.out_channels - channel);
      if (channels <= 0) continue;
      const int64_t first = item / split % tiles * tile;
      const int64_t count = std::min(tile, positions - first);
      const int64_t image_group = item / split / tiles;
      const int64_t group = image_group % s.groups;
      const T* in = x + image_group * s.in_channels * window.in_size();
      const int64_t out_channel = group * s.out_channels + channel;
      T* out = y + (image_group * s.out_channels + channel) * positions + first;
      ProductShape product;
      product.m = channels;
      product.k = depth;
      product.n = count;
      const T* weights = w + out_channel * depth;
      if (pointwise) {
        product.b_stride = positions;
        FastProduct(1, product, weights, in + first, out, positions);
      } else {
        T* row = unfolded.data();
        for (int64_t c = 0; c < s.in_channels; ++c) {
          for (int64_t kd = 0; kd < window.kernel[0]; ++kd) {
            for (int64_t kh = 0; kh < window.kernel[1]; ++kh) {
              for (int64_t kw = 0; kw < window.kernel[2]; ++kw) {
                UnfoldRow(window, kd, kh, kw, in + c * window.in_size(), first, first + count, row);
                row += count;
              }
            }
          }
        }
        FastProduct(1, product, weights, unfolded.data(), out, positions);
      }
      if (bias != nullptr) AddBias(bias + out_channel, channels, count, positions, out);
    }
  });
}

template <typename T>
void Conv(int threads, const ConvShape& s, const T* x, const T* w, const T* bias, T* y) {
  // With few products to a weight matrix, unfolding costs more than it gains (depthwise convolutions).
  if (s.out_channels < 4 || s.in_channels * s.window.kernel_size() < 8) {
    DirectConv<T>(threads, s, x, w, [&](int64_t at, int64_t channel, T sum) {
      y[at] = bias == nullptr ? sum : sum + bias[channel];
    });
  } else {
    UnfoldedConv(threads, s, x, w, bias, y);
  }
}

// Products of all weights with all inputs, a block of output channels at a time, then added up where
// they belong.
template <typename T>
void ConvTranspose(int threads, const ConvShape& s, const T* x, const T* w, const T* bias, T* y) {
  const Window& window = s.window;
  const int64_t positions = window.out_size();
  const int64_t kernel = window.kernel_size();
  const int64_t out_size = window.in_size();
  if (out_size == 0 || s.out_channels == 0) return;
  const int64_t per_channel = std::max<int64_t>(kernel * positions, 1);
  const int64_t block = std::clamp<int64_t>((int64_t{1} << 20) / per_channel, 1, s.out_channels);
  const int64_t blocks = (s.out_channels + block - 1) / block;
  const int64_t outer = s.batch * s.groups;
  const int64_t cost = block * per_channel * (s.in_channels + 1) + block * out_size;
  ParallelFor(threads, outer * blocks, cost, [&](int64_t begin, int64_t end) {
    std::vector<T> products(static_cast<size_t>(block * per_channel));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t image_group = item / blocks;
      const int64_t group = image_group % s.groups;
      const int64_t channel = item % blocks * block;
      const int64_t channels = std::min(block, s.out_channels - channel);
      // w of the group is [in_channels, out_channels · kernel]; a block of columns, transposed.
      ProductShape product;
      product.m = channels * kernel;
      product.k = s.in_channels;
      product.n = positions;
      product.a_transposed = true;
      product.a_stride = s.out_channels * kernel;
      FastProduct(1, product, w + (group * s.in_channels * s.out_channels + channel) * kernel,
                  x + image_group * s.in_channels * positions, products.data(), positions);
      for (int64_t c = 0; c < channels; ++c) {
        T* out = y + (image_group * s.out_channels + channel + c) * out_size;
        const T start = bias == nullptr ? T{} : bias[group * s.out_channels + channel + c];
        std::fill(out, out + out_size, start);
        const T* in = products.data() + c * kernel * positions;
        for (int64_t kd = 0; kd < window.kernel[0]; ++kd) {
          for (int64_t kh = 0; kh < window.kernel[1]; ++kh) {
            for (int64_t kw = 0; kw < window.kernel[2]; ++kw) {
              const Window::Range columns = window.Valid(2, kw);
              for (int64_t row = 0; row < window.out[0] * window.out[1]; ++row) {
                const T* from = in + row * window.out[2];
                const int64_t d = window.At(0, row / window.out[1], kd);
                const int64_t h = window.At(1, row % window.out[1], kh);
                if (d < 0 || d >= window.in[0] || h < 0 || h >= window.in[1]) continue;
                T* to = out + (d * window.in[1] + h) * window.in[2];
                for (int64_t o = columns.begin; o < columns.end; ++o) {
                  to[window.At(2, o, kw)] += from[o];
                }
              }
              in += positions;
            }
          }
        }
      }
    }
  });
}

}  // namespace

void FastConv(int threads, const ConvShape& shape, const float* x, const float* w, const float* bias,
              float* y) {
  Conv(threads, shape, x, w, bias, y);
}

void FastConv(int threads, const ConvShape& shape, const double* x, const double* w,
              const double* bias, double* y) {
  Conv(threads, shape, x, w, bias, y);
}

void FastConvTranspose(int threads, const ConvShape& shape, const float* x, const float* w,
                       const float* bias, float* y) {
  ConvTranspose(threads, shape, x, w, bias, y);
}

void FastConvTranspose(int threads, const ConvShape& shape, const double* x, const double* w,
                       const double* bias, double* y) {
  ConvTranspose(threads, shape, x, w, bias, y);
}

}  // namespace dsperse
