#include "fold/ir/wire.h"

namespace dsperse {

void AppendVarint(uint64_t value, std::string* out) {
  char bytes[kMaxVarintBytes];
  size_t size = 0;
  while (value >= 0x80) {
    bytes[size++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  bytes[size++] = static_cast<char>(value);
  out->append(bytes, size);
}

int VarintSize(uint64_t value) {
  int size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

void WritePaddedVarint(uint64_t value, size_t size, char* out) {
  for (size_t i = 0; i + 1 < size; ++i) {
    out[i] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out[size - 1] = static_cast<char>(value & 0x7f);
}

bool WireReader::NextAny(WireField* field) {
  if (!ok_ || position_ == message_.size()) return false;
  ok_ = false;
  const char* const base = message_.data();
  const char* const end = base + message_.size();
  const char* p = base + position_;
  uint64_t tag = 0;
  if (!ReadVarint(&p, end, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) return false;
  field->begin = position_;
  field->number = static_cast<uint32_t>(tag >> 3);
  field->type = static_cast<WireType>(tag & 7);
  field->value = 0;
  field->body = field->tag_end = static_cast<size_t>(p - base);
  const size_t left = static_cast<size_t>(end - p);
  switch (field->type) {
    case kVarint:
      if (!ReadVarint(&p, end, &field->value)) return false;
      break;
    case kFixed64:
      if (left < 8) return false;
      p += 8;
      break;
    case kFixed32:
      if (left < 4) return false;
      p += 4;
      break;
    case kBytes:
      if (!ReadVarint(&p, end, &field->value)) return false;
      if (field->value > static_cast<uint64_t>(end - p)) return false;
      field->body = static_cast<size_t>(p - base);
      p += field->value;
      break;
    case kGroupStart:
    case kGroupEnd:
      break;
    default:
      return false;
  }
  field->end = position_ = static_cast<size_t>(p - base);
  ok_ = true;
  return true;
}

MessageKind ChildKind(MessageKind parent, uint32_t number) {
  switch (parent) {
    case MessageKind::kModel:
      if (number == 7) return MessageKind::kGraph;
      if (number == 20) return MessageKind::kTrainingInfo;
      if (number == 25) return MessageKind::kFunction;
      break;
    case MessageKind::kTrainingInfo:
      if (number == 1 || number == 2) return MessageKind::kGraph;
      break;
    case MessageKind::kFunction:
      if (number == 7) return MessageKind::kNode;
      if (number == 11) return MessageKind::kAttribute;
      break;
    case MessageKind::kGraph:
      if (number == 1) return MessageKind::kNode;
      if (number == 5) return MessageKind::kTensor;
      if (number == 15) return MessageKind::kSparseTensor;
      break;
    case MessageKind::kNode:
      if (number == 5) return MessageKind::kAttribute;
      break;
    case MessageKind::kAttribute:
      if (number == 5 || number == 10) return MessageKind::kTensor;
      if (number == 6 || number == 11) return MessageKind::kGraph;
      if (number == 22 || number == 23) return MessageKind::kSparseTensor;
      break;
    case MessageKind::kSparseTensor:
      if (number == 1 || number == 2) return MessageKind::kTensor;
      break;
    case MessageKind::kTensor:
    case MessageKind::kOther:
      break;
  }
  return MessageKind::kOther;
}

}  // namespace dsperse
