// Convolutions: both ways of computing them against the definition, on many geometries.
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/run_one.h"

namespace dsperse {
namespace {

using ::dsperse::testing::NamedInput;
using ::dsperse::testing::RandomTensor;
using ::dsperse::testing::RunOne;

struct Geometry {
  int64_t batch, groups, in_channels, out_channels;  // channels of one group
  std::vector<int64_t> in, kernel, stride, dilation, pads;
  std::string Attributes() const {
    return absl::StrCat("group = ", groups, ", strides = [", absl::StrJoin(stride, ", "),
                        "], dilations = [", absl::StrJoin(dilation, ", "), "], pads = [",
                        absl::StrJoin(pads, ", "), "]");
  }
};

Geometry RandomGeometry(uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint32_t>(high - low + 1));
  };
  Geometry g;
  g.batch = pick(1, 2);
  g.groups = pick(1, 3);
  g.in_channels = pick(1, 4);
  g.out_channels = pick(1, 5);
  const int64_t rank = pick(1, 3);
  for (int64_t i = 0; i < rank; ++i) {
    g.kernel.push_back(pick(1, 3));
    g.stride.push_back(pick(1, 3));
    g.dilation.push_back(pick(1, 2));
    g.in.push_back(pick(5, 8));
  }
  for (int64_t i = 0; i < 2 * rank; ++i) g.pads.push_back(pick(0, 3));
  return g;
}

// Flat index → coordinates.
std::vector<int64_t> Unravel(int64_t at, absl::Span<const int64_t> dims) {
  std::vector<int64_t> coordinates(dims.size());
  for (size_t k = dims.size(); k-- > 0; at /= dims[k]) coordinates[k] = at % dims[k];
  return coordinates;
}

int64_t Count(absl::Span<const int64_t> dims) {
  int64_t count = 1;
  for (int64_t d : dims) count *= d;
  return count;
}

// Calls f(output position, kernel element, input position or −1), flat over the spatial axes.
template <typename F>
void Walk(const Geometry& g, const std::vector<int64_t>& out, F&& f) {
  for (int64_t o = 0; o < Count(out); ++o) {
    const auto at = Unravel(o, out);
    for (int64_t k = 0; k < Count(g.kernel); ++k) {
      const auto element = Unravel(k, g.kernel);
      int64_t flat = 0;
      bool inside = true;
      for (size_t a = 0; a < g.in.size(); ++a) {
        const int64_t i = at[a] * g.stride[a] + element[a] * g.dilation[a] - g.pads[a];
        inside &= i >= 0 && i < g.in[a];
        flat = flat * g.in[a] + i;
      }
      f(o, k, inside ? flat : -1);
    }
  }
}

std::vector<int64_t> OutSizes(const Geometry& g) {
  std::vector<int64_t> out;
  for (size_t a = 0; a < g.in.size(); ++a) {
    const int64_t room = g.in[a] + g.pads[a] + g.pads[g.in.size() + a] -
                         (g.kernel[a] - 1) * g.dilation[a] - 1;
    out.push_back(room / g.stride[a] + 1);
  }
  return out;
}

// By definition: Σ over input channels and kernel elements, in double, in this order, then the bias.
std::vector<float> Definition(const Geometry& g, absl::Span<const float> x, absl::Span<const float> w,
                              absl::Span<const float> bias) {
  const auto out = OutSizes(g);
  const int64_t in_size = Count(g.in), out_size = Count(out), kernel = Count(g.kernel);
  std::vector<float> y;
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t m = 0; m < g.groups * g.out_channels; ++m) {
      std::vector<double> sums(static_cast<size_t>(out_size), 0.0);
      for (int64_t c = 0; c < g.in_channels; ++c) {
        const int64_t channel = (n * g.groups + m / g.out_channels) * g.in_channels + c;
        Walk(g, out, [&](int64_t o, int64_t k, int64_t i) {
          if (i < 0) return;
          sums[o] += static_cast<double>(w[(m * g.in_channels + c) * kernel + k]) *
                     static_cast<double>(x[channel * in_size + i]);
        });
      }
      for (double sum : sums) y.push_back(static_cast<float>(sum + static_cast<double>(bias[m])));
    }
  }
  return y;
}

