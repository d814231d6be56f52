// If, Loop and Scan: the part of the interpreter that runs bodies.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/interpreter_internal.h"

namespace dsperse {
namespace {

// The one element of a bool tensor.
absl::StatusOr<bool> Truth(const Tensor& tensor) {
  if (tensor.dtype() != DType::kBool || tensor.num_elements() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("the condition is ", DTypeName(tensor.dtype()),
                                                   " ", DimsToString(tensor.dims()),
                                                   ", not one bool"));
  }
  char byte = 0;
  DSPERSE_RETURN_IF_ERROR(tensor.Read(0, absl::MakeSpan(&byte, 1)));
  return byte != 0;
}

// The axes of a list attribute of Scan, `count` of them (absent: all 0).
absl::StatusOr<std::vector<int64_t>> ScanList(const NodeView& node, absl::string_view name,
                                              size_t count) {
  std::vector<int64_t> list = node.Ints(name);
  if (list.empty()) list.assign(count, 0);
  if (list.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", list.size(), " entries, not ", count));
  }
  return list;
}

absl::StatusOr<int> NormalizedAxis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " of a tensor of rank ", rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::Status WholeBytes(const Tensor& tensor) {
  if (BitWidth(tensor.dtype()) < 8) {
    return absl::UnimplementedError(
        absl::StrCat("bodies over tensors of type ", DTypeName(tensor.dtype())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Tensor> SliceAt(const Tensor& tensor, int axis, int64_t index) {
  DSPERSE_RETURN_IF_ERROR(WholeBytes(tensor));
  if (tensor.num_elements() == 0) {  // the other sizes may be anything
    Dims dims = tensor.dims();
    dims.erase(dims.begin() + axis);
    return Tensor::FromBytes(tensor.dtype(), std::move(dims), "");
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor loaded, tensor.Load());
  const size_t element = static_cast<size_t>(BitWidth(loaded.dtype())) / 8;
  size_t outer = 1;
  size_t inner = element;
  for (int i = 0; i < axis; ++i) outer *= static_cast<size_t>(loaded.dims()[i]);
  for (int i = axis + 1; i < loaded.rank(); ++i) inner *= static_cast<size_t>(loaded.dims()[i]);
  const size_t size = static_cast<size_t>(loaded.dims()[axis]);
  std::string bytes;
  bytes.reserve(outer * inner);
  for (size_t i = 0; i < outer; ++i) {
    bytes.append(loaded.raw().data() + (i * size + static_cast<size_t>(index)) * inner, inner);
  }
  Dims dims = loaded.dims();
  dims.erase(dims.begin() + axis);
  return Tensor::FromBytes(loaded.dtype(), std::move(dims), std::move(bytes));
}

absl::StatusOr<Tensor> Stack(absl::Span<const Tensor> parts, int axis) {
  std::vector<Tensor> loaded;
  for (const Tensor& part : parts) {
    DSPERSE_RETURN_IF_ERROR(WholeBytes(part));
    if (part.dtype() != parts[0].dtype() || part.dims() != parts[0].dims()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an output has shape ", DimsToString(part.dims()), " in one iteration and ",
          DimsToString(parts[0].dims()), " in another"));
    }
    DSPERSE_ASSIGN_OR_RETURN(Tensor bytes, part.Load());
    loaded.push_back(std::move(bytes));
  }
  size_t outer = parts[0].num_elements() == 0 ? 0 : 1;  // of an empty tensor the other sizes may be anything
  for (int i = 0; i < axis; ++i) outer *= static_cast<size_t>(parts[0].dims()[i]);
  const size_t inner = outer == 0 ? 0 : static_cast<size_t>(parts[0].num_bytes()) / outer;
  std::string bytes;
  bytes.reserve(outer * inner * parts.size());
  for (size_t i = 0; i < outer; ++i) {
    for (const Tensor& part : loaded) bytes.append(part.raw().data() + i * inner, inner);
  }
  Dims dims = parts[0].dims();
  dims.insert(dims.begin() + axis, static_cast<int64_t>(parts.size()));
  return Tensor::FromBytes(parts[0].dtype(), std::move(dims), std::move(bytes));
}

absl::StatusOr<std::vector<Tensor>> Runner::RunIf(const NodeView& node, int depth) {
  if (!node.input(0).valid()) return absl::InvalidArgumentError("has no condition");
  DSPERSE_ASSIGN_OR_RETURN(const Tensor* condition, Get(node.input(0)));
  DSPERSE_ASSIGN_OR_RETURN(const bool taken, Truth(*condition));
  const BlockId body = node.body(taken ? "then_branch" : "else_branch");
  if (!body.valid()) return absl::InvalidArgumentError("lacks a branch");
  return RunBody(body, {}, depth);
}

absl::StatusOr<Tensor> Runner::EmptyScanOutput(const NodeView& node, BlockId body, int index) {
  const ValueId inner = graph_.Outputs(body)[index];
  const DType type = graph_.DeclaredType(inner);
  const std::optional<Dims> shape = graph_.DeclaredShape(inner).AsDims();
  if (type == DType::kUndefined || !shape) {
    return absl::UnimplementedError(absl::StrCat("no iteration, and the shape of '",
                                                 graph_.Name(inner), "' is not declared"));
  }
  static_cast<void>(node);
  Dims dims = *shape;
  dims.insert(dims.begin(), 0);
  return Tensor::FromBytes(type, std::move(dims), "");
}

absl::StatusOr<std::vector<Tensor>> Runner::RunLoop(const NodeView& node, int depth) {
  const BlockId body = node.body("body");
  if (!body.valid()) return absl::InvalidArgumentError("lacks its body");
  int64_t trips = -1;  // unlimited
  if (node.input(0).valid()) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor* limit, Get(node.input(0)));
    DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> value, ToInts(*limit));
    if (value.size() != 1) return absl::InvalidArgumentError("its trip count is not one number");
    trips = std::max<int64_t>(value[0], 0);
  }
  bool condition = true;
  if (node.input(1).valid()) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor* tensor, Get(node.input(1)));
    DSPERSE_ASSIGN_OR_RETURN(condition, Truth(*tensor));
  }
  std::vector<Tensor> carried;
  for (int i = 2; i < node.num_inputs(); ++i) {
    if (!node.input(i).valid()) return absl::UnimplementedError("an absent loop-carried value");
    DSPERSE_ASSIGN_OR_RETURN(const Tensor* tensor, Get(node.input(i)));
    carried.push_back(*tensor);
  }
  const size_t num_outputs = graph_.Outputs(body).size();
  if (num_outputs < 1 + carried.size()) {
    return absl::InvalidArgumentError(absl::StrCat("its body gives ", num_outputs,
                                                   " outputs for ", carried.size(),
                                                   " carried values"));
  }
  std::vector<std::vector<Tensor>> scans(num_outputs - 1 - carried.size());
  for (int64_t i = 0; condition && (trips < 0 || i < trips); ++i) {
    if (i >= options_.max_iterations) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", options_.max_iterations, " iterations"));
    }
    std::vector<Tensor> inputs;
    inputs.push_back(Tensor::Scalar<int64_t>(i));
    inputs.push_back(Tensor::Scalar<bool>(condition));
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, RunBody(body, std::move(inputs), depth));
    DSPERSE_ASSIGN_OR_RETURN(condition, Truth(outputs[0]));
    for (size_t k = 0; k < carried.size(); ++k) carried[k] = std::move(outputs[1 + k]);
    for (size_t k = 0; k < scans.size(); ++k) {
      scans[k].push_back(std::move(outputs[1 + carried.size() + k]));
    }
  }
  std::vector<Tensor> results = std::move(carried);
  const size_t num_carried = results.size();
  for (size_t k = 0; k < scans.size(); ++k) {
    if (scans[k].empty()) {
      DSPERSE_ASSIGN_OR_RETURN(
          Tensor empty, EmptyScanOutput(node, body, static_cast<int>(1 + num_carried + k)));
      results.push_back(std::move(empty));
    } else {
      DSPERSE_ASSIGN_OR_RETURN(Tensor stacked, Stack(scans[k], 0));
      results.push_back(std::move(stacked));
    }
  }
  return results;
}

