// Facts of If, Loop and Scan, and of the values in their bodies.
//
// A loop body is inferred with what its carried values are before the first iteration. Where the body
// gives them back unlike that, the entry is weakened to what both have in common and the body is
// inferred again, until nothing changes: what remains holds in every iteration.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ops/facts_rep.h"

namespace dsperse {
namespace {

// What holds for both.
Fact Common(const Fact& a, const Fact& b) {
  Fact common;
  if (a.dtype != b.dtype) return common;
  common.dtype = a.dtype;
  if (!a.shape.has_rank() || !b.shape.has_rank() || a.shape.rank() != b.shape.rank()) return common;
  absl::InlinedVector<Dim, 4> dims;
  for (int i = 0; i < a.shape.rank(); ++i) {
    dims.push_back(a.shape.dim(i) == b.shape.dim(i) ? a.shape.dim(i) : Dim());
  }
  common.shape = Shape(std::move(dims));
  return common;
}

Fact TypeAndShape(const Fact& fact) {
  Fact without;
  without.dtype = fact.dtype;
  without.shape = fact.shape;
  return without;
}

// `fact` without axis `axis` of its shape; without a shape where that can't be.
Fact DropAxis(const Fact& fact, int64_t axis) {
  Fact slice;
  slice.dtype = fact.dtype;
  if (!fact.shape.has_rank()) return slice;
  const int64_t rank = fact.shape.rank();
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return slice;
  absl::InlinedVector<Dim, 4> dims(fact.shape.dims().begin(), fact.shape.dims().end());
  dims.erase(dims.begin() + axis);
  slice.shape = Shape(std::move(dims));
  return slice;
}

Fact AddAxis(const Fact& fact, int64_t axis, const Dim& dim) {
  Fact stacked;
  stacked.dtype = fact.dtype;
  if (!fact.shape.has_rank()) return stacked;
  const int64_t rank = fact.shape.rank() + 1;
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return stacked;
  absl::InlinedVector<Dim, 4> dims(fact.shape.dims().begin(), fact.shape.dims().end());
  dims.insert(dims.begin() + axis, dim);
  stacked.shape = Shape(std::move(dims));
  return stacked;
}

Dim DimAt(const Fact& fact, int64_t axis) {
  if (!fact.shape.has_rank()) return Dim();
  if (axis < 0) axis += fact.shape.rank();
  return axis < 0 || axis >= fact.shape.rank() ? Dim() : fact.shape.dim(static_cast<int>(axis));
}

// The one number or bool of a constant.
std::optional<int64_t> OneInt(const Fact* fact) {
  if (fact == nullptr || !fact->value || fact->value->num_elements() != 1) return std::nullopt;
  if (fact->dtype == DType::kBool) {
    char byte = 0;
    if (!fact->value->Read(0, absl::MakeSpan(&byte, 1)).ok()) return std::nullopt;
    return byte != 0;
  }
  const absl::StatusOr<std::vector<int64_t>> ints = ToInts(*fact->value);
  if (!ints.ok()) return std::nullopt;
  return (*ints)[0];
}

int64_t AxisAt(const std::vector<int64_t>& axes, size_t i) { return i < axes.size() ? axes[i] : 0; }

Fact ScalarOf(DType type) {
  Fact fact;
  fact.dtype = type;
  fact.shape = Shape::Of({});
  return fact;
}

}  // namespace

void Facts::Rep::TakeBack(size_t since, BlockId body) {
  for (size_t i = since; i < journal.size(); ++i) {
    const ValueId value = journal[i];
    if (!graph.IsInside(graph.BlockOf(value), body)) continue;
    facts[value.index].reset();
    if (graph.Producer(value).valid()) problems.erase(graph.Producer(value));
  }
  journal.resize(since);
}

void Facts::Rep::InferBody(BlockId body, const std::vector<std::pair<int, int>>& carried,
                           std::vector<Fact>* inputs) {
  const absl::Span<const ValueId> formal = graph.Inputs(body);
  const absl::Span<const ValueId> outputs = graph.Outputs(body);
  // A contradiction with what the file declares, or a weakened entry, and the declaration is ignored.
  std::vector<bool> trust(formal.size(), true);
  ++trials;
  // Each round but the last weakens something; the fourth gives up on shapes.
  for (int round = 0;; ++round) {
    const size_t since = journal.size();
    for (size_t i = 0; i < formal.size(); ++i) {
      Fact fact = i < inputs->size() ? (*inputs)[i] : Fact();
      if (trust[i]) trust[i] = MergeDeclared(formal[i], &fact);
      Store(formal[i], std::move(fact));
    }
    for (ValueId output : outputs) Resolve(output);
    bool weakened = false;
    for (const auto& [to, from] : carried) {
      // A value handed on as it came is what it was.
      if (outputs[static_cast<size_t>(from)] == formal[static_cast<size_t>(to)]) continue;
      const Fact assumed = TypeAndShape(At(formal[static_cast<size_t>(to)]));
      Fact common = Common(assumed, At(outputs[static_cast<size_t>(from)]));
      if (common.dtype == assumed.dtype && common.shape == assumed.shape) continue;
      if (round == 3) common.shape = Shape();
      (*inputs)[static_cast<size_t>(to)] = std::move(common);
      trust[static_cast<size_t>(to)] = false;
      weakened = true;
    }
    if (!weakened || round == 4) break;
    TakeBack(since, body);
  }
  --trials;
  if (trials == 0) journal.clear();
}

void Facts::Rep::ComputeIf(const NodeView& node) {
  std::vector<Fact> outputs(node.outputs().size());
  const BlockId yes = node.body("then_branch");
  const BlockId no = node.body("else_branch");
  absl::Status status;
  if (!yes.valid() || !no.valid() || graph.Outputs(yes).size() < outputs.size() ||
      graph.Outputs(no).size() < outputs.size()) {
    status = absl::InvalidArgumentError("its branches don't give all of its outputs");
  } else {
    const std::optional<int64_t> condition =
        node.input(0).valid() ? OneInt(&At(node.input(0))) : std::nullopt;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Fact& a = At(graph.Outputs(yes)[i]);
      const Fact& b = At(graph.Outputs(no)[i]);
      outputs[i] = condition ? (*condition != 0 ? a : b) : Common(a, b);
    }
  }
  StoreOutputs(node, std::move(outputs), status);
}

