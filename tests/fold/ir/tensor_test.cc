#include "fold/ir/tensor.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dsperse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  absl::Status Read(uint64_t offset, absl::Span<char> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return absl::DataLossError("short");
    }
    std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return absl::OkStatus();
  }
  absl::string_view name() const override { return "memory"; }

 private:
  std::string bytes_;
};

void ExpectError(const absl::Status& status, absl::StatusCode code, const std::string& message) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(message));
}

TEST(Tensor, HoldsTypedElements) {
  const Tensor t = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(t.dtype(), DType::kFloat);
  EXPECT_EQ(t.num_elements(), 6);
  EXPECT_EQ(t.num_bytes(), 24);
  EXPECT_TRUE(t.in_memory());
  EXPECT_THAT(t.data<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(Tensor::Scalar<int64_t>(7).rank(), 0);
  EXPECT_EQ(Tensor::Of<bool>({2}, {true, false}).raw(), std::string("\1\0", 2));
}

TEST(Tensor, ChecksTheSizeOfItsBytes) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  ExpectError(Tensor::FromBytes(DType::kFloat, {2}, "1234567").status(), kInvalid,
              "needs 8 bytes of payload, not 7");
  ExpectError(Tensor::FromBytes(DType::kFloat, {-1}, "").status(), kInvalid, "negative");
  ExpectError(Tensor::FromBytes(DType::kFloat, {int64_t{1} << 62}, "").status(), kInvalid,
              "overflow");
  ExpectError(Tensor::FromBytes(DType::kUndefined, {1}, "1").status(), kInvalid, "undefined");
  ExpectError(Tensor::FromStrings({2}, {"one"}).status(), kInvalid, "holds 1 strings");
  ExpectError(Tensor::Uniform(DType::kFloat, {2}, "12").status(), kInvalid, "2 bytes");
  ExpectError(Tensor::Uniform(DType::kInt4, {2}, "1").status(), kInvalid, "1 bytes");
  float* data = nullptr;
  ExpectError(Tensor::Make<float>({100}, &data, 399).status(), absl::StatusCode::kResourceExhausted,
              "needs 400 bytes");
  // Five 4-bit elements take three bytes.
  EXPECT_TRUE(Tensor::FromBytes(DType::kInt4, {5}, "123").ok());
  // A zero among the dims: no elements, whatever the others are.
  EXPECT_EQ(Tensor::FromBytes(DType::kFloat, {int64_t{1} << 62, 0, 9}, "")->num_elements(), 0);
}

TEST(Tensor, UniformReadsAtAnyOffset) {
  const Tensor t = *Tensor::Uniform(DType::kInt16, {1000}, "ab");
  for (const int64_t offset : {0, 1, 7, 1999}) {
    for (const int64_t size : {0, 1, 2, 3, 100, 2000}) {
      if (offset + size > t.num_bytes()) continue;
      std::string out(static_cast<size_t>(size), '?');
      ASSERT_TRUE(t.Read(offset, absl::MakeSpan(out.data(), out.size())).ok());
      for (int64_t i = 0; i < size; ++i) {
        ASSERT_EQ(out[static_cast<size_t>(i)], (offset + i) % 2 == 0 ? 'a' : 'b');
      }
    }
  }
}

TEST(Tensor, SpanReadsItsPartOfTheFile) {
  const auto source = std::make_shared<StringSource>("....abcdefgh....");
  const Tensor t = *Tensor::FromSpan(DType::kInt32, {2}, source, 4);
  EXPECT_EQ(t.Load()->raw(), "abcdefgh");
  std::string out(3, '?');
  ASSERT_TRUE(t.Read(5, absl::MakeSpan(out.data(), 3)).ok());
  EXPECT_EQ(out, "fgh");
  EXPECT_EQ(t.Read(6, absl::MakeSpan(out.data(), 3)).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Tensor::FromSpan(DType::kInt32, {2}, source, 12)->Load().status().code(),
            absl::StatusCode::kDataLoss);
  ExpectError(t.Load(7).status(), absl::StatusCode::kResourceExhausted, "8 bytes");
}

TEST(Tensor, BoolsOfAFileBecomeZeroOrOne) {
  const auto source = std::make_shared<StringSource>(std::string("\0\x07\xff", 3));
  EXPECT_EQ(Tensor::FromSpan(DType::kBool, {3}, source, 0)->Load()->raw(),
            std::string("\0\1\1", 3));
}

