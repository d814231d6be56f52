#include "bench/models/write_model.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "bench/models/parameter_values.h"
#include "bench/models/wire.h"

namespace dsperse::models {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr int64_t kIrVersion = 8;
constexpr int64_t kOpset = 17;
constexpr uint64_t kMaxFileBytes = (uint64_t{1} << 31) - 1;
constexpr size_t kBufferBytes = size_t{1} << 20;

// Numbers of AttributeProto.AttributeType.
constexpr int64_t kAttributeFloat = 1;
constexpr int64_t kAttributeInt = 2;
constexpr int64_t kAttributeTensor = 4;
constexpr int64_t kAttributeInts = 7;

// Field numbers below are those of onnx.proto.

Message EncodeTensor(const Parameter& parameter, bool with_name) {
  Message tensor;
  for (const int64_t dim : parameter.dims) tensor.AddVarint(1, dim);
  tensor.AddVarint(2, static_cast<int64_t>(parameter.type));
  if (with_name) tensor.AddBytes(8, parameter.name);
  tensor.AddPayload(9, parameter);
  return tensor;
}

Message EncodeAttribute(absl::string_view name, const AttributeValue& value) {
  Message attribute;
  attribute.AddBytes(1, name);
  int64_t type = kAttributeInts;
  if (const float* f = std::get_if<float>(&value)) {
    attribute.AddFloat(2, *f);
    type = kAttributeFloat;
  } else if (const int64_t* i = std::get_if<int64_t>(&value)) {
    attribute.AddVarint(3, *i);
    type = kAttributeInt;
  } else {
    for (const int64_t element : std::get<std::vector<int64_t>>(value)) {
      attribute.AddVarint(8, element);
    }
  }
  attribute.AddVarint(20, type);
  return attribute;
}

Message EncodeNode(const Node& node) {
  Message message;
  for (const std::string& input : node.inputs) message.AddBytes(1, input);
  for (const std::string& output : node.outputs) message.AddBytes(2, output);
  message.AddBytes(3, node.name);
  message.AddBytes(4, node.op_type);
  for (const auto& [name, value] : node.attributes) {
    message.AddMessage(5, EncodeAttribute(name, value));
  }
  return message;
}

Message EncodeConstantNode(const Parameter& parameter) {
  Message attribute;
  attribute.AddBytes(1, "value");
  attribute.AddMessage(5, EncodeTensor(parameter, /*with_name=*/false));
  attribute.AddVarint(20, kAttributeTensor);
  Message node;
  node.AddBytes(2, parameter.name);
  node.AddBytes(3, absl::StrCat(parameter.name, "/Constant"));
  node.AddBytes(4, "Constant");
  node.AddMessage(5, attribute);
  return node;
}

Message EncodeInterface(const Interface& value) {
  Message shape;
  for (const int64_t dim : value.dims) {
    Message dimension;
    dimension.AddVarint(1, dim);
    shape.AddMessage(1, dimension);
  }
  Message tensor;
  tensor.AddVarint(1, static_cast<int64_t>(ElementType::kFloat));
  tensor.AddMessage(2, shape);
  Message type;
  type.AddMessage(1, tensor);
  Message info;
  info.AddBytes(1, value.name);
  info.AddMessage(2, type);
  return info;
}

Message EncodeGraph(const ModelSpec& model) {
  Message graph;
  absl::flat_hash_map<absl::string_view, const Parameter*> pending;
  if (model.constant_nodes) {
    for (const Parameter& parameter : model.parameters) pending[parameter.name] = &parameter;
  }
  for (const Node& node : model.nodes) {
    for (const std::string& input : node.inputs) {
      const auto it = pending.find(input);
      if (it == pending.end()) continue;
      graph.AddMessage(1, EncodeConstantNode(*it->second));
      pending.erase(it);
    }
    graph.AddMessage(1, EncodeNode(node));
  }
  graph.AddBytes(2, model.name);
  if (!model.constant_nodes) {
    for (const Parameter& parameter : model.parameters) {
      graph.AddMessage(5, EncodeTensor(parameter, /*with_name=*/true));
    }
  }
  graph.AddMessage(11, EncodeInterface(model.input));
  graph.AddMessage(12, EncodeInterface(model.output));
  return graph;
}

absl::StatusOr<Message> EncodeModel(const ModelSpec& spec) {
  Message opset;
  opset.AddVarint(2, kOpset);
  Message model;
  model.AddVarint(1, kIrVersion);
  model.AddBytes(2, "dsperse-slice");
  model.AddMessage(7, EncodeGraph(spec));
  model.AddMessage(8, opset);
  if (model.size() > kMaxFileBytes) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("%s: the file would have %d bytes, a protobuf message can have %d",
                        spec.name, model.size(), kMaxFileBytes));
  }
  return model;
}

