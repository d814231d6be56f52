// Where a generator's decisions come from: a seed, or the bytes of a fuzzer. The same source, the same
// decisions, on every machine.
#ifndef DSPERSE_TESTS_PROPERTY_CHOICES_H_
#define DSPERSE_TESTS_PROPERTY_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "absl/types/span.h"

namespace dsperse::testing {

class Choices {
 public:
  virtual ~Choices() = default;
  // One of 0 … limit − 1; limit is at least 1.
  virtual uint64_t Below(uint64_t limit) = 0;
  // True once nothing more is to be decided (a fuzzer's bytes are used up).
  virtual bool exhausted() const { return false; }

  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  template <typename T>
  T OneOf(std::initializer_list<T> list) {
    return *(list.begin() + Below(list.size()));
  }
  template <typename T>
  T OneOf(const std::vector<T>& list) {
    return list[Below(list.size())];
  }
};

class SeededChoices final : public Choices {
 public:
  explicit SeededChoices(uint64_t seed) : random_(seed) {}
  // The raw output only: distributions of the standard library differ between libraries.
  uint64_t Below(uint64_t limit) override { return (random_() >> 11) % limit; }

 private:
  std::mt19937_64 random_;
};

// One byte a decision (two for large limits); 0 beyond the end.
class ByteChoices final : public Choices {
 public:
  explicit ByteChoices(absl::Span<const uint8_t> bytes) : bytes_(bytes) {}
  uint64_t Below(uint64_t limit) override {
    uint64_t value = Next();
    if (limit > 256) value = value << 8 | Next();
    return value % limit;
  }
  bool exhausted() const override { return at_ >= bytes_.size(); }

 private:
  uint64_t Next() { return at_ < bytes_.size() ? bytes_[at_++] : 0; }
  absl::Span<const uint8_t> bytes_;
  size_t at_ = 0;
};

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_PROPERTY_CHOICES_H_
