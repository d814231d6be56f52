#include <memory>
#include <string>
#include <vector>

#include "fold/ir/file.h"
#include "fold/ir/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"

namespace dsperse {
namespace {

using testing::ReadAll;
using testing::TempDir;
using testing::WriteAll;

TEST(OutputFile, TemporariesCanBeCleanedUpAtAnyTime) {
  const TempDir dir;
  {
    const auto a = OutputFile::Create(dir.File("a"), 10);
    const auto b = OutputFile::Create(dir.File("b"), 0);
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(dir.Names().size(), 2u);
    CleanUpTemporaries();
    EXPECT_TRUE(dir.Names().empty());
    ASSERT_TRUE((*b)->Finish(false).ok());
    EXPECT_EQ((*b)->Commit(false).code(), absl::StatusCode::kNotFound);
  }
  const auto c = OutputFile::Create(dir.File("c"), 3);
  ASSERT_TRUE(c.ok());
  ASSERT_TRUE((*c)->Append("abc").ok());
  ASSERT_TRUE((*c)->Finish(false).ok());
  ASSERT_TRUE((*c)->Commit(false).ok());
  CleanUpTemporaries();
  EXPECT_EQ(ReadAll(dir.File("c")), "abc");
}

TEST(OutputFile, TensorsCrossTheBufferAtAnyOffset) {
  const TempDir dir;
  std::string raw;
  for (int i = 0; i < 700000; ++i) {
    const float value = static_cast<float>(i) * 0.37f;
    raw.append(reinterpret_cast<const char*>(&value), 4);
  }
  const Tensor owned = *Tensor::FromBytes(DType::kFloat, {700, 1000}, raw);
  std::vector<double> factors(700);
  for (size_t i = 0; i < factors.size(); ++i) factors[i] = 1.0 / static_cast<double>(i + 3);
  const std::vector<Tensor> tensors = {
      owned, *Tensor::Scaled(owned, 0, factors),
      *Tensor::Scaled(owned, 0, factors, DType::kDouble),
      *Tensor::Scaled(owned, 0, factors, DType::kFloat16),
      *Tensor::Uniform(DType::kDouble, {300000}, "12345678")};
  for (const Tensor& tensor : tensors) {
    for (const size_t lead : {0, 1, 3}) {
      StringSink expected;
      ASSERT_TRUE(expected.Append(std::string(lead, 'l')).ok());
      ASSERT_TRUE(expected.AppendTensor(tensor).ok());
      ASSERT_TRUE(expected.Append("end").ok());
      const auto file = OutputFile::Create(dir.File("t"), expected.bytes().size());
      ASSERT_TRUE(file.ok()) << file.status();
      ASSERT_TRUE((*file)->Append(std::string(lead, 'l')).ok());
      ASSERT_TRUE((*file)->AppendTensor(tensor).ok());
      ASSERT_TRUE((*file)->Append("end").ok());
      ASSERT_TRUE((*file)->Finish(false).ok());
      ASSERT_TRUE((*file)->Commit(false).ok());
      EXPECT_TRUE(ReadAll(dir.File("t")) == expected.bytes());
    }
  }
}

// Large files are written by two threads, piece by piece.
class SharedWork : public ::testing::Test {
 protected:
  static constexpr int64_t kRows = 1500, kColumns = 2001;

  // In a file, behind `lead` bytes, as a model's weights are.
  Tensor InFile(size_t lead) {
    std::string bytes(lead, 'x');
    for (int64_t i = 0; i < kRows * kColumns; ++i) {
      const float value = static_cast<float>(i % 100003) * 0.37f;
      bytes.append(reinterpret_cast<const char*>(&value), 4);
    }
    WriteAll(dir_.File("weights"), bytes);
    source_ = *InputFile::Open(dir_.File("weights"));
    return *Tensor::FromSpan(DType::kFloat, {kRows, kColumns}, source_, lead);
  }
  static std::vector<double> Factors() {
    std::vector<double> factors(kRows);
    for (size_t i = 0; i < factors.size(); ++i) factors[i] = 1.0 / static_cast<double>(i + 3);
    return factors;
  }