// Every element against the definition, whole and in pieces.
template <typename S, typename D>
void CheckScaled(Dims dims, int axis) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> uniform(-4, 4);
  const int64_t count = *NumElements(dims);
  std::vector<S> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<S>(uniform(random)));
  std::vector<double> factors;
  for (int64_t i = 0; i < dims[static_cast<size_t>(axis)]; ++i) factors.push_back(uniform(random));
  int64_t inner = 1;
  for (size_t i = static_cast<size_t>(axis) + 1; i < dims.size(); ++i) inner *= dims[i];
  std::vector<D> expected;
  for (int64_t i = 0; i < count; ++i) {
    const size_t channel = static_cast<size_t>(i / inner) % factors.size();
    expected.push_back(static_cast<D>(static_cast<double>(values[static_cast<size_t>(i)]) *
                                      factors[channel]));
  }
  const Tensor base = Tensor::Of<S>(dims, absl::MakeConstSpan(values));
  const Tensor scaled = *Tensor::Scaled(base, axis, factors, kDTypeOf<D>);
  EXPECT_TRUE(scaled.is_scaled());
  const absl::StatusOr<Tensor> loaded = scaled.Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(std::memcmp(loaded->raw().data(), expected.data(), expected.size() * sizeof(D)), 0);
  constexpr int64_t kWidth = sizeof(D);
  for (int64_t first = 0; first < count; first += 1 + count / 7) {
    for (const int64_t n : {int64_t{1}, int64_t{5}, int64_t{40}}) {
      if (first + n > count) continue;
      // At an odd address, as in the writer's buffer.
      std::string out(static_cast<size_t>(n * kWidth + 1), '?');
      ASSERT_TRUE(
          scaled.Read(first * kWidth, absl::MakeSpan(out.data() + 1, static_cast<size_t>(n * kWidth)))
              .ok());
      EXPECT_EQ(std::memcmp(out.data() + 1, loaded->raw().data() + first * kWidth,
                            static_cast<size_t>(n * kWidth)),
                0);
    }
  }
}

TEST(Tensor, ScaledMultipliesByTheFactorOfTheChannel) {
  for (const int axis : {0, 1, 2}) CheckScaled<float, float>({5, 7, 40}, axis);
  CheckScaled<float, float>({300}, 0);
  CheckScaled<float, float>({64, 3, 3, 3}, 0);
  CheckScaled<double, double>({5, 7, 40}, 1);
  CheckScaled<Float16, Float16>({5, 7, 40}, 0);
  CheckScaled<Bfloat16, Bfloat16>({5, 7, 40}, 2);
  CheckScaled<float, double>({5, 7, 40}, 0);
  CheckScaled<Float16, float>({5, 7, 40}, 1);
  CheckScaled<double, Bfloat16>({5, 7, 40}, 1);
}

TEST(Tensor, ScaledRoundsOnceAndKeepsSpecialValues) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor base = Tensor::Of<float>({6}, {-0.0f, inf, NAN, 3e38f, 1e-45f, 16777217.0f});
  const Tensor scaled = *Tensor::Scaled(base, 0, {2.0, -1.0, 1.0, 10.0, 0.5, 1.0 / 3.0});
  const Tensor loaded = *scaled.Load();
  EXPECT_TRUE(std::signbit(loaded.data<float>()[0]));
  EXPECT_EQ(loaded.data<float>()[1], -inf);
  EXPECT_TRUE(std::isnan(loaded.data<float>()[2]));
  EXPECT_EQ(loaded.data<float>()[3], inf);
  EXPECT_EQ(loaded.data<float>()[4], 0.0f);  // half of the smallest: a tie, to even
  EXPECT_EQ(loaded.data<float>()[5], static_cast<float>(16777216.0 / 3.0));
  // Scaled again: each product is rounded to the type, as if the first had been stored.
  const Tensor twice = *Tensor::Scaled(scaled, 0, {3, 3, 3, 3, 3, 3});
  EXPECT_EQ(twice.Load()->data<float>()[5], 3.0f * static_cast<float>(16777216.0 / 3.0));
}

TEST(Tensor, ScaledRefusesWhatDoesNotFit) {
  const Tensor base = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  ExpectError(Tensor::Scaled(base, 0, {1.0}).status(), kInvalid, "1 factors do not fit axis 0");
  ExpectError(Tensor::Scaled(base, 2, {1.0, 2.0}).status(), kInvalid, "axis 2");
  ExpectError(Tensor::Scaled(base, -1, {1.0, 2.0}).status(), kInvalid, "axis -1");
  ExpectError(Tensor::Scaled(Tensor::Scalar<int32_t>(1), 0, {1.0}).status(), kInvalid, "int32");
  char out[3];
  EXPECT_EQ(Tensor::Scaled(base, 0, {1.0, 2.0})->Read(0, absl::MakeSpan(out, 3)).code(),
            absl::StatusCode::kInternal);
}

