#include "fold/ir/skeleton.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/dtype.h"
#include "fold/ir/layout.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/wire.h"

namespace dsperse {
namespace {

constexpr size_t kMaxWindow = size_t{1} << 20;
constexpr size_t kFirstRead = size_t{1} << 16;
constexpr size_t kReadAfterPayload = 4096;  // the next payload may follow closely

// Field and wire type as ModelProto declares them?
bool IsModelField(uint64_t tag) {
  switch (tag) {
    case MakeTag(1, kVarint):
    case MakeTag(5, kVarint):
    case MakeTag(2, kBytes):
    case MakeTag(3, kBytes):
    case MakeTag(4, kBytes):
    case MakeTag(6, kBytes):
    case MakeTag(7, kBytes):
    case MakeTag(8, kBytes):
    case MakeTag(14, kBytes):
    case MakeTag(20, kBytes):
    case MakeTag(25, kBytes):
    case MakeTag(26, kBytes):
      return true;
    default:
      return false;
  }
}

// Do the bytes of field `number` equal the canonical form of a tensor of `type`?
bool IsPayload(uint32_t number, uint64_t type) {
  switch (number) {
    case 9:
      return true;
    case 4:
      return type == static_cast<uint64_t>(DType::kFloat) ||
             type == static_cast<uint64_t>(DType::kComplex64);
    case 10:
      return type == static_cast<uint64_t>(DType::kDouble) ||
             type == static_cast<uint64_t>(DType::kComplex128);
    default:
      return false;
  }
}

class Reader {
 public:
  Reader(const std::shared_ptr<const ByteSource>& source, uint64_t size, uint64_t max_bytes,
         std::string* out, PayloadTable* payloads)
      : source_(source),
        size_(size),
        max_bytes_(max_bytes),
        out_(out),
        payloads_(payloads),
        capacity_(static_cast<size_t>(std::min<uint64_t>(size, kMaxWindow))),
        window_(new char[capacity_]) {}

  absl::Status Run();
  int64_t tokens() const { return tokens_; }

 private:
  // A message that is being walked.
  struct Frame {
    MessageKind kind;
    uint64_t end;
    size_t length_at;      // of its length in the skeleton
    size_t length_size;    // bytes of that length, as in the file: what is left is never longer
    int groups = 0;  // open groups
    uint64_t data_type = 0;
    bool has_payload = false;
  };

  uint64_t position() const { return window_at_ + cursor_; }
  size_t available() const { return filled_ - cursor_; }

  // Copies what was passed since the last flush.
  absl::Status Flush(size_t until);
  // Makes at least one more byte available (`available()` grows); at the end of the file it is an error.
  absl::Status Fill();
  // Has the next bytes of a field's head in the window.
  absl::Status FillHead();
  absl::Status PassAndCopy(uint64_t length);
  void Skip(uint64_t length);
  absl::Status Field();
  absl::Status BytesField(uint32_t number, uint64_t length, size_t tag_end, size_t body);
  absl::Status Close();
  absl::Status Malformed() const;

