#include "fold/ops/input_shapes.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/interpreter.h"

namespace dsperse {
namespace {

using DimList = absl::InlinedVector<Dim, 4>;

DimList DimsOf(const Graph& graph, ValueId input) {
  const Shape shape = graph.DeclaredShape(input);
  return DimList(shape.dims().begin(), shape.dims().end());
}

absl::StatusOr<int64_t> ParseSize(absl::string_view text, absl::string_view flag) {
  int64_t size = 0;
  if (!absl::SimpleAtoi(text, &size) || size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": '", text, "' is not a positive number"));
  }
  return size;
}

// Gives the dimension called `name` its size in every input. Returns how often it occurs.
int SetName(const std::string& name, int64_t size, Graph* graph) {
  int found = 0;
  for (ValueId input : graph->Inputs(graph->main())) {
    DimList dims = DimsOf(*graph, input);
    bool changed = false;
    for (Dim& dim : dims) {
      if (dim.known() || dim.name() != name) continue;
      dim = Dim(size);
      changed = true;
      ++found;
    }
    if (changed) graph->SetInputShape(input, Shape(std::move(dims))).IgnoreError();
  }
  return found;
}

absl::Status SetOneShape(const std::string& text, Graph* graph) {
  const std::string flag = absl::StrCat("--input-shape ", text);
  const std::vector<ValueId> inputs = RequiredInputs(*graph);
  ValueId input;
  std::string sizes = text;
  // A name may hold '=' itself; the sizes don't.
  if (const size_t equals = text.rfind('='); equals != std::string::npos) {
    const std::string name = text.substr(0, equals);
    sizes = text.substr(equals + 1);
    for (ValueId candidate : inputs) {
      if (graph->Name(candidate) == name) input = candidate;
    }
    if (!input.valid()) {
      return absl::InvalidArgumentError(absl::StrCat(flag, ": the model has no input '", name, "'"));
    }
  } else if (inputs.size() == 1) {
    input = inputs[0];
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": the model has ", inputs.size(), " inputs, say which: name=", text));
  }
  const Shape declared = graph->DeclaredShape(input);
  DimList dims;
  if (!sizes.empty()) {
    for (absl::string_view part : absl::StrSplit(sizes, ',')) {
      DSPERSE_ASSIGN_OR_RETURN(const int64_t size, ParseSize(part, flag));
      dims.push_back(Dim(size));
    }
  }
  bool fits = !declared.has_rank() || declared.rank() == static_cast<int>(dims.size());
  for (int i = 0; fits && declared.has_rank() && i < declared.rank(); ++i) {
    fits = !declared.dim(i).known() || declared.dim(i) == dims[i];
  }
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": input '", graph->Name(input),
                                                   "' has shape ", declared.ToString()));
  }
  const Shape shape{DimList(dims)};
  if (!shape.NumElements()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": more than 2^63 elements"));
  }
  DSPERSE_RETURN_IF_ERROR(graph->SetInputShape(input, shape));
  for (int i = 0; declared.has_rank() && i < declared.rank(); ++i) {
    const std::string& name = declared.dim(i).name();
    if (name.empty()) continue;
    for (int j = 0; j < i; ++j) {
      if (declared.dim(j).name() == name && dims[j] != dims[i]) {
        return absl::InvalidArgumentError(absl::StrCat(flag, ": '", name, "' can't be both ",
                                                       dims[j].size(), " and ", dims[i].size()));
      }
    }
    SetName(name, dims[i].size(), graph);
  }
  return absl::OkStatus();
}

absl::Status SetOneDim(const std::string& text, Graph* graph) {
  const std::string flag = absl::StrCat("--dim ", text);
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": write name=size"));
  }
  DSPERSE_ASSIGN_OR_RETURN(const int64_t size, ParseSize(text.substr(equals + 1), flag));
  const std::string name = text.substr(0, equals);
  if (SetName(name, size, graph) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": no input has an open dimension called '", name, "'"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetInputShapes(const InputShapeFlags& flags, Graph* graph) {
  for (const std::string& text : flags.dims) DSPERSE_RETURN_IF_ERROR(SetOneDim(text, graph));
  for (const std::string& text : flags.input_shapes) {
    DSPERSE_RETURN_IF_ERROR(SetOneShape(text, graph));
  }
  return absl::OkStatus();
}

std::vector<std::string> DefaultFirstDimensions(Graph* graph) {
  std::vector<std::string> notices;
  for (ValueId input : RequiredInputs(*graph)) {
    const Shape shape = graph->DeclaredShape(input);
    if (!shape.has_rank() || shape.rank() == 0 || shape.dim(0).known()) continue;
    const std::string name = shape.dim(0).name();
    notices.push_back(absl::StrCat("input '", graph->Name(input), "' ", shape.ToString(), ": ",
                                   name.empty() ? "the first dimension" : name, " is taken as 1"));
    if (!name.empty()) {
      SetName(name, 1, graph);
    } else {
      DimList dims = DimsOf(*graph, input);
      dims[0] = Dim(1);
      graph->SetInputShape(input, Shape(std::move(dims))).IgnoreError();
    }
  }
  return notices;
}

absl::Status RequireStaticInputs(const Graph& graph) {
  for (ValueId input : RequiredInputs(graph)) {
    const Shape shape = graph.DeclaredShape(input);
    if (shape.is_static()) continue;
    return absl::UnimplementedError(absl::StrCat(
        "input '", graph.Name(input), "' has shape ", shape.has_rank() ? shape.ToString() : "unknown",
        ": fix it by --input-shape ", graph.Name(input), "=… or --dim name=size"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FixInputShapes(const InputShapeFlags& flags,
                                                        Graph* graph) {
  DSPERSE_RETURN_IF_ERROR(SetInputShapes(flags, graph));
  std::vector<std::string> notices = DefaultFirstDimensions(graph);
  DSPERSE_RETURN_IF_ERROR(RequireStaticInputs(*graph));
  return notices;
}

}  // namespace dsperse