// Feeds the serialised message to `sink`, an absl::Status(absl::string_view), in pieces.
template <typename Sink>
absl::Status Emit(const Message& message, uint64_t seed, Sink sink) {
  const absl::string_view bytes = message.bytes();
  std::vector<float> piece;
  uint64_t done = 0;
  for (const Message::Hole& hole : message.holes()) {
    if (auto status = sink(bytes.substr(done, hole.offset - done)); !status.ok()) return status;
    done = hole.offset;
    if (const auto* literal = std::get_if<std::string>(&hole.parameter->values)) {
      if (auto status = sink(*literal); !status.ok()) return status;
      continue;
    }
    const ParameterValues values(*hole.parameter, seed);
    const int64_t count = ElementCount(*hole.parameter);
    constexpr int64_t kPiece = 16384;
    for (int64_t first = 0; first < count; first += kPiece) {
      piece.resize(static_cast<size_t>(std::min(kPiece, count - first)));
      values.Generate(first, absl::MakeSpan(piece));
      const absl::string_view raw(reinterpret_cast<const char*>(piece.data()), piece.size() * 4);
      if (auto status = sink(raw); !status.ok()) return status;
    }
  }
  return sink(bytes.substr(done));
}

// A file beside the target that is removed unless it is committed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target)
      : target_(target), path_(absl::StrCat(target, ".XXXXXX")) {
    buffer_.reserve(kBufferBytes);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(path_.c_str());
  }

  absl::Status Open() {
    struct stat info;
    if (::stat(target_.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(target_, ": not a regular file"));
    }
    descriptor_ = ::mkstemp(path_.data());
    if (descriptor_ < 0) return Error();
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(descriptor_, 0666 & ~mask) != 0) return Error();
    return absl::OkStatus();
  }

  absl::Status Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      const size_t piece = std::min(bytes.size(), kBufferBytes - buffer_.size());
      buffer_.append(bytes.data(), piece);
      bytes.remove_prefix(piece);
      if (buffer_.size() == kBufferBytes) {
        if (auto status = Flush(); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Commit() {
    if (auto status = Flush(); !status.ok()) return status;
    if (::rename(path_.c_str(), target_.c_str()) != 0) return Error();
    // From here on there is nothing to remove; a failing close still is the caller's business.
    return ::close(std::exchange(descriptor_, -1)) == 0 ? absl::OkStatus() : Error();
  }

 private:
  absl::Status Flush() {
    size_t done = 0;
    while (done < buffer_.size()) {
      const ssize_t count = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Error();
      done += static_cast<size_t>(count);
    }
    buffer_.clear();
    return absl::OkStatus();
  }

  absl::Status Error() const { return absl::ErrnoToStatus(errno, target_); }

  std::string target_;
  std::string path_;
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace

absl::StatusOr<std::string> SerializeModel(const ModelSpec& spec) {
  absl::StatusOr<Message> message = EncodeModel(spec);
  if (!message.ok()) return message.status();
  std::string bytes;
  bytes.reserve(message->size());
  const auto append = [&bytes](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  };
  if (auto status = Emit(*message, spec.seed, append); !status.ok()) return status;
  return bytes;
}

absl::Status WriteModel(const ModelSpec& spec, const std::string& path) {
  absl::StatusOr<Message> message = EncodeModel(spec);
  if (!message.ok()) return message.status();
  TemporaryFile file(path);
  if (auto status = file.Open(); !status.ok()) return status;
  const auto write = [&file](absl::string_view piece) { return file.Write(piece); };
  if (auto status = Emit(*message, spec.seed, write); !status.ok()) return status;
  return file.Commit();
}

}  // namespace dsperse::models
