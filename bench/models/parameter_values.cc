#include "bench/models/parameter_values.h"

#include <cstddef>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

namespace dsperse::models {
namespace {

// The finaliser of SplitMix64: a bijection that spreads every input bit over the word.
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// FNV-1a.
uint64_t HashName(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return hash;
}

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;

}  // namespace

int64_t ElementCount(const Parameter& parameter) {
  int64_t count = 1;
  for (const int64_t dim : parameter.dims) count *= dim;
  return count;
}

int64_t ByteSize(const Parameter& parameter) {
  return ElementCount(parameter) * (parameter.type == ElementType::kFloat ? 4 : 8);
}

ParameterValues::ParameterValues(const Parameter& parameter, uint64_t seed)
    : grid_(std::get<UniformGrid>(parameter.values)),
      stream_(Mix(seed * kGolden + HashName(parameter.name))) {}

void ParameterValues::Generate(int64_t first, absl::Span<float> out) const {
  // One hash gives two elements: the low half is element 2j, the high half element 2j + 1.
  const auto element = [this](uint64_t half) {
    const auto k = static_cast<int64_t>((half * grid_.count) >> 32);
    return static_cast<float>(static_cast<double>(grid_.offset + k) * grid_.scale);
  };
  const auto word = [this](uint64_t pair) { return Mix(stream_ + pair * kGolden); };
  auto index = static_cast<uint64_t>(first);
  size_t i = 0;
  if (i < out.size() && (index & 1) != 0) {
    out[i++] = element(word(index++ / 2) >> 32);
  }
  for (; i + 2 <= out.size(); i += 2, index += 2) {
    const uint64_t bits = word(index / 2);
    out[i] = element(bits & 0xffffffffu);
    out[i + 1] = element(bits >> 32);
  }
  if (i < out.size()) out[i] = element(word(index / 2) & 0xffffffffu);
}

}  // namespace dsperse::models
