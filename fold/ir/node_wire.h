// Nodes and their attributes as bytes of a serialised NodeProto, read in place.
//
// A model has tens of thousands of nodes, of which a command looks at few more closely than at
// operator and names. So the graph keeps their bytes and makes a NodeProto only for who asks for
// one.
//
// *Plain* bytes are what every common exporter writes: known fields of the right wire type, in
// ascending order, singular ones once, and only fields whose content can't be malformed (or is read
// elsewhere). What is not plain goes through the protobuf library once and is plain in what it
// means from then on: after that, anything but malformed bytes is accepted and unknown fields are
// passed over.
#ifndef DSPERSE_FOLD_IR_NODE_WIRE_H_
#define DSPERSE_FOLD_IR_NODE_WIRE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "fold/ir/wire.h"

namespace dsperse {

// Fields of NodeProto and AttributeProto.
inline constexpr uint32_t kNodeInput = 1;
inline constexpr uint32_t kNodeOutput = 2;
inline constexpr uint32_t kNodeAttribute = 5;
inline constexpr uint32_t kAttributeBody = 6;

// Walks the fields of a message that are not inside groups.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view message) : message_(message), reader_(message) {}
  bool Next(WireField* field) {
    while (reader_.Next(field)) {
      const bool group = field->type == kGroupStart || field->type == kGroupEnd;
      if (!group && groups_ == 0) return true;
      if (group) {
        groups_ += field->type == kGroupStart ? 1 : -1;
        saw_group_ = true;
      }
    }
    return false;
  }
  // No malformed field so far, no group left open at the end.
  bool ok() const { return reader_.ok() && groups_ == 0; }
  bool saw_group() const { return saw_group_; }
  // The content of a field of bytes.
  absl::string_view Body(const WireField& field) const {
    return message_.substr(field.body, static_cast<size_t>(field.value));
  }

 private:
  absl::string_view message_;
  WireReader reader_;
  int groups_ = 0;
  bool saw_group_ = false;
};

struct NodeFields {
  absl::string_view name;
  absl::string_view op_type;
  absl::string_view domain;
  std::vector<absl::string_view> inputs;
  std::vector<absl::string_view> outputs;
  std::vector<absl::string_view> attributes;
  bool plain_values = false;  // no attribute holds a tensor, a graph or a list of graphs
};

// Attributes that were found plain and without tensor or graph: most of a model's are equal to an earlier one,
// byte for byte, and need no second look. Points to the bytes of the nodes they were first seen in.
using PlainAttributes = absl::flat_hash_set<absl::string_view>;

// Splits the bytes of a node; what `fields` held before is gone. With `plain_only`, false unless
// the node and its attributes are plain; else false if it is malformed. `known` is used and added to.
bool SplitNode(absl::string_view node, bool plain_only, NodeFields* fields, PlainAttributes* known = nullptr);

struct AttributeFields {
  absl::string_view bytes;  // all of it
  absl::string_view name;
  int32_t type = 0;  // AttributeProto.AttributeType
  int64_t i = 0;
  float f = 0;
  absl::string_view s;
  absl::string_view tensor;  // t
  absl::string_view body;    // g
  absl::string_view sparse_tensor;
  bool has_tensor = false;
  bool has_body = false;
  bool has_sparse_tensor = false;
  bool has_graphs = false;
};

// As SplitNode.
bool SplitAttribute(absl::string_view attribute, bool plain_only, AttributeFields* fields);

// The bytes of the node's first attribute of that name; false if it has none.
bool FindAttribute(absl::string_view node, absl::string_view name, absl::string_view* attribute);

// The elements of a list attribute.
std::vector<int64_t> AttributeInts(absl::string_view attribute);
std::vector<float> AttributeFloats(absl::string_view attribute);
std::vector<std::string> AttributeStrings(absl::string_view attribute);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_NODE_WIRE_H_
