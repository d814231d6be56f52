#include "fold/ops/verify_models.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

absl::Status Prefixed(const absl::Status& status, absl::string_view who) {
  return absl::Status(status.code(), absl::StrCat(who, ": ", status.message()));
}

bool ShapesFit(const Shape& a, const Shape& b) {
  if (!a.has_rank() || !b.has_rank()) return true;
  if (a.rank() != b.rank()) return false;
  for (int i = 0; i < a.rank(); ++i) {
    if (a.dim(i).known() && b.dim(i).known() && a.dim(i) != b.dim(i)) return false;
  }
  return true;
}

std::string Describe(const Graph& graph, ValueId value) {
  return absl::StrCat(DTypeName(graph.DeclaredType(value)), " ",
                      graph.DeclaredShape(value).ToString());
}

void CompareLists(absl::string_view what, const Graph& a, absl::Span<const ValueId> in_a,
                  const Graph& b, absl::Span<const ValueId> in_b, std::vector<std::string>* lines) {
  if (in_a.size() != in_b.size()) {
    lines->push_back(absl::StrCat(in_a.size(), " ", what, "s against ", in_b.size()));
    return;
  }
  for (size_t i = 0; i < in_a.size(); ++i) {
    if (a.Name(in_a[i]) != b.Name(in_b[i])) {
      lines->push_back(absl::StrCat(what, " ", i, " is '", a.Name(in_a[i]), "' against '",
                                    b.Name(in_b[i]), "'"));
    } else if (a.DeclaredType(in_a[i]) != b.DeclaredType(in_b[i]) ||
               !ShapesFit(a.DeclaredShape(in_a[i]), b.DeclaredShape(in_b[i]))) {
      lines->push_back(absl::StrCat(what, " '", a.Name(in_a[i]), "' is ", Describe(a, in_a[i]),
                                    " against ", Describe(b, in_b[i])));
    }
  }
}

RunOptions WithProgress(const VerifyOptions& options, size_t sample, size_t samples,
                        absl::string_view who) {
  RunOptions run = options.run;
  if (options.progress) {
    run.progress = [=, &options](int64_t done, int64_t total) {
      options.progress(absl::StrCat("sample ", sample + 1, " of ", samples, ", ", who, ": ", done,
                                    " of ", total, " nodes"));
    };
  }
  return run;
}

// Runs `a`, keeping values that `b` has too, then `b` up to the first that disagrees.
absl::Status FindFirst(const Graph& a, const Graph& b, const std::vector<Tensor>& inputs,
                       const VerifyOptions& options, VerifyResult* result) {
  absl::flat_hash_map<std::string, Tensor> kept;
  int64_t bytes = 0;
  RunOptions run = options.run;
  run.tap = [&](ValueId value, const Tensor& tensor) {
    if (a.BlockOf(value) != a.main() || !b.FindValue(a.Name(value)).valid()) {
      return absl::OkStatus();
    }
    bytes += tensor.num_bytes();
    if (bytes <= options.max_kept_bytes) kept[std::string(a.Name(value))] = tensor;
    return absl::OkStatus();
  };
  DSPERSE_RETURN_IF_ERROR(RunGraph(a, inputs, run).status());
  bool found = false;
  run.tap = [&](ValueId value, const Tensor& tensor) -> absl::Status {
    if (b.BlockOf(value) != b.main()) return absl::OkStatus();
    const auto other = kept.find(b.Name(value));
    if (other == kept.end()) return absl::OkStatus();
    DSPERSE_ASSIGN_OR_RETURN(const Difference difference,
                             CompareTensors(other->second, tensor, options.tolerance));
    kept.erase(other);
    if (difference.agree) return absl::OkStatus();
    found = true;
    result->first_value = std::string(b.Name(value));
    result->first_reason = difference.reason;
    const NodeId producer = b.Producer(value);
    if (producer.valid()) {
      result->first_node =
          absl::StrCat(b.node(producer).op_type(), " '", b.node(producer).name(), "'");
    }
    return absl::CancelledError("found");
  };
  const absl::Status status = RunGraph(b, inputs, run).status();
  return found ? absl::OkStatus() : status;
}

bool Worse(const Difference& a, const Difference& b) {
  if (a.agree != b.agree) return !a.agree;
  return a.agree && a.max_absolute > b.max_absolute;
}

absl::StatusOr<VerifyResult> Verify(const Graph& a, const RunFn& b, const Graph* graph_b,
                                    absl::Span<const std::vector<Tensor>> samples,
                                    const VerifyOptions& options) {
  VerifyResult result;
  for (ValueId output : a.Outputs(a.main())) {
    OutputDifference difference;
    difference.name = std::string(a.Name(output));
    difference.worst.agree = true;
    result.outputs.push_back(std::move(difference));
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    const absl::StatusOr<std::vector<Tensor>> first =
        RunGraph(a, samples[i], WithProgress(options, i, samples.size(), "first model"));
    if (!first.ok()) return Prefixed(first.status(), "first model");
    absl::StatusOr<std::vector<Tensor>> second =
        graph_b != nullptr
            ? RunGraph(*graph_b, samples[i], WithProgress(options, i, samples.size(), "second model"))
            : b(samples[i]);
    if (!second.ok()) return Prefixed(second.status(), "second model");
    if (second->size() != first->size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("second model: gives ", second->size(), " outputs, not ", first->size()));
    }
    bool same = true;
    for (size_t k = 0; k < first->size(); ++k) {
      DSPERSE_ASSIGN_OR_RETURN(const Difference difference,
                               CompareTensors((*first)[k], (*second)[k], options.tolerance));
      same = same && difference.agree;
      if (i > 0 && !Worse(difference, result.outputs[k].worst)) continue;
      result.outputs[k].worst = difference;
      result.outputs[k].sample = static_cast<int>(i);
    }
    if (!same && result.same && graph_b != nullptr) {
      DSPERSE_RETURN_IF_ERROR(FindFirst(a, *graph_b, samples[i], options, &result));
    }
    result.same = result.same && same;
  }
  return result;
}

}  // namespace

std::vector<std::string> CompareInterfaces(const Graph& a, const Graph& b) {
  std::vector<std::string> lines;
  CompareLists("input", a, RequiredInputs(a), b, RequiredInputs(b), &lines);
  CompareLists("output", a, a.Outputs(a.main()), b, b.Outputs(b.main()), &lines);
  return lines;
}

absl::StatusOr<VerifyResult> VerifyModels(const Graph& a, const Graph& b,
                                          absl::Span<const std::vector<Tensor>> samples,
                                          const VerifyOptions& options) {
  return Verify(a, nullptr, &b, samples, options);
}

absl::StatusOr<VerifyResult> VerifyAgainst(const Graph& a, const RunFn& b,
                                           absl::Span<const std::vector<Tensor>> samples,
                                           const VerifyOptions& options) {
  return Verify(a, b, nullptr, samples, options);
}

}  // namespace dsperse
