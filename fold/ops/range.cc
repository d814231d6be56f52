#include "fold/ops/range.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fold/ops/interpreter.h"
#include "fold/ops/tensor_windows.h"

namespace dsperse {
namespace {

RangeRule FindRule(const NodeView& node) {
  if (!node.domain().empty()) return nullptr;
  for (const auto find :
       {&FindLinearRange, &FindElementwiseRange, &FindMovementRange, &FindReductionRange}) {
    if (const RangeRule rule = find(node.op_type()); rule != nullptr) return rule;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<InputRanges> ParseInputRanges(absl::Span<const std::string> flags,
                                             const Graph& graph) {
  const std::vector<ValueId> inputs = RequiredInputs(graph);
  InputRanges ranges;
  for (const std::string& flag : flags) {
    const size_t equals = flag.rfind('=');
    std::string name = equals == std::string::npos ? "" : flag.substr(0, equals);
    const std::string bounds = equals == std::string::npos ? flag : flag.substr(equals + 1);
    if (equals == std::string::npos) {
      if (inputs.size() != 1) {
        return absl::InvalidArgumentError(absl::StrCat("--input-range ", flag, ": the model has ",
                                                       inputs.size(),
                                                       " inputs, so write name=low,high"));
      }
      name = std::string(graph.Name(inputs[0]));
    }
    bool found = false;
    for (ValueId input : inputs) found = found || graph.Name(input) == name;
    if (!found) {
      return absl::InvalidArgumentError(
          absl::StrCat("--input-range ", flag, ": the model has no input '", name, "'"));
    }
    const std::vector<std::string> parts = absl::StrSplit(bounds, ',');
    double low = 0;
    double high = 0;
    if (parts.size() != 2 || !absl::SimpleAtod(parts[0], &low) ||
        !absl::SimpleAtod(parts[1], &high) || !(Interval{low, high}.bounded())) {
      return absl::InvalidArgumentError(
          absl::StrCat("--input-range ", flag, ": write two numbers, the lower first: x=-1,1"));
    }
    if (!ranges.emplace(name, Interval{low, high}).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--input-range ", flag, ": input '", name, "' has a range already"));
    }
  }
  return ranges;
}

Interval RangeOfConstant(const Tensor& tensor) {
  // Such a tensor may be larger than any memory, and one of its elements tells all.
  if (tensor.is_uniform() && tensor.num_elements() > 1) {
    const absl::StatusOr<Tensor> one = Tensor::Uniform(tensor.dtype(), {}, tensor.uniform_element());
    return one.ok() ? RangeOfConstant(*one) : Interval();
  }
  Interval range{0, 0};
  bool first = true;
  bool finite = true;
  const absl::Status read =
      ForElements(tensor, [&](int64_t, double value) {
        if (!std::isfinite(value)) finite = false;
        if (first) range = Interval::Point(value);
        first = false;
        range.low = std::min(range.low, value);
        range.high = std::max(range.high, value);
      });
  return read.ok() && finite && !first ? range : Interval();
}

Ranges::Known& Ranges::At(ValueId value) {
  if (known_.size() <= static_cast<size_t>(value.index)) {
    known_.resize(static_cast<size_t>(graph_.ValueLimit()));
  }
  return known_[static_cast<size_t>(value.index)];
}

bool Ranges::Leaf(ValueId value, Interval* interval) {
  if (const Tensor* constant = facts_.ConstantOf(value); constant != nullptr) {
    *interval = RangeOfConstant(*constant);
    return true;
  }
  if (graph_.Producer(value).valid()) return false;
  *interval = Interval();
  if (graph_.BlockOf(value) == graph_.main() && !graph_.IsInitializer(value)) {
    const auto given = inputs_.find(std::string(graph_.Name(value)));
    if (given != inputs_.end()) *interval = given->second;
  }
  return true;
}

Interval Ranges::Of(ValueId value) {
  if (!value.valid()) return {};
  std::vector<ValueId> stack{value};
  while (!stack.empty()) {
    const ValueId top = stack.back();
    if (At(top).done) {
      stack.pop_back();
      continue;
    }
    Interval leaf;
    if (Leaf(top, &leaf)) {
      At(top) = {true, leaf};
      stack.pop_back();
      continue;
    }
    const NodeId producer = graph_.Producer(top);
    bool ready = true;
    if (FindRule(graph_.node(producer)) != nullptr) {
      for (ValueId input : graph_.node(producer).inputs()) {
        if (!input.valid() || At(input).done) continue;
        ready = false;
        stack.push_back(input);
      }
    }
    if (!ready) continue;
    Compute(producer);
    stack.pop_back();
  }
  return At(value).interval;
}

void Ranges::Compute(NodeId id) {
  const NodeView node = graph_.node(id);
  std::vector<Interval> inputs;
  Interval result;
  // A file may leave inputs out; then nothing is computed.
  const bool product = node.Is("MatMul") || node.Is("Gemm") || node.Is("Conv") || node.Is("ConvTranspose");
  const bool complete = node.num_inputs() >= (product ? 2 : 1);
  if (const RangeRule rule = complete ? FindRule(node) : nullptr; rule != nullptr) {
    for (ValueId input : node.inputs()) {
      inputs.push_back(input.valid() ? At(input).interval : Interval());
    }
    result = rule({graph_, node, facts_, inputs});
  }
  for (int i = 0; i < node.num_outputs(); ++i) {
    const ValueId output = node.output(i);
    if (!output.valid()) continue;
    // A rule answers for output 0; only a Split's others hold the same elements.
    const bool same = i == 0 || node.Is("Split");
    const DType type = facts_.TypeOf(output);
    const bool real = type == DType::kFloat || type == DType::kDouble;
    At(output) = {true, same && real && result.bounded() ? result : Interval()};
  }
}

}  // namespace dsperse
