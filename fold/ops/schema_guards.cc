#include "fold/ops/schema_guards.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/shape.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/schema_bridge.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"

namespace dsperse {
namespace {

absl::Status Invalid(std::string what) { return absl::InvalidArgumentError(std::move(what)); }

absl::Status CheckCounts(const onnx::OpSchema& schema, const NodeView& node,
                         absl::Span<const Fact* const> inputs) {
  const int count = static_cast<int>(inputs.size());
  if (count < schema.min_input() || count > schema.max_input()) {
    return Invalid(absl::StrCat("has ", count, " inputs, takes ", schema.min_input(), " to ",
                                schema.max_input()));
  }
  const int outputs = node.num_outputs();
  if (outputs < schema.min_output() || outputs > schema.max_output()) {
    return Invalid(absl::StrCat("has ", outputs, " outputs, gives ", schema.min_output(), " to ",
                                schema.max_output()));
  }
  for (size_t i = 0; i < inputs.size() && i < schema.inputs().size(); ++i) {
    if (inputs[i] == nullptr && schema.inputs()[i].GetOption() == onnx::OpSchema::Single) {
      return Invalid(absl::StrCat("input ", i, " (", schema.inputs()[i].GetName(), ") is absent"));
    }
  }
  return absl::OkStatus();
}

bool IsAmong(absl::string_view name, std::initializer_list<absl::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Attributes that count or divide.
bool MustBePositive(absl::string_view name) {
  return IsAmong(name, {"strides", "dilations", "kernel_shape", "group", "blocksize", "num_outputs", "pooled_shape",
                        "num_heads", "q_num_heads", "kv_num_heads", "num_groups"});
}

// Attributes whose numbers are added to sizes or multiplied.
bool EntersSizes(absl::string_view name) {
  return IsAmong(name, {"pads", "output_padding", "output_shape", "kernel_shape", "strides", "dilations"});
}

absl::Status CheckAttributes(const onnx::OpSchema& schema, const NodeView& node) {
  for (const auto& [name, attribute] : schema.attributes()) {
    if (attribute.required && !node.HasAttr(name)) {
      return Invalid(absl::StrCat("lacks the attribute ", name));
    }
  }
  for (const onnx::AttributeProto& attribute : node.proto().attribute()) {
    const auto known = schema.attributes().find(attribute.name());
    if (known != schema.attributes().end() && known->second.type != attribute.type()) {
      return Invalid(absl::StrCat("attribute ", attribute.name(), " is of another type"));
    }
    if (!MustBePositive(attribute.name())) continue;
    bool positive = attribute.type() != onnx::AttributeProto::INT || attribute.i() > 0;
    for (int64_t number : attribute.ints()) positive = positive && number > 0;
    if (!positive) return Invalid(absl::StrCat(attribute.name(), " is not positive"));
  }
  return absl::OkStatus();
}

std::optional<int> RankOf(absl::Span<const Fact* const> inputs, size_t i) {
  if (i >= inputs.size() || inputs[i] == nullptr || !inputs[i]->shape.has_rank()) {
    return std::nullopt;
  }
  return inputs[i]->shape.rank();
}

absl::Status WantRank(absl::Span<const Fact* const> inputs, size_t i, int rank) {
  const std::optional<int> found = RankOf(inputs, i);
  if (!found || *found == rank) return absl::OkStatus();
  return Invalid(absl::StrCat("input ", i, " has rank ", *found, ", not ", rank));
}

absl::Status CheckConvolution(const NodeView& node, absl::Span<const Fact* const> inputs, size_t x,
                              size_t w) {
  const std::optional<int> rank = RankOf(inputs, x);
  const std::optional<int> weight_rank = RankOf(inputs, w);
  if (rank && weight_rank && *rank != *weight_rank) {
    return Invalid(absl::StrCat("the weight has rank ", *weight_rank, ", the input ", *rank));
  }
  // SAME padding counts down from the dimension.
  if (rank && node.HasAttr("auto_pad")) {
    for (const Dim& dim : inputs[x]->shape.dims()) {
      if (dim.known() && dim.size() > (int64_t{1} << 24)) {
        return absl::UnimplementedError(absl::StrCat("auto_pad of a dimension of ", dim.size()));
      }
    }
  }
  return absl::OkStatus();
}

// Sizes are multiplied and added without a look at overflow.
constexpr int64_t kLargestParameter = int64_t{1} << 30;

// The numbers of an input that a schema function would be shown, as far as they are known.
std::vector<std::optional<int64_t>> KnownNumbers(const Fact& fact) {
  std::vector<std::optional<int64_t>> known;
  if (!fact.value) {
    for (const Dim& dim : fact.elements.value_or(std::vector<Dim>())) {
      known.push_back(dim.known() ? std::optional<int64_t>(dim.size()) : std::nullopt);
    }
  } else if (fact.value->num_elements() <= kMaxBridged) {
    const absl::StatusOr<std::vector<int64_t>> numbers = ToInts(*fact.value);
    if (numbers.ok()) known.assign(numbers->begin(), numbers->end());
  }
  return known;
}

absl::Status CheckSizes(const NodeView& node, absl::Span<const Fact* const> inputs) {
  if ((node.Is("Reshape") || node.Is("Flatten")) && RankOf(inputs, 0)) {
    Dims known;
    for (const Dim& dim : inputs[0]->shape.dims()) {
      if (dim.known()) known.push_back(dim.size());
    }
    if (const auto elements = NumElements(known); !elements.ok()) {
      return Invalid(absl::StrCat("input 0: ", elements.status().message()));
    }
  }
  for (const onnx::AttributeProto& attribute : node.proto().attribute()) {
    if (!EntersSizes(attribute.name())) continue;
    for (int64_t number : attribute.ints()) {
      if (number > kLargestParameter || number < -kLargestParameter) {
        return Invalid(absl::StrCat(attribute.name(), " of ", number));
      }
    }
  }
  // What says how large the result is.
  const bool is_shape = node.Is("Reshape") || node.Is("Expand") || node.Is("ConstantOfShape");
  const bool is_factor = node.Is("Tile") || node.Is("Pad");
  const size_t place = node.Is("ConstantOfShape") ? 0 : 1;
  if ((!is_shape && !is_factor) || place >= inputs.size() || inputs[place] == nullptr) return absl::OkStatus();
  Dims sizes;
  const std::vector<std::optional<int64_t>> numbers = KnownNumbers(*inputs[place]);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!numbers[i]) continue;
    const int64_t number = *numbers[i];
    if (is_factor && (number > kLargestParameter || number < -kLargestParameter)) {
      return Invalid(absl::StrCat("input ", place, " holds ", number));
    }
    if (number > 0) sizes.push_back(number);
    // Of Reshape: the input's own size at that place.
    const bool copied = number == 0 && node.Is("Reshape") && static_cast<int>(i) < RankOf(inputs, 0).value_or(0);
    if (copied && inputs[0]->shape.dim(static_cast<int>(i)).known()) {
      sizes.push_back(inputs[0]->shape.dim(static_cast<int>(i)).size());
    }
  }
  if (!is_shape) return absl::OkStatus();
  if (const auto elements = NumElements(sizes); !elements.ok()) {
    return Invalid(absl::StrCat("input ", place, ": ", elements.status().message()));
  }
  return absl::OkStatus();
}

// Operators of the default domain whose functions need more than counts and attributes.
absl::Status CheckOperator(const NodeView& node, absl::Span<const Fact* const> inputs) {
  const absl::string_view op = node.op_type();
  if (op == "Conv" || op == "ConvInteger" || op == "ConvTranspose" || op == "DeformConv") {
    return CheckConvolution(node, inputs, 0, 1);
  }
  if (op == "QLinearConv") return CheckConvolution(node, inputs, 0, 3);
  if (absl::EndsWith(op, "Pool")) return CheckConvolution(node, inputs, 0, 0);
  if ((op == "RNN" || op == "GRU" || op == "LSTM") && node.opset() < 7) {
    return WantRank(inputs, 0, 3);
  }
  if (op == "MaxUnpool") {
    const std::optional<int> rank = RankOf(inputs, 1);
    if (!rank) return absl::UnimplementedError("the rank of input 1 is unknown");
    if (*rank < 2) return Invalid(absl::StrCat("input 1 has rank ", *rank));
  }
  if (op == "OneHot") {
    if (inputs[1]->value && inputs[1]->value->num_elements() != 1) {
      return Invalid("depth is not one number");
    }
    return WantRank(inputs, 2, 1);
  }
  if (op == "LayerNormalization" && RankOf(inputs, 0)) {
    const int64_t rank = *RankOf(inputs, 0);
    const int64_t axis = node.Int("axis", -1);
    if (axis < -rank || axis >= rank) return Invalid(absl::StrCat("axis ", axis, " of rank ", rank));
  }
  // It is squared.
  if (node.Int("blocksize", 1) > (int64_t{1} << 20)) {
    return Invalid(absl::StrCat("a blocksize of ", node.Int("blocksize", 1)));
  }
  // The function lays out as many lengths as are said.
  if (op == "Split" && node.Int("num_outputs", 1) > node.num_outputs()) {
    return Invalid(absl::StrCat("num_outputs is ", node.Int("num_outputs", 1), ", it has ", node.num_outputs(), " outputs"));
  }
  if (op == "GatherND") {
    // Their sum is where the function begins to read the data's shape.
    const int64_t batch_dims = node.Int("batch_dims", 0);
    if (batch_dims < 0 || batch_dims > kLargestParameter) return Invalid(absl::StrCat("batch_dims of ", batch_dims));
    if (const int rank = RankOf(inputs, 1).value_or(0); rank > 0) {
      const Dim& tuple = inputs[1]->shape.dim(rank - 1);
      if (tuple.known() && tuple.size() > kLargestParameter) return Invalid(absl::StrCat("indices of ", tuple.size(), " axes"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckForSchema(const onnx::OpSchema& schema, const NodeView& node,
                            absl::Span<const Fact* const> inputs) {
  DSPERSE_RETURN_IF_ERROR(CheckCounts(schema, node, inputs));
  DSPERSE_RETURN_IF_ERROR(CheckAttributes(schema, node));
  if (!node.domain().empty()) return absl::OkStatus();
  if (node.Is("MaxRoiPool")) {
    if (node.Ints("pooled_shape").size() != 2) return Invalid("pooled_shape has not two entries");
    return WantRank(inputs, 0, 4);
  }
  if (node.Is("SplitToSequence")) return absl::UnimplementedError("sequences");
  DSPERSE_RETURN_IF_ERROR(CheckSizes(node, inputs));
  return CheckOperator(node, inputs);
}

}  // namespace dsperse