// One sequence of a Scan: `state` initial values, `sequences` to scan (one for each scan input) in
// their own directions, the first `iterations` steps; scan outputs are padded with zeros to `padded`
// steps (opset 8).
absl::StatusOr<std::vector<Tensor>> Runner::ScanOnce(const NodeView& node,
                                                     std::vector<Tensor> state,
                                                     const std::vector<Tensor>& sequences,
                                                     int64_t iterations, int64_t padded,
                                                     int depth) {
  const BlockId body = node.body("body");
  const bool batched = node.opset() < 9;
  const size_t num_outputs = graph_.Outputs(body).size();
  const size_t num_scans = num_outputs - state.size();
  std::vector<int64_t> axes(sequences.size(), 0);
  std::vector<int64_t> directions;
  std::vector<int64_t> output_axes(num_scans, 0);
  std::vector<int64_t> output_directions(num_scans, 0);
  if (batched) {
    DSPERSE_ASSIGN_OR_RETURN(directions, ScanList(node, "directions", sequences.size()));
  } else {
    DSPERSE_ASSIGN_OR_RETURN(axes, ScanList(node, "scan_input_axes", sequences.size()));
    DSPERSE_ASSIGN_OR_RETURN(directions,
                             ScanList(node, "scan_input_directions", sequences.size()));
    DSPERSE_ASSIGN_OR_RETURN(output_axes, ScanList(node, "scan_output_axes", num_scans));
    DSPERSE_ASSIGN_OR_RETURN(output_directions,
                             ScanList(node, "scan_output_directions", num_scans));
  }
  std::vector<std::vector<Tensor>> scans(num_scans);
  const size_t num_state = state.size();
  for (int64_t step = 0; step < iterations; ++step) {
    std::vector<Tensor> inputs = std::move(state);
    for (size_t k = 0; k < sequences.size(); ++k) {
      DSPERSE_ASSIGN_OR_RETURN(const int axis, NormalizedAxis(axes[k], sequences[k].rank()));
      const int64_t index = directions[k] == 0 ? step : iterations - 1 - step;
      DSPERSE_ASSIGN_OR_RETURN(Tensor slice, SliceAt(sequences[k], axis, index));
      inputs.push_back(std::move(slice));
    }
    DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, RunBody(body, std::move(inputs), depth));
    state.assign(std::make_move_iterator(outputs.begin()),
                 std::make_move_iterator(outputs.begin() + static_cast<int64_t>(num_state)));
    for (size_t k = 0; k < num_scans; ++k) scans[k].push_back(std::move(outputs[num_state + k]));
  }
  std::vector<Tensor> results = std::move(state);
  for (size_t k = 0; k < num_scans; ++k) {
    if (scans[k].empty()) {
      DSPERSE_ASSIGN_OR_RETURN(
          Tensor empty, EmptyScanOutput(node, body, static_cast<int>(num_state + k)));
      results.push_back(std::move(empty));
      continue;
    }
    if (output_directions[k] != 0) std::reverse(scans[k].begin(), scans[k].end());
    for (int64_t step = iterations; step < padded; ++step) {
      const Tensor& like = scans[k][0];
      DSPERSE_ASSIGN_OR_RETURN(
          Tensor zero, Tensor::FromBytes(like.dtype(), like.dims(),
                                         std::string(static_cast<size_t>(like.num_bytes()), '\0')));
      scans[k].push_back(std::move(zero));
    }
    DSPERSE_ASSIGN_OR_RETURN(const int axis,
                             NormalizedAxis(output_axes[k], scans[k][0].rank() + 1));
    DSPERSE_ASSIGN_OR_RETURN(Tensor stacked, Stack(scans[k], axis));
    results.push_back(std::move(stacked));
  }
  return results;
}