TEST(Tensor, WithDimsKeepsTheChannelsOfTheScaling) {
  const Tensor base = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  const Tensor flat = *Tensor::Scaled(base, 0, {10, 100})->WithDims({4});
  EXPECT_THAT(flat.Load()->data<float>(), ElementsAre(10, 20, 300, 400));
  ExpectError(base.WithDims({3}).status(), absl::StatusCode::kInvalidArgument, "3 elements");
}

// Rows of a scaled tensor keep the factors of theirs, whatever axis those go along.
TEST(Tensor, RowsOfAScaledTensorAreThoseOfItsElements) {
  for (const Dims& dims : {Dims{3, 2, 2}, Dims{1, 3, 1}, Dims{1, 1, 4}, Dims{2, 2, 2}}) {
    std::vector<float> values(static_cast<size_t>(*NumElements(dims)));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
    const Tensor base = Tensor::Of<float>(dims, absl::MakeConstSpan(values));
    for (int axis = 0; axis < 3; ++axis) {
      std::vector<double> factors;
      for (int64_t c = 0; c < dims[static_cast<size_t>(axis)]; ++c) factors.push_back(static_cast<double>(10 * c + 2));
      const Tensor scaled = *Tensor::Scaled(base, axis, factors);
      const Tensor loaded = *scaled.Load();
      for (int64_t begin = 0; begin <= dims[0]; ++begin) {
        for (int64_t end = begin; end <= dims[0]; ++end) {
          const Tensor rows = *scaled.Rows(begin, end);
          EXPECT_TRUE(rows.is_scaled());
          EXPECT_TRUE(*SameBits(rows, *loaded.Rows(begin, end)))
              << DimsToString(dims) << ", axis " << axis << ", rows " << begin << " to " << end;
        }
      }
    }
  }
}

TEST(SameBits, TellsZerosAndNaNsApart) {
  const auto same = [](const Tensor& a, const Tensor& b) { return SameBits(a, b).value(); };
  const Tensor zero = Tensor::Scalar<float>(0.0f);
  EXPECT_TRUE(same(zero, Tensor::Scalar<float>(0.0f)));
  EXPECT_FALSE(same(zero, Tensor::Scalar<float>(-0.0f)));
  EXPECT_TRUE(same(Tensor::Scalar<float>(NAN), Tensor::Scalar<float>(NAN)));
  EXPECT_FALSE(same(zero, Tensor::Scalar<int32_t>(0)));
  EXPECT_FALSE(same(zero, Tensor::Of<float>({1}, {0.0f})));
  // Kinds of payload don't matter.
  EXPECT_TRUE(same(*Tensor::Uniform(DType::kInt8, {100000}, "x"),
                   *Tensor::FromBytes(DType::kInt8, {100000}, std::string(100000, 'x'))));
}

TEST(ToDoubles, ConvertsExactlyOrNotAtAll) {
  EXPECT_THAT(*ToDoubles(Tensor::Of<int8_t>({2}, {-1, 5})), ElementsAre(-1.0, 5.0));
  EXPECT_THAT(*ToDoubles(Tensor::Of<int64_t>({1}, {int64_t{1} << 53})),
              ElementsAre(9007199254740992.0));
  EXPECT_FALSE(ToDoubles(Tensor::Of<int64_t>({1}, {(int64_t{1} << 53) + 1})).ok());
  EXPECT_FALSE(ToDoubles(Tensor::Of<int64_t>({1}, {INT64_MIN})).ok());
  EXPECT_FALSE(ToDoubles(*Tensor::FromBytes(DType::kInt4, {2}, "x")).ok());
}

TEST(ToInts, ConvertsExactlyOrNotAtAll) {
  EXPECT_THAT(*ToInts(Tensor::Of<uint8_t>({2}, {0, 255})), ElementsAre(0, 255));
  EXPECT_FALSE(ToInts(Tensor::Of<uint64_t>({1}, {uint64_t{1} << 63})).ok());
  EXPECT_FALSE(ToInts(Tensor::Of<float>({1}, {1.0f})).ok());
}

}  // namespace
}  // namespace dsperse
