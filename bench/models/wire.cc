#include "bench/models/wire.h"

#include <bit>

#include "bench/models/parameter_values.h"

namespace dsperse::models {
namespace {

constexpr uint64_t kVarint = 0;
constexpr uint64_t kLengthDelimited = 2;
constexpr uint64_t kFixed32 = 5;

uint64_t Tag(int field, uint64_t wire_type) {
  return static_cast<uint64_t>(field) << 3 | wire_type;
}

}  // namespace

void Message::AppendVarint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
  bytes_.push_back(static_cast<char>(value));
}

void Message::AppendHeader(int field, uint64_t length) {
  AppendVarint(Tag(field, kLengthDelimited));
  AppendVarint(length);
}

void Message::AddVarint(int field, int64_t value) {
  AppendVarint(Tag(field, kVarint));
  AppendVarint(static_cast<uint64_t>(value));
}

void Message::AddFloat(int field, float value) {
  AppendVarint(Tag(field, kFixed32));
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<char>(bits >> shift));
}

void Message::AddBytes(int field, absl::string_view value) {
  AppendHeader(field, value.size());
  bytes_.append(value.data(), value.size());
}

void Message::AddMessage(int field, const Message& value) {
  AppendHeader(field, value.size());
  for (const Hole& hole : value.holes_) {
    holes_.push_back({bytes_.size() + hole.offset, hole.parameter});
  }
  bytes_ += value.bytes_;
  payload_bytes_ += value.payload_bytes_;
}

void Message::AddPayload(int field, const Parameter& parameter) {
  const auto size = static_cast<uint64_t>(ByteSize(parameter));
  AppendHeader(field, size);
  holes_.push_back({bytes_.size(), &parameter});
  payload_bytes_ += size;
}

}  // namespace dsperse::models