absl::StatusOr<std::vector<Tensor>> Runner::RunScan(const NodeView& node, int depth) {
  const BlockId body = node.body("body");
  if (!body.valid()) return absl::InvalidArgumentError("lacks its body");
  const bool batched = node.opset() < 9;
  const int first = batched ? 1 : 0;  // opset 8 begins with sequence_lens
  const int64_t num_scan_inputs = node.Int("num_scan_inputs", 0);
  const int64_t places = node.num_inputs() - first;
  const int num_state =
      num_scan_inputs < 1 || num_scan_inputs > places ? -1 : static_cast<int>(places - num_scan_inputs);
  if (num_state < 0 || graph_.Outputs(body).size() < static_cast<size_t>(num_state)) {
    return absl::InvalidArgumentError(absl::StrCat("num_scan_inputs is ", num_scan_inputs, " of ",
                                                   node.num_inputs(), " inputs"));
  }
  std::vector<Tensor> state;
  std::vector<Tensor> sequences;
  for (int i = first; i < node.num_inputs(); ++i) {
    if (!node.input(i).valid()) return absl::InvalidArgumentError("an absent input");
    DSPERSE_ASSIGN_OR_RETURN(const Tensor* tensor, Get(node.input(i)));
    (i - first < num_state ? state : sequences).push_back(*tensor);
  }
  int64_t steps = -1;
  for (size_t k = 0; k < sequences.size(); ++k) {
    int64_t axis = batched ? 1 : 0;
    if (!batched) {
      DSPERSE_ASSIGN_OR_RETURN(const std::vector<int64_t> axes,
                               ScanList(node, "scan_input_axes", sequences.size()));
      axis = axes[k];
    }
    DSPERSE_ASSIGN_OR_RETURN(const int where, NormalizedAxis(axis, sequences[k].rank()));
    const int64_t length = sequences[k].dims()[where];
    if (steps >= 0 && steps != length) {
      return absl::InvalidArgumentError(
          absl::StrCat("its sequences have lengths ", steps, " and ", length));
    }
    steps = length;
  }
  // Sequences without elements may claim any length.
  const int64_t batch = batched ? sequences[0].dims()[0] : 1;  // opset 8: axis 0 of everything
  if (steps > options_.max_iterations || batch > options_.max_iterations) {
    return absl::ResourceExhaustedError(
        absl::StrCat(batch, " sequences of ", steps, " steps, more than ", options_.max_iterations, " iterations"));
  }
  if (!batched) return ScanOnce(node, std::move(state), sequences, steps, steps, depth);

  std::vector<int64_t> lengths(static_cast<size_t>(batch), steps);
  if (node.input(0).valid()) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor* tensor, Get(node.input(0)));
    DSPERSE_ASSIGN_OR_RETURN(lengths, ToInts(*tensor));
  }
  std::vector<std::vector<Tensor>> parts(graph_.Outputs(body).size());
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<Tensor> own_state;
    std::vector<Tensor> own_sequences;
    for (const Tensor& tensor : state) {
      if (tensor.rank() < 1 || tensor.dims()[0] != batch) {
        return absl::InvalidArgumentError("a state without the batch as its first dimension");
      }
      DSPERSE_ASSIGN_OR_RETURN(Tensor slice, SliceAt(tensor, 0, b));
      own_state.push_back(std::move(slice));
    }
    for (const Tensor& tensor : sequences) {
      if (tensor.dims()[0] != batch) return absl::InvalidArgumentError("batches differ");
      DSPERSE_ASSIGN_OR_RETURN(Tensor slice, SliceAt(tensor, 0, b));
      own_sequences.push_back(std::move(slice));
    }
    if (static_cast<size_t>(b) >= lengths.size() || lengths[b] < 0 || lengths[b] > steps) {
      return absl::InvalidArgumentError(
          absl::StrCat("sequence_lens does not fit sequences of ", steps));
    }
    DSPERSE_ASSIGN_OR_RETURN(std::vector<Tensor> outputs,
                             ScanOnce(node, std::move(own_state), own_sequences, lengths[b], steps,
                                      depth));
    for (size_t k = 0; k < outputs.size(); ++k) parts[k].push_back(std::move(outputs[k]));
  }
  std::vector<Tensor> results;
  for (const std::vector<Tensor>& part : parts) {
    if (part.empty()) return absl::UnimplementedError("a batch of none");
    DSPERSE_ASSIGN_OR_RETURN(Tensor stacked, Stack(part, 0));
    results.push_back(std::move(stacked));
  }
  return results;
}

}  // namespace dsperse
