#include "fold/ir/layout.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ir/wire.h"

namespace dsperse {
namespace {

constexpr uint64_t kAlignment = 64;

uint64_t Aligned(uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

// Where the bytes of a token's tag are. Most messages have none and need no look inside; the few places
// where other data happens to hold these bytes do no harm.
std::vector<size_t> FindTokenTags(absl::string_view skeleton) {
  std::string tag;
  AppendVarint(MakeTag(kPayloadField, kVarint), &tag);
  std::vector<size_t> places;
  if (skeleton.size() < tag.size()) return places;
  // Every second byte of a tag that there may be: memchr looks at many at a time, and names have no such byte.
  const char* p = skeleton.data() + 1;
  const char* const end = skeleton.data() + skeleton.size() - (tag.size() - 2);
  while (p < end) {
    p = static_cast<const char*>(std::memchr(p, tag[1], static_cast<size_t>(end - p)));
    if (p == nullptr) break;
    if (std::memcmp(p - 1, tag.data(), tag.size()) == 0) {
      places.push_back(static_cast<size_t>(p - 1 - skeleton.data()));
      p += tag.size();
    } else {
      ++p;
    }
  }
  return places;
}

// The field of a token in its tensor.
struct Token {
  size_t begin = 0;
  size_t end = 0;
  uint64_t value = 0;
};

void AppendEntry(absl::string_view key, absl::string_view value, std::string* out) {
  std::string entry;
  AppendVarint(MakeTag(1, kBytes), &entry);
  AppendVarint(key.size(), &entry);
  absl::StrAppend(&entry, key);
  AppendVarint(MakeTag(2, kBytes), &entry);
  AppendVarint(value.size(), &entry);
  absl::StrAppend(&entry, value);
  AppendVarint(MakeTag(13, kBytes), out);  // TensorProto.external_data
  AppendVarint(entry.size(), out);
  out->append(entry);
}

absl::Status Append(const Payload& payload, ByteSink* sink) {
  if (payload.tensor != nullptr) return sink->AppendTensor(*payload.tensor);
  return sink->AppendSpan(payload.source, payload.offset, payload.length);
}

// Every file that the payloads lie in.
std::vector<std::unique_ptr<InputFile::SmallReads>> ReadAhead(const PayloadTable& payloads) {
  std::vector<std::unique_ptr<InputFile::SmallReads>> guards;
  absl::flat_hash_set<const ByteSource*> seen;
  for (int64_t i = 0; i < payloads.size(); ++i) {
    const std::shared_ptr<const ByteSource>& source = payloads.at(i).source;
    if (source == nullptr || !seen.insert(source.get()).second) continue;
    if (auto file = std::dynamic_pointer_cast<const InputFile>(source)) {
      guards.push_back(std::make_unique<InputFile::SmallReads>(std::move(file)));
    }
  }
  return guards;
}

}  // namespace

// Walks the messages that contain tokens, outer before inner. A message's new length is known when its
// last field has been seen, so its splice is made first and filled in then.
class LayoutBuilder {
 public:
  LayoutBuilder(absl::string_view skeleton, absl::string_view location, FileLayout* layout)
      : skeleton_(skeleton), location_(location), layout_(layout), tags_(FindTokenTags(skeleton)) {}

  absl::Status Run();
  int64_t tokens() const { return tokens_; }
  int64_t tags() const { return static_cast<int64_t>(tags_.size()); }

 private:
  struct Frame {
    MessageKind kind;
    size_t begin;  // of its bytes
    WireReader reader;
    size_t splice;           // of its length
    uint64_t length;         // as it is
    uint64_t growth = 0;     // modulo 2^64: it may shrink
    int groups = 0;
  };

  bool HasTag(size_t begin, size_t end) {
    while (next_tag_ < tags_.size() && tags_[next_tag_] < begin) ++next_tag_;
    return next_tag_ < tags_.size() && tags_[next_tag_] < end;
  }
  void Enter(const Frame& frame, const WireField& field, MessageKind kind);
  void Leave();
  absl::Status TensorMessage(size_t begin, absl::string_view bytes, uint64_t* growth);
  absl::Status Insertion(uint64_t token, FileLayout::Splice* splice, uint64_t* growth);