  const std::shared_ptr<const ByteSource>& source_;
  const uint64_t size_;
  const uint64_t max_bytes_;
  std::string* const out_;
  PayloadTable* const payloads_;
  const size_t capacity_;
  const std::unique_ptr<char[]> window_;
  uint64_t window_at_ = 0;  // file offset of the window
  size_t filled_ = 0;
  size_t cursor_ = 0;
  size_t pending_ = 0;  // start of what is passed and not yet copied
  size_t next_read_ = kFirstRead;
  std::vector<Frame> stack_;
  bool plausible_ = true;  // all fields of the model so far are ONNX's
  int64_t tokens_ = 0;
};

absl::Status Reader::Flush(size_t until) {
  const size_t n = until - pending_;
  if (out_->size() + n > max_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(source_->name(), ": more than ", max_bytes_,
                     " bytes besides the weights, which is all that the memory limit allows"));
  }
  out_->append(window_.get() + pending_, n);
  pending_ = until;
  return absl::OkStatus();
}

absl::Status Reader::Fill() {
  DSPERSE_RETURN_IF_ERROR(Flush(cursor_));
  const size_t rest = available();
  std::memmove(window_.get(), window_.get() + cursor_, rest);
  window_at_ += cursor_;
  cursor_ = pending_ = 0;
  filled_ = rest;
  const uint64_t at = window_at_ + filled_;
  const size_t n = static_cast<size_t>(
      std::min<uint64_t>({next_read_, capacity_ - filled_, size_ - at}));
  DSPERSE_RETURN_IF_ERROR(source_->Read(at, absl::MakeSpan(window_.get() + filled_, n)));
  filled_ += n;
  next_read_ = std::min(next_read_ * 2, kMaxWindow);
  return absl::OkStatus();
}

absl::Status Reader::FillHead() {
  while (available() < 2 * kMaxVarintBytes && window_at_ + filled_ < size_) {
    DSPERSE_RETURN_IF_ERROR(Fill());
  }
  return absl::OkStatus();
}

absl::Status Reader::PassAndCopy(uint64_t length) {
  while (length > available()) {
    length -= available();
    cursor_ = filled_;
    DSPERSE_RETURN_IF_ERROR(Fill());
  }
  cursor_ += static_cast<size_t>(length);
  return absl::OkStatus();
}

// Requires that everything before the cursor is flushed.
void Reader::Skip(uint64_t length) {
  if (length <= available()) {
    cursor_ += static_cast<size_t>(length);
  } else {
    if (length - available() > kFirstRead) next_read_ = kReadAfterPayload;
    window_at_ = position() + length;
    filled_ = cursor_ = 0;
  }
  pending_ = cursor_;
}

absl::Status Reader::Malformed() const {
  if (stack_.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(source_->name(), ": malformed protocol buffer near byte ", position()));
  }
  if (plausible_ && position() > 0) {
    return absl::DataLossError(
        absl::StrCat(source_->name(), ": truncated at ", size_, " bytes"));
  }
  return absl::InvalidArgumentError(absl::StrCat(source_->name(), ": not an ONNX model"));
}

absl::Status Reader::Close() {
  DSPERSE_RETURN_IF_ERROR(Flush(cursor_));
  const size_t at = stack_.back().length_at;
  const size_t size = stack_.back().length_size;
  WritePaddedVarint(out_->size() - at - size, size, out_->data() + at);
  stack_.pop_back();
  return absl::OkStatus();
}

absl::Status Reader::BytesField(uint32_t number, uint64_t length, size_t tag_end, size_t body) {
  Frame& frame = stack_.back();
  const uint64_t end = window_at_ + body + length;
  if (length >= kMinPayload && frame.groups == 0) {
    const MessageKind child = ChildKind(frame.kind, number);
    if (child != MessageKind::kOther) {
      if (stack_.size() > kMaxNesting) {
        return absl::ResourceExhaustedError(absl::StrCat(source_->name(), ": nesting too deep: more than ",
                                                         kMaxNesting, " messages inside each other"));
      }
      DSPERSE_RETURN_IF_ERROR(Flush(tag_end));
      stack_.push_back({child, end, out_->size(), body - tag_end});
      out_->append(body - tag_end, '\0');
      cursor_ = pending_ = body;
      return absl::OkStatus();
    }
    if (frame.kind == MessageKind::kTensor && IsPayload(number, frame.data_type)) {
      if (frame.has_payload) {
        return absl::InvalidArgumentError(absl::StrCat(source_->name(), ": tensor near byte ", position(),
                                                       " has more than one payload"));
      }
      frame.has_payload = true;
      DSPERSE_RETURN_IF_ERROR(Flush(cursor_));
      AppendVarint(MakeTag(kPayloadField, kVarint), out_);
      Payload payload;
      payload.source = source_;
      payload.offset = window_at_ + body;
      payload.length = length;
      AppendVarint(static_cast<uint64_t>(payloads_->Add(std::move(payload))), out_);
      ++tokens_;
      cursor_ = body;
      Skip(length);
      return absl::OkStatus();
    }
  }
  cursor_ = body;
  return PassAndCopy(length);
}