std::vector<NamedInput> ConvInputs(const Geometry& g, uint32_t seed) {
  Dims x = {g.batch, g.groups * g.in_channels};
  Dims w = {g.groups * g.out_channels, g.in_channels};
  x.insert(x.end(), g.in.begin(), g.in.end());
  w.insert(w.end(), g.kernel.begin(), g.kernel.end());
  return {{"x", RandomTensor(seed, x)},
          {"w", RandomTensor(seed + 1, w)},
          {"b", RandomTensor(seed + 2, {g.groups * g.out_channels})}};
}

double Distance(absl::Span<const float> a, absl::Span<const float> b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return worst;
}

TEST(ConvOps, ConvIsItsDefinition) {
  for (uint32_t seed = 0; seed < 120; ++seed) {
    const Geometry g = RandomGeometry(seed);
    const auto inputs = ConvInputs(g, seed);
    const std::string node = absl::StrCat("y = Conv<", g.Attributes(), ">(x, w, b)");
    SCOPED_TRACE(absl::StrCat(seed, ": ", node));
    const auto expected = Definition(g, inputs[0].tensor.data<float>(),
                                     inputs[1].tensor.data<float>(), inputs[2].tensor.data<float>());
    const auto exact = RunOne(node, inputs, 21, EvalMode::kExact);
    ASSERT_TRUE(exact.ok()) << exact.status();
    // The order of the sum is part of the promise: every bit.
    EXPECT_EQ((*exact)[0].data<float>(), absl::MakeConstSpan(expected));
    const auto threads = RunOne(node, inputs, 21, EvalMode::kExact, 3);
    ASSERT_TRUE(threads.ok()) << threads.status();
    EXPECT_EQ((*threads)[0].raw(), (*exact)[0].raw());
    const auto fast = RunOne(node, inputs, 21, EvalMode::kFast, 2);
    ASSERT_TRUE(fast.ok()) << fast.status();
    EXPECT_LT(Distance((*fast)[0].data<float>(), expected), 2e-5);
  }
}