void Facts::Rep::ComputeLoop(const NodeView& node) {
  const BlockId body = node.body("body");
  std::vector<Fact> outputs(node.outputs().size());
  const int num_carried = std::max(0, node.num_inputs() - 2);
  if (!body.valid() || graph.Inputs(body).size() != static_cast<size_t>(2 + num_carried) ||
      graph.Outputs(body).size() < static_cast<size_t>(1 + num_carried)) {
    StoreOutputs(node, std::move(outputs),
                 absl::InvalidArgumentError("its body doesn't take and give its carried values"));
    return;
  }
  const absl::Span<const ValueId> formal = graph.Inputs(body);
  const absl::Span<const ValueId> results = graph.Outputs(body);
  std::vector<Fact> inputs = {ScalarOf(DType::kInt64), ScalarOf(DType::kBool)};
  // An iteration that runs has found its condition true.
  inputs[1].value = Tensor::Scalar(true);
  std::vector<std::pair<int, int>> carried;
  for (int i = 0; i < num_carried; ++i) {
    const ValueId initial = node.input(2 + i);
    const bool unchanged = results[1 + i] == formal[2 + i];
    Fact fact;
    if (initial.valid()) fact = unchanged ? At(initial) : TypeAndShape(At(initial));
    inputs.push_back(std::move(fact));
    carried.emplace_back(2 + i, 1 + i);
  }
  InferBody(body, carried, &inputs);

  // The trip count is known if nothing can end the loop before.
  Dim trips;
  const auto always = [&](ValueId condition) {
    if (!condition.valid()) return true;
    const std::optional<int64_t> value = OneInt(&At(condition));
    return value && *value != 0;
  };
  if (node.input(0).valid() && always(node.input(1)) &&
      always(results[0])) {
    const std::optional<int64_t> limit = OneInt(&At(node.input(0)));
    if (limit) trips = Dim(std::max<int64_t>(*limit, 0));
  }
  for (size_t i = 0; i < outputs.size() && i + 1 < results.size(); ++i) {
    const Fact& result = At(results[i + 1]);
    outputs[i] = i < static_cast<size_t>(num_carried) ? At(formal[2 + i]) : AddAxis(result, 0, trips);
  }
  StoreOutputs(node, std::move(outputs), absl::OkStatus());
}

void Facts::Rep::ComputeScan(const NodeView& node) {
  const BlockId body = node.body("body");
  std::vector<Fact> outputs(node.outputs().size());
  const bool batched = node.opset() < 9;
  const int first = batched ? 1 : 0;
  const int64_t places = node.num_inputs() - first;
  const int64_t asked = node.Int("num_scan_inputs", 0);
  const int num_scans = asked < 1 || asked > places ? 0 : static_cast<int>(asked);
  const int num_state = static_cast<int>(places) - num_scans;
  if (!body.valid() || num_scans < 1 || num_state < 0 ||
      graph.Inputs(body).size() != static_cast<size_t>(num_state + num_scans) ||
      graph.Outputs(body).size() < static_cast<size_t>(num_state)) {
    StoreOutputs(node, std::move(outputs),
                 absl::InvalidArgumentError("its body doesn't fit its inputs"));
    return;
  }
  const std::vector<int64_t> axes = node.Ints("scan_input_axes");
  const std::vector<int64_t> output_axes = node.Ints("scan_output_axes");
  const absl::Span<const ValueId> results = graph.Outputs(body);
  std::vector<Fact> inputs;
  std::vector<std::pair<int, int>> carried;
  Dim batch;
  Dim steps;
  for (int i = 0; i < num_state + num_scans; ++i) {
    const ValueId given = node.input(first + i);
    Fact fact = given.valid() ? TypeAndShape(At(given)) : Fact();
    if (batched) {
      if (!batch.known()) batch = DimAt(fact, 0);
      fact = DropAxis(fact, 0);
    }
    if (i < num_state) {
      carried.emplace_back(i, i);
    } else {
      const int64_t axis = batched ? 0 : AxisAt(axes, static_cast<size_t>(i - num_state));
      if (!steps.known()) steps = DimAt(fact, axis);
      fact = DropAxis(fact, axis);
    }
    inputs.push_back(std::move(fact));
  }
  InferBody(body, carried, &inputs);
  for (size_t i = 0; i < outputs.size() && i < results.size(); ++i) {
    if (i < static_cast<size_t>(num_state)) {
      outputs[i] = TypeAndShape(At(graph.Inputs(body)[i]));
    } else {
      const size_t scan = i - static_cast<size_t>(num_state);
      outputs[i] = AddAxis(At(results[i]), batched ? 0 : AxisAt(output_axes, scan), steps);
    }
    if (batched) outputs[i] = AddAxis(outputs[i], 0, batch);
  }
  StoreOutputs(node, std::move(outputs), absl::OkStatus());
}

}  // namespace dsperse