absl::Status Reader::Field() {
  DSPERSE_RETURN_IF_ERROR(FillHead());
  Frame& frame = stack_.back();
  const char* const base = window_.get();
  const char* p = base + cursor_;
  const char* const end =
      p + std::min<uint64_t>(available(), frame.end - position());
  uint64_t tag = 0;
  if (!ReadVarint(&p, end, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) return Malformed();
  const uint32_t number = static_cast<uint32_t>(tag >> 3);
  const size_t tag_end = static_cast<size_t>(p - base);
  if (frame.kind == MessageKind::kModel && !IsModelField(tag)) plausible_ = false;
  if (number == kPayloadField) {
    return absl::InvalidArgumentError(absl::StrCat(source_->name(), ": field number ",
                                                   kPayloadField, " is reserved"));
  }
  uint64_t value = 0;
  switch (tag & 7) {
    case kVarint:
      if (!ReadVarint(&p, end, &value)) return Malformed();
      if (number == 2) frame.data_type = value;
      break;
    case kFixed64:
      if (end - p < 8) return Malformed();
      p += 8;
      break;
    case kFixed32:
      if (end - p < 4) return Malformed();
      p += 4;
      break;
    case kGroupStart:
      ++frame.groups;
      break;
    case kGroupEnd:
      if (--frame.groups < 0) return Malformed();
      break;
    case kBytes: {
      if (!ReadVarint(&p, end, &value)) return Malformed();
      const size_t body = static_cast<size_t>(p - base);
      if (value > frame.end - (window_at_ + body)) {
        if (stack_.size() == 1 && plausible_) {
          return absl::DataLossError(absl::StrCat(
              source_->name(), ": truncated: ", value, " bytes should follow byte ",
              window_at_ + body, ", the file has ", size_ - (window_at_ + body)));
        }
        return Malformed();
      }
      return BytesField(number, value, tag_end, body);
    }
    default:
      return Malformed();
  }
  cursor_ = static_cast<size_t>(p - base);
  return absl::OkStatus();
}

absl::Status Reader::Run() {
  if (size_ == 0) {
    return absl::DataLossError(absl::StrCat(source_->name(), ": empty file"));
  }
  out_->reserve(static_cast<size_t>(std::min<uint64_t>({size_, max_bytes_, uint64_t{1} << 24})));
  stack_.push_back({MessageKind::kModel, size_, 0, 0});
  while (true) {
    const Frame& frame = stack_.back();
    if (position() < frame.end) {
      DSPERSE_RETURN_IF_ERROR(Field());
    } else if (frame.groups != 0) {
      return Malformed();
    } else if (stack_.size() > 1) {
      DSPERSE_RETURN_IF_ERROR(Close());
    } else {
      return Flush(cursor_);
    }
  }
}

}  // namespace

absl::Status ReadSkeleton(const std::shared_ptr<const ByteSource>& source, uint64_t size,
                          uint64_t max_bytes, std::string* skeleton, PayloadTable* payloads) {
  // The protobuf library takes no more than 2^31 − 1 bytes.
  max_bytes = std::min<uint64_t>(max_bytes, INT32_MAX);
  Reader reader(source, size, max_bytes, skeleton, payloads);
  DSPERSE_RETURN_IF_ERROR(reader.Run());
  // Tokens that this function has not written can only hide in messages that it copied whole.
  if (HasMoreTokens(*skeleton, reader.tokens())) {
    return absl::InvalidArgumentError(absl::StrCat(source->name(), ": field number ",
                                                   kPayloadField, " is reserved"));
  }
  return absl::OkStatus();
}

}  // namespace dsperse