double Dot(absl::Span<const float> a, absl::Span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// ConvTranspose is the adjoint of Conv with the same weights: ⟨Conv(u), v⟩ = ⟨u, ConvTranspose(v)⟩.
TEST(ConvOps, ConvTransposeIsTheAdjointOfConv) {
  for (uint32_t seed = 1000; seed < 1120; ++seed) {
    Geometry g = RandomGeometry(seed);
    // Sizes at which the transposed output is the input again.
    const auto out = OutSizes(g);
    std::vector<int64_t> output_padding;
    bool fits = true;
    for (size_t a = 0; a < g.in.size(); ++a) {
      const int64_t full = (out[a] - 1) * g.stride[a] + (g.kernel[a] - 1) * g.dilation[a] + 1 -
                           g.pads[a] - g.pads[g.in.size() + a];
      output_padding.push_back(g.in[a] - full);
      fits &= output_padding.back() >= 0;
    }
    ASSERT_TRUE(fits);
    const auto inputs = ConvInputs(g, seed);
    const auto y = RunOne(absl::StrCat("y = Conv<", g.Attributes(), ">(x, w)"),
                          {inputs[0], inputs[1]});
    ASSERT_TRUE(y.ok()) << y.status();
    const Tensor v = RandomTensor(seed + 3, (*y)[0].dims());
    const std::string node = absl::StrCat("u = ConvTranspose<", g.Attributes(), ", output_padding = [",
                                          absl::StrJoin(output_padding, ", "), "]>(v, w)");
    SCOPED_TRACE(absl::StrCat(seed, ": ", node));
    std::string raw;
    for (EvalMode mode : {EvalMode::kExact, EvalMode::kFast}) {
      const auto u = RunOne(node, {{"v", v}, inputs[1]}, 21, mode, 2);
      ASSERT_TRUE(u.ok()) << u.status();
      ASSERT_EQ((*u)[0].dims(), inputs[0].tensor.dims());
      EXPECT_NEAR(Dot((*y)[0].data<float>(), v.data<float>()),
                  Dot(inputs[0].tensor.data<float>(), (*u)[0].data<float>()), 1e-4);
    }
  }
}

TEST(ConvOps, RoundHalvesOnce) {
  // 1 + 2^-11 + 2^-20 lies above the middle of two float16: a sum in float16 steps would lose that.
  const Tensor x = Tensor::Of<Float16>(
      {1, 3, 1}, {Float16(1.0), Float16(0x1p-11), Float16(0x1p-20)});
  const Tensor w = Tensor::Of<Float16>({1, 3, 1}, {Float16(1.0), Float16(1.0), Float16(1.0)});
  const auto y = RunOne("y = Conv(x, w)", {{"x", x}, {"w", w}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(static_cast<double>((*y)[0].data<Float16>()[0]), 1.0 + 0x1p-10);
}

TEST(ConvOps, RefuseWhatDoesNotFit) {
  const Tensor x = RandomTensor(1, {1, 4, 5, 5});
  const Tensor w = RandomTensor(2, {4, 4, 3, 3});
  for (const char* node : {
           "y = Conv<strides = [0, 1]>(x, w)",
           "y = Conv<strides = [-1, 1]>(x, w)",
           "y = Conv<strides = [1]>(x, w)",
           "y = Conv<dilations = [0, 0]>(x, w)",
           "y = Conv<dilations = [9223372036854775807, 1]>(x, w)",
           "y = Conv<pads = [-1, 0, 0, 0]>(x, w)",
           "y = Conv<pads = [9223372036854775807, 0, 0, 0]>(x, w)",
           "y = Conv<pads = [1, 1]>(x, w)",
           "y = Conv<dilations = [3, 1]>(x, w)",
           "y = Conv<kernel_shape = [2, 2]>(x, w)",
           "y = Conv<group = 0>(x, w)",
           "y = Conv<group = -4>(x, w)",
           "y = Conv<group = 3>(x, w)",
           "y = Conv<auto_pad = \"SAME\">(x, w)",
           "y = Conv(w, x)",
           "y = Conv(x, w, x)",
           "y = ConvTranspose<strides = [0, 1]>(x, w)",
           "y = ConvTranspose<strides = [4611686018427387904, 1]>(x, w)",
           "y = ConvTranspose<output_padding = [-1, 0]>(x, w)",
           "y = ConvTranspose<output_shape = [-5, 5]>(x, w)",
           "y = ConvTranspose<pads = [9, 9, 9, 9]>(x, w)",
           "y = MaxPool<kernel_shape = [0, 2]>(x)",
           "y = MaxPool<kernel_shape = [-2, 2]>(x)",
           "y = MaxPool<kernel_shape = [2]>(x)",
           "y = MaxPool<kernel_shape = [6, 6]>(x)",
           "y = AveragePool<kernel_shape = [2, 2], strides = [0, 0]>(x)",
           "y = LpPool<kernel_shape = [2, 2], p = 0>(x)",
       }) {
    const auto outputs = RunOne(node, {{"x", x}, {"w", w}});
    EXPECT_TRUE(absl::IsInvalidArgument(outputs.status())) << node << ": " << outputs.status();
  }
}

TEST(ConvOps, RefuseWorkBeyondTheLimit) {
  const Tensor x = RandomTensor(1, {1, 1, 1, 1});
  for (const char* node : {
           "y = ConvTranspose<strides = [1, 1], output_padding = [2000000000, 2000000000]>(x, x)",
           "y = AveragePool<kernel_shape = [1, 1], pads = [2000000000, 0, 2000000000, 0], "
           "count_include_pad = 1, strides = [1, 1]>(x)",
           "y = MaxPool<kernel_shape = [2000000000, 2000000000], pads = [2000000000, 2000000000, "
           "1999999999, 1999999999]>(x)",
       }) {
    const auto outputs = RunOne(node, {{"x", x}});
    EXPECT_TRUE(absl::IsResourceExhausted(outputs.status())) << node << ": " << outputs.status();
  }
}

}  // namespace
}  // namespace dsperse
