// RNN, GRU, LSTM: reads the nodes and lays out their tensors; recurrent.h computes.
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/eval_util.h"
#include "fold/ops/families.h"
#include "fold/ops/recurrent.h"
#include "fold/ops/strided.h"
#include "fold/ops/window.h"

namespace dsperse {
namespace {

struct Layout {
  int64_t directions = 1;
  bool batch_first = false;
};

// Activation functions of all directions, in the node's order.
absl::StatusOr<std::vector<Activation>> ReadActivations(const NodeView& node, Cell cell,
                                                        int64_t directions) {
  std::vector<std::string> names = node.Strings("activations");
  const size_t each = cell == Cell::kLstm ? 3 : cell == Cell::kGru ? 2 : 1;
  if (names.empty()) {
    for (int64_t d = 0; d < directions; ++d) {
      if (cell != Cell::kRnn) names.push_back("Sigmoid");
      names.push_back("Tanh");
      if (cell == Cell::kLstm) names.push_back("Tanh");
    }
  }
  if (names.size() != each * static_cast<size_t>(directions)) {
    return InvalidNode(node, absl::StrCat(names.size(), " activations for ", directions, " directions"));
  }
  // Parameters are consumed by the functions that take one, in order.
  const std::vector<float> alphas = node.Floats("activation_alpha");
  const std::vector<float> betas = node.Floats("activation_beta");
  size_t next_alpha = 0;
  size_t next_beta = 0;
  std::vector<Activation> activations;
  for (const std::string& name : names) {
    Activation activation;
    if (!Activation::Parse(name, &activation)) {
      return InvalidNode(node, absl::StrCat("activation ", name));
    }
    if (activation.TakesAlpha() && next_alpha < alphas.size()) {
      activation.alpha = static_cast<double>(alphas[next_alpha++]);
    }
    if (activation.TakesBeta() && next_beta < betas.size()) {
      activation.beta = static_cast<double>(betas[next_beta++]);
    }
    activations.push_back(activation);
  }
  return activations;
}

// An optional input as doubles: empty when absent, InvalidArgument when its shape isn't `dims`.
absl::StatusOr<std::vector<double>> Optional(const NodeView& node, Inputs inputs, int i,
                                             const Dims& dims) {
  const Tensor* tensor = InputAt(inputs, i);
  if (tensor == nullptr) return std::vector<double>();
  if (tensor->dims() != dims || !IsFloat(tensor->dtype())) {
    return InvalidNode(node, absl::StrCat("input ", i, " is ", DimsToString(tensor->dims()),
                                          " instead of ", DimsToString(dims)));
  }
  return ToDoubles(*tensor);
}

// Swaps the first two axes of [a, b, c].
std::vector<double> SwapOuter(const std::vector<double>& in, int64_t a, int64_t b, int64_t c) {
  std::vector<double> out(in.size());
  for (int64_t i = 0; i < a; ++i) {
    for (int64_t j = 0; j < b; ++j) {
      std::copy_n(in.data() + (i * b + j) * c, c, out.data() + (j * a + i) * c);
    }
  }
  return out;
}

// Rounds `values` to the type of the node's input.
absl::StatusOr<Tensor> Round(const EvalContext& context, const NodeView& node, DType dtype, Dims dims,
                             const std::vector<double>& values) {
  return DispatchFloats(
      dtype,
      [&](auto tag) -> absl::StatusOr<Tensor> {
        using T = typename decltype(tag)::type;
        T* out = nullptr;
        DSPERSE_ASSIGN_OR_RETURN(Tensor result, MakeOutput<T>(context, std::move(dims), &out));
        for (size_t i = 0; i < values.size(); ++i) out[i] = static_cast<T>(values[i]);
        return result;
      },
      [&]() -> absl::StatusOr<Tensor> { return UnsupportedType(node, dtype); });
}

absl::StatusOr<Layout> ReadLayout(const NodeView& node, DType dtype, Cell cell) {
  const std::string direction = node.String("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    return InvalidNode(node, absl::StrCat("direction ", direction));
  }
  if (cell == Cell::kLstm && node.Int("input_forget", 0) != 0) {
    return Unsupported(node, dtype, "input_forget");
  }
  if (cell == Cell::kLstm && node.Float("clip", 0) != 0) {
    // Whether the cell state is clipped on its way into h isn't clear.
    return Unsupported(node, dtype, "clip");
  }
  if (node.opset() < 7) return Unsupported(node, dtype, "this opset");
  return Layout{direction == "bidirectional" ? 2 : 1, node.Int("layout", 0) != 0};
}

// Sizes, weights and sequence lengths, all checked.
struct Node {
  RecurrentSpec spec;
  Layout layout;
  std::vector<Activation> activations;
  std::vector<double> x, w, r, bias, peephole, initial_h, initial_c;
};

absl::Status ReadNode(const EvalContext& context, const NodeView& node, Inputs inputs, Cell cell,
                      Node* out) {
  DSPERSE_RETURN_IF_ERROR(RequireInputs(node, inputs, 3));
  const Tensor& x = *inputs[0];
  DSPERSE_ASSIGN_OR_RETURN(out->layout, ReadLayout(node, x.dtype(), cell));
  const int64_t directions = out->layout.directions;
  const bool batch_first = out->layout.batch_first;
  RecurrentSpec& spec = out->spec;
  spec.cell = cell;
  if (x.rank() != 3 || inputs[2]->rank() != 3 || !IsFloat(x.dtype())) {
    return InvalidNode(node, absl::StrCat(DTypeName(x.dtype()), " input ", DimsToString(x.dims()),
                                          ", R ", DimsToString(inputs[2]->dims())));
  }
  spec.steps = x.dims()[batch_first ? 1 : 0];
  spec.batch = x.dims()[batch_first ? 0 : 1];
  spec.input = x.dims()[2];
  spec.hidden = inputs[2]->dims()[2];
  spec.linear_before_reset = node.Int("linear_before_reset", 0) != 0;
  spec.clip = static_cast<double>(node.Float("clip", 0));
  spec.exact = context.mode == EvalMode::kExact;
  spec.threads = context.threads;
  const int64_t n = spec.hidden;
  if (n < 1 || spec.batch < 1 || spec.steps < 1 || node.Int("hidden_size", n) != n) {
    return InvalidNode(node, absl::StrCat("hidden_size ", node.Int("hidden_size", n), ", input ",
                                          DimsToString(x.dims()), ", R ",
                                          DimsToString(inputs[2]->dims())));
  }
  const int64_t gates = spec.gates();
  // Tensors without elements may have any sizes.
  int64_t states = 0, each = 0;
  if (__builtin_mul_overflow(spec.steps, spec.batch, &states) || __builtin_mul_overflow(states, directions, &states) ||
      __builtin_add_overflow(n, spec.input, &each) || __builtin_mul_overflow(each, n, &each) ||
      __builtin_mul_overflow(each, gates, &each)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(DescribeNode(node), ": ", spec.steps, " steps of ", spec.batch, " sequences with ", n, " states"));
  }
  DSPERSE_RETURN_IF_ERROR(CheckOperations(context, node, states, each));
  DSPERSE_ASSIGN_OR_RETURN(out->x, ToDoubles(x));
  if (batch_first) out->x = SwapOuter(out->x, spec.batch, spec.steps, spec.input);
  DSPERSE_ASSIGN_OR_RETURN(out->w, Optional(node, inputs, 1, {directions, gates * n, spec.input}));
  DSPERSE_ASSIGN_OR_RETURN(out->r, Optional(node, inputs, 2, {directions, gates * n, n}));
  DSPERSE_ASSIGN_OR_RETURN(out->bias, Optional(node, inputs, 3, {directions, 2 * gates * n}));
  const Dims state = batch_first ? Dims{spec.batch, directions, n} : Dims{directions, spec.batch, n};
  for (int i : {5, 6}) {
    if (i == 6 && cell != Cell::kLstm) break;
    std::vector<double>& initial = i == 5 ? out->initial_h : out->initial_c;
    DSPERSE_ASSIGN_OR_RETURN(initial, Optional(node, inputs, i, state));
    if (initial.empty()) {
      initial.assign(static_cast<size_t>(directions * spec.batch * n), 0.0);
    } else if (batch_first) {
      initial = SwapOuter(initial, spec.batch, directions, n);
    }
  }
  if (cell == Cell::kLstm) {
    DSPERSE_ASSIGN_OR_RETURN(out->peephole, Optional(node, inputs, 7, {directions, 3 * n}));
  }
  spec.lengths.assign(static_cast<size_t>(spec.batch), spec.steps);
  if (const Tensor* lengths = InputAt(inputs, 4)) {
    DSPERSE_ASSIGN_OR_RETURN(spec.lengths, IntsOf(node, *lengths, "sequence_lens"));
    if (static_cast<int64_t>(spec.lengths.size()) != spec.batch) {
      return InvalidNode(node, absl::StrCat(spec.lengths.size(), " lengths for a batch of ", spec.batch));
    }
    for (int64_t length : spec.lengths) {
      if (length < 0 || length > spec.steps) {
        return InvalidNode(node, absl::StrCat("a length of ", length, " in ", spec.steps, " steps"));
      }
    }
  }
  DSPERSE_ASSIGN_OR_RETURN(out->activations, ReadActivations(node, cell, directions));
  return absl::OkStatus();
}

absl::StatusOr<Outputs> EvaluateCell(const EvalContext& context, const NodeView& node, Inputs inputs,
                                     Cell cell) {
  Node all;
  DSPERSE_RETURN_IF_ERROR(ReadNode(context, node, inputs, cell, &all));
  RecurrentSpec& spec = all.spec;
  const int64_t directions = all.layout.directions;
  const int64_t n = spec.hidden;
  const int64_t size = spec.batch * n;  // of a state of one direction
  const size_t functions = all.activations.size() / static_cast<size_t>(directions);
  // [steps, directions, batch, hidden], [directions, batch, hidden]
  std::vector<double> y(static_cast<size_t>(spec.steps * directions * size));
  std::vector<double> last_h, last_c;
  for (int64_t d = 0; d < directions; ++d) {
    spec.reverse = d == 1 || node.String("direction", "forward") == "reverse";
    spec.w = all.w.data() + d * spec.gates() * n * spec.input;
    spec.r = all.r.data() + d * spec.gates() * n * n;
    spec.bias = all.bias.empty() ? nullptr : all.bias.data() + d * 2 * spec.gates() * n;
    spec.peephole = all.peephole.empty() ? nullptr : all.peephole.data() + d * 3 * n;
    spec.activations.assign(all.activations.begin() + d * functions,
                            all.activations.begin() + (d + 1) * functions);
    std::vector<double> h(all.initial_h.begin() + d * size, all.initial_h.begin() + (d + 1) * size);
    std::vector<double> c;
    if (cell == Cell::kLstm) {
      c.assign(all.initial_c.begin() + d * size, all.initial_c.begin() + (d + 1) * size);
    }
    std::vector<double> steps;
    RunRecurrent(spec, all.x.data(), &h, &c, &steps);
    for (int64_t t = 0; t < spec.steps; ++t) {
      std::copy_n(steps.data() + t * size, size, y.data() + (t * directions + d) * size);
    }
    last_h.insert(last_h.end(), h.begin(), h.end());
    last_c.insert(last_c.end(), c.begin(), c.end());
  }
  Dims y_dims = {spec.steps, directions, spec.batch, n};
  Dims state_dims = {directions, spec.batch, n};
  if (all.layout.batch_first) {
    y = SwapOuter(y, spec.steps * directions, spec.batch, n);
    last_h = SwapOuter(last_h, directions, spec.batch, n);
    if (cell == Cell::kLstm) last_c = SwapOuter(last_c, directions, spec.batch, n);
    y_dims = {spec.batch, spec.steps, directions, n};
    state_dims = {spec.batch, directions, n};
  }
  const DType dtype = inputs[0]->dtype();
  Outputs outputs(3);
  DSPERSE_ASSIGN_OR_RETURN(outputs[0], Round(context, node, dtype, y_dims, y));
  DSPERSE_ASSIGN_OR_RETURN(outputs[1], Round(context, node, dtype, state_dims, last_h));
  if (cell == Cell::kLstm) {
    DSPERSE_ASSIGN_OR_RETURN(outputs[2], Round(context, node, dtype, state_dims, last_c));
  }
  outputs.resize(static_cast<size_t>(node.num_outputs()));
  return outputs;
}

absl::StatusOr<Outputs> EvaluateRnn(const EvalContext& context, const NodeView& node,
                                    Inputs inputs) {
  return EvaluateCell(context, node, inputs, Cell::kRnn);
}

absl::StatusOr<Outputs> EvaluateGru(const EvalContext& context, const NodeView& node,
                                    Inputs inputs) {
  return EvaluateCell(context, node, inputs, Cell::kGru);
}

absl::StatusOr<Outputs> EvaluateLstm(const EvalContext& context, const NodeView& node,
                                     Inputs inputs) {
  return EvaluateCell(context, node, inputs, Cell::kLstm);
}

}  // namespace

void AppendRecurrentOps(std::vector<OpDef>* rows) {
  AddRow(rows, "RNN", 1, &EvaluateRnn);
  AddRow(rows, "GRU", 1, &EvaluateGru);
  AddRow(rows, "LSTM", 1, &EvaluateLstm);
}

}  // namespace dsperse