  const TempDir dir_;
  std::shared_ptr<const InputFile> source_;
};

TEST_F(SharedWork, GivesTheBytesInTheirOrder) {
  for (const size_t lead : {0, 1, 3, 4096}) {
    const Tensor span = InFile(lead);
    const std::vector<Tensor> tensors = {
        span, *Tensor::Scaled(span, 0, Factors()), *Tensor::Scaled(span, 0, Factors(), DType::kDouble),
        *Tensor::Scaled(span, 0, Factors(), DType::kFloat16)};
    StringSink expected;
    for (const Tensor& tensor : tensors) {
      ASSERT_TRUE(expected.Append(std::string(lead, 'l')).ok());
      ASSERT_TRUE(expected.AppendTensor(tensor).ok());
    }
    const uint64_t length = static_cast<uint64_t>(span.num_bytes());
    ASSERT_TRUE(expected.AppendSpan(source_, lead, length).ok());
    ASSERT_TRUE(expected.Append("end").ok());
    ASSERT_GT(expected.bytes().size(), size_t{8} << 20);
    const auto file = OutputFile::Create(dir_.File("t"), expected.bytes().size());
    ASSERT_TRUE(file.ok()) << file.status();
    for (const Tensor& tensor : tensors) {
      ASSERT_TRUE((*file)->Append(std::string(lead, 'l')).ok());
      ASSERT_TRUE((*file)->AppendTensor(tensor).ok());
    }
    ASSERT_TRUE((*file)->AppendSpan(source_, lead, length).ok());
    ASSERT_TRUE((*file)->Append("end").ok());
    ASSERT_TRUE((*file)->Finish(false).ok());
    ASSERT_TRUE((*file)->Commit(false).ok());
    EXPECT_TRUE(ReadAll(dir_.File("t")) == expected.bytes()) << lead;
  }
}

TEST_F(SharedWork, SpansAtTheSamePlaceWithinABlockAreCopiedAsTheyAre) {
  const Tensor span = InFile(4096 + 100);
  const uint64_t length = static_cast<uint64_t>(span.num_bytes());
  const auto file = OutputFile::Create(dir_.File("t"), 100 + length + 3);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append(std::string(100, 'l')).ok());
  ASSERT_TRUE((*file)->AppendSpan(source_, 4096 + 100, length).ok());
  ASSERT_TRUE((*file)->Append("end").ok());
  ASSERT_TRUE((*file)->Finish(false).ok());
  ASSERT_TRUE((*file)->Commit(false).ok());
  EXPECT_TRUE(ReadAll(dir_.File("t")) ==
              std::string(100, 'l') + ReadAll(dir_.File("weights")).substr(4096 + 100) + "end");
}

TEST_F(SharedWork, ATapSeesEveryByteInOrder) {
  for (const size_t lead : {0, 1, 4096}) {
    const Tensor span = InFile(lead);
    const uint64_t length = static_cast<uint64_t>(span.num_bytes());
    const Tensor scaled = *Tensor::Scaled(span, 0, Factors());
    const Tensor owned = *Tensor::Uniform(DType::kFloat, {3000}, "abcd")->Load();
    const uint64_t size = lead + 3 * length + static_cast<uint64_t>(owned.num_bytes()) + 3;
    std::string seen;
    const auto file = OutputFile::Create(dir_.File("t"), size, [&](absl::string_view bytes) {
      seen.append(bytes.data(), bytes.size());
      return absl::OkStatus();
    });
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append(std::string(lead, 'l')).ok());
    ASSERT_TRUE((*file)->AppendSpan(source_, lead, length).ok());
    ASSERT_TRUE((*file)->AppendTensor(scaled).ok());
    ASSERT_TRUE((*file)->AppendTensor(owned).ok());
    ASSERT_TRUE((*file)->AppendTensor(span).ok());
    ASSERT_TRUE((*file)->Append("end").ok());
    ASSERT_TRUE((*file)->Finish(false).ok());
    ASSERT_TRUE((*file)->Commit(false).ok());
    EXPECT_EQ(seen.size(), size);
    EXPECT_TRUE(ReadAll(dir_.File("t")) == seen) << lead;
  }
}

TEST_F(SharedWork, ATapMayEndTheWriting) {
  const Tensor span = InFile(0);
  {
    uint64_t seen = 0;
    const auto file = OutputFile::Create(
        dir_.File("t"), static_cast<uint64_t>(span.num_bytes()), [&](absl::string_view bytes) {
          seen += bytes.size();
          return seen < (1 << 20) ? absl::OkStatus() : absl::CancelledError("enough");
        });
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->AppendTensor(span).message(), "enough");
    EXPECT_EQ(seen, 1u << 20);
  }
  EXPECT_THAT(dir_.Names(), ::testing::ElementsAre("weights"));
}

TEST_F(SharedWork, AProductThatIsNotFiniteInAnyPieceIsAnError) {
  const Tensor span = InFile(0);
  for (const size_t row : {size_t{0}, size_t{700}, Factors().size() - 1}) {
    std::vector<double> factors = Factors();
    factors[row] = 1e300;
    const Tensor scaled = *Tensor::Scaled(span, 0, factors);
    {
      const auto file = OutputFile::Create(dir_.File("t"), static_cast<uint64_t>(span.num_bytes()));
      ASSERT_TRUE(file.ok()) << file.status();
      absl::Status status = (*file)->AppendTensor(scaled);
      if (status.ok()) status = (*file)->Finish(false);
      EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
    }
    EXPECT_THAT(dir_.Names(), ::testing::ElementsAre("weights"));
  }
}

}  // namespace
}  // namespace dsperse
