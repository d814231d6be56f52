// The wire format of protocol buffers, and which messages of ONNX can hold tensors.
//
// Everything here works on untrusted bytes: a length is compared with what is there before it is used.
#ifndef DSPERSE_FOLD_IR_WIRE_H_
#define DSPERSE_FOLD_IR_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace dsperse {

enum WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,  // a length, then that many bytes
  kGroupStart = 3,
  kGroupEnd = 4,
  kFixed32 = 5,
};

inline constexpr int kMaxVarintBytes = 10;

constexpr uint64_t MakeTag(uint32_t field, WireType type) {
  return uint64_t{field} << 3 | static_cast<uint64_t>(type);
}

// Reads a varint at `*p`, moving it behind. False when it does not end before `end` or has more than
// 64 bits.
inline bool ReadVarint(const char** p, const char* end, uint64_t* value) {
  uint64_t result = 0;
  for (int shift = 0; shift < 70 && *p < end; shift += 7) {
    const uint64_t byte = static_cast<uint8_t>(*(*p)++);
    if (shift == 63 && byte > 1) return false;
    result |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return true;
    }
  }
  return false;
}

void AppendVarint(uint64_t value, std::string* out);
int VarintSize(uint64_t value);
// A varint that takes `size` bytes even if fewer would do: room for a length that is known later.
void WritePaddedVarint(uint64_t value, size_t size, char* out);

// One field of a message.
struct WireField {
  uint32_t number = 0;
  WireType type = kVarint;
  uint64_t value = 0;  // of a varint; of kBytes: their number
  // Offsets in the message.
  size_t begin = 0;    // of the tag
  size_t tag_end = 0;  // first byte behind the tag
  size_t body = 0;     // kBytes: their first; else as tag_end
  size_t end = 0;      // first byte behind the field
};

// The fields of a message in memory, in the order of the file.
//   WireReader reader(bytes);
//   while (reader.Next(&field)) …
//   if (!reader.ok()) …
class WireReader {
 public:
  explicit WireReader(absl::string_view message) : message_(message) {}
  // False at the end, or when what follows is no field.
  bool Next(WireField* field) { return NextShort(field) || NextAny(field); }
  bool ok() const { return ok_; }
  size_t position() const { return position_; }

 private:
  // Nearly all fields: bytes or a varint, where the tag and what follows it (length, value) take a byte each.
  bool NextShort(WireField* field) {
    const size_t left = message_.size() - position_;
    if (left < 2 || !ok_) return false;
    const uint8_t tag = static_cast<uint8_t>(message_[position_]);
    const uint8_t value = static_cast<uint8_t>(message_[position_ + 1]);
    const bool bytes = (tag & 7) == kBytes;
    if (tag < 8 || ((tag | value) & 0x80) != 0 || !(bytes || (tag & 7) == kVarint)) return false;
    if (bytes && value > left - 2) return false;
    field->number = tag >> 3;
    field->type = bytes ? kBytes : kVarint;
    field->value = value;
    field->begin = position_;
    field->tag_end = position_ + 1;
    field->body = position_ + (bytes ? 2 : 1);
    field->end = position_ += 2 + (bytes ? value : 0);
    return true;
  }
  bool NextAny(WireField* field);

  absl::string_view message_;
  size_t position_ = 0;
  bool ok_ = true;
};

// The messages on the way from a model to its tensors.
enum class MessageKind : uint8_t {
  kOther,  // holds no tensor
  kModel,
  kTrainingInfo,
  kFunction,
  kGraph,
  kNode,
  kAttribute,
  kSparseTensor,
  kTensor,
};

// The kind of the submessage in field `number` of a `parent`.
MessageKind ChildKind(MessageKind parent, uint32_t number);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_WIRE_H_