  const absl::string_view skeleton_;
  const absl::string_view location_;  // empty: inline
  FileLayout* const layout_;          // null: only count
  const std::vector<size_t> tags_;
  size_t next_tag_ = 0;
  std::vector<Frame> stack_;
  std::vector<int64_t> data_offsets_;  // by token; −1: not placed yet
  int64_t tokens_ = 0;
};

absl::Status LayoutBuilder::Insertion(uint64_t token, FileLayout::Splice* splice,
                                      uint64_t* growth) {
  const PayloadTable& payloads = *layout_->payloads_;
  if (token >= static_cast<uint64_t>(payloads.size())) {
    return absl::InternalError(
        absl::StrCat("token ", token, " of ", payloads.size(), " payloads"));
  }
  const Payload& payload = payloads.at(static_cast<int64_t>(token));
  if (location_.empty()) {
    AppendVarint(MakeTag(9, kBytes), &splice->bytes);  // TensorProto.raw_data
    AppendVarint(payload.length, &splice->bytes);
    splice->payload = static_cast<int64_t>(token);
    *growth += splice->bytes.size() + payload.length;
    return absl::OkStatus();
  }
  data_offsets_.resize(static_cast<size_t>(payloads.size()), -1);
  int64_t& offset = data_offsets_[static_cast<size_t>(token)];
  if (offset < 0) {
    offset = static_cast<int64_t>(Aligned(layout_->data_bytes_));
    layout_->data_bytes_ = static_cast<uint64_t>(offset) + payload.length;
    layout_->data_payloads_.push_back(static_cast<int64_t>(token));
  }
  AppendEntry("location", location_, &splice->bytes);
  AppendEntry("offset", absl::StrCat(offset), &splice->bytes);
  AppendEntry("length", absl::StrCat(payload.length), &splice->bytes);
  AppendVarint(MakeTag(14, kVarint), &splice->bytes);  // TensorProto.data_location
  AppendVarint(1, &splice->bytes);                     // EXTERNAL
  *growth += splice->bytes.size();
  return absl::OkStatus();
}

// Finds the token and the place where what it stands for belongs in the order of fields.
absl::Status LayoutBuilder::TensorMessage(size_t begin, absl::string_view bytes,
                                          uint64_t* growth) {
  const uint32_t last_before = location_.empty() ? 9 : 12;
  WireReader reader(bytes);
  WireField field;
  Token token;
  size_t place = bytes.size();
  bool found = false;
  int groups = 0;
  while (reader.Next(&field)) {
    if (field.type == kGroupStart) ++groups;
    if (field.type == kGroupEnd) --groups;
    if (groups != 0) continue;
    if (field.number > last_before && place == bytes.size()) place = field.begin;
    if (field.number == kPayloadField && field.type == kVarint) {
      ++tokens_;
      if (found && layout_ != nullptr) return absl::InternalError("two tokens in one tensor");
      found = true;
      token = {field.begin, field.end, field.value};
    }
  }
  if (!found || layout_ == nullptr) return absl::OkStatus();

  FileLayout::Splice removal{begin + token.begin, begin + token.end, "", -1};
  *growth -= removal.to - removal.from;
  FileLayout::Splice insertion{begin + place, begin + place, "", -1};
  DSPERSE_RETURN_IF_ERROR(Insertion(token.value, &insertion, growth));
  if (token.begin < place) std::swap(removal, insertion);  // in order of their places
  layout_->splices_.push_back(std::move(insertion));
  layout_->splices_.push_back(std::move(removal));
  return absl::OkStatus();
}

void LayoutBuilder::Enter(const Frame& frame, const WireField& field, MessageKind kind) {
  const size_t begin = frame.begin + field.body;
  size_t splice = 0;
  if (layout_ != nullptr) {
    splice = layout_->splices_.size();
    layout_->splices_.push_back({frame.begin + field.tag_end, begin, "", -1});
  }
  stack_.push_back({kind, begin, WireReader(skeleton_.substr(begin, field.value)), splice,
                    field.value});
}

void LayoutBuilder::Leave() {
  const Frame frame = stack_.back();
  stack_.pop_back();
  if (layout_ == nullptr) return;
  uint64_t growth = frame.growth;
  if (!stack_.empty()) {
    FileLayout::Splice& splice = layout_->splices_[frame.splice];
    AppendVarint(frame.length + frame.growth, &splice.bytes);
    growth += splice.bytes.size() - (splice.to - splice.from);
    stack_.back().growth += growth;
  } else {
    layout_->model_bytes_ = frame.length + growth;
  }
}

absl::Status LayoutBuilder::Run() {
  stack_.push_back({MessageKind::kModel, 0, WireReader(skeleton_), 0, skeleton_.size()});
  while (!stack_.empty()) {
    Frame& frame = stack_.back();
    WireField field;
    if (!HasTag(frame.begin, frame.begin + frame.length) || frame.kind == MessageKind::kTensor) {
      if (frame.kind == MessageKind::kTensor) {
        DSPERSE_RETURN_IF_ERROR(TensorMessage(
            frame.begin, skeleton_.substr(frame.begin, frame.length), &frame.growth));
      }
      Leave();
      continue;
    }
    if (!frame.reader.Next(&field)) {
      if (!frame.reader.ok()) return absl::InternalError("malformed skeleton");
      Leave();
      continue;
    }
    if (field.type == kGroupStart) ++frame.groups;
    if (field.type == kGroupEnd) --frame.groups;
    if (field.type != kBytes || frame.groups != 0) continue;
    const MessageKind kind = ChildKind(frame.kind, field.number);
    if (kind == MessageKind::kOther ||
        !HasTag(frame.begin + field.body, frame.begin + field.end)) {
      continue;
    }
    Enter(frame, field, kind);
  }
  return absl::OkStatus();
}

bool HasMoreTokens(absl::string_view skeleton, int64_t count) {
  LayoutBuilder builder(skeleton, "", nullptr);
  // No more than there are tags: then their messages need no look.
  return builder.tags() > count && builder.Run().ok() && builder.tokens() > count;
}

absl::StatusOr<FileLayout> FileLayout::Inline(absl::string_view skeleton,
                                              const PayloadTable& payloads) {
  FileLayout layout(skeleton, payloads);
  DSPERSE_RETURN_IF_ERROR(LayoutBuilder(skeleton, "", &layout).Run());
  return layout;
}

absl::StatusOr<FileLayout> FileLayout::External(absl::string_view skeleton,
                                                const PayloadTable& payloads,
                                                absl::string_view location) {
  FileLayout layout(skeleton, payloads);
  DSPERSE_RETURN_IF_ERROR(LayoutBuilder(skeleton, location, &layout).Run());
  return layout;
}

absl::Status FileLayout::WriteModel(ByteSink* sink) const {
  const auto small_reads = ReadAhead(*payloads_);
  size_t position = 0;
  for (const Splice& splice : splices_) {
    DSPERSE_RETURN_IF_ERROR(sink->Append(skeleton_.substr(position, splice.from - position)));
    DSPERSE_RETURN_IF_ERROR(sink->Append(splice.bytes));
    if (splice.payload >= 0) DSPERSE_RETURN_IF_ERROR(Append(payloads_->at(splice.payload), sink));
    position = splice.to;
  }
  return sink->Append(skeleton_.substr(position));
}

absl::Status FileLayout::WriteData(ByteSink* sink) const {
  static constexpr char kZeros[kAlignment] = {};
  const auto small_reads = ReadAhead(*payloads_);
  uint64_t position = 0;
  for (const int64_t i : data_payloads_) {
    const uint64_t begin = Aligned(position);
    DSPERSE_RETURN_IF_ERROR(
        sink->Append(absl::string_view(kZeros, static_cast<size_t>(begin - position))));
    DSPERSE_RETURN_IF_ERROR(Append(payloads_->at(i), sink));
    position = begin + payloads_->at(i).length;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> InlineBytes(absl::string_view skeleton, const PayloadTable& payloads) {
  DSPERSE_ASSIGN_OR_RETURN(const FileLayout layout, FileLayout::Inline(skeleton, payloads));
  return layout.model_bytes();
}

}  // namespace dsperse
