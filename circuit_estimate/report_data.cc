#include "circuit_estimate/report_data.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace dsperse {
namespace {

constexpr absl::string_view kIds[] = {"as_it_came", "unfused", "fused"};
constexpr absl::string_view kTitles[] = {"as it came", "unfused", "fused"};

// The counts that docs/cost_models.md describes; tests/circuit_estimate/floors.json holds `equal` too, and a
// test compares the two.
constexpr absl::string_view kReferences = "reference circuits";
constexpr absl::string_view kSettings = "reference settings";
constexpr ReportCheck kChecks[] = {
    {"jstprove_expander", "constraints", 106, 107, 3.5, kReferences},
    {"jstprove_expander", "inputs", 106, 107, 0.7, kReferences},
    {"jstprove_expander", "mul", 101, 107, 6.1, kReferences},
    {"ezkl_halo2", "total_assignments", 135, 135, 0, kSettings},
    {"ezkl_halo2", "num_rows", 135, 135, 0, kSettings},
    {"ezkl_halo2", "total_einsum_col_size", 135, 135, 0, kSettings},
    {"jstprove_remainder", "cells", 56, 56, 0, "reference circuits (observed bits given)"},
    {"r1cs_circom", "constraints", 13, 13, 0, kReferences},
};

enum Family { kConvolution, kMatrix, kActivation, kNormalization, kElementwise, kPooling, kMovement };
constexpr absl::string_view kFamilies[] = {
    "convolution", "matrix product", "activation", "normalization", "elementwise", "pooling and sums",
    "data movement and other"};

struct OperatorRow {
  absl::string_view op;
  Family family;
};
constexpr OperatorRow kOperators[] = {
    {"Conv", kConvolution},
    {"ConvTranspose", kConvolution},
    {"Gemm", kMatrix},
    {"MatMul", kMatrix},
    {"Einsum", kMatrix},
    {"Relu", kActivation},
    {"LeakyRelu", kActivation},
    {"Max", kActivation},
    {"Min", kActivation},
    {"Clip", kActivation},
    {"Sigmoid", kActivation},
    {"HardSigmoid", kActivation},
    {"HardSwish", kActivation},
    {"Tanh", kActivation},
    {"Gelu", kActivation},
    {"Erf", kActivation},
    {"Exp", kActivation},
    {"Softmax", kActivation},
    {"LogSoftmax", kActivation},
    {"BatchNormalization", kNormalization},
    {"LayerNormalization", kNormalization},
    {"InstanceNormalization", kNormalization},
    {"GroupNormalization", kNormalization},
    {"LRN", kNormalization},
    {"Add", kElementwise},
    {"Sub", kElementwise},
    {"Mul", kElementwise},
    {"Div", kElementwise},
    {"Neg", kElementwise},
    {"Pow", kElementwise},
    {"Sqrt", kElementwise},
    {"Sum", kElementwise},
    {"Where", kElementwise},
    {"MaxPool", kPooling},
    {"AveragePool", kPooling},
    {"GlobalAveragePool", kPooling},
    {"GlobalMaxPool", kPooling},
    {"ReduceMean", kPooling},
    {"ReduceSum", kPooling},
};

}  // namespace

absl::string_view StageId(int stage) { return kIds[stage]; }
absl::string_view StageTitle(int stage) { return kTitles[stage]; }

bool ReportColumn::complete() const {
  return error.empty() && unprovable.empty() && provable_slices() == arithmetic_slices();
}

int64_t ReportColumn::arithmetic_slices() const {
  return std::count_if(slices.begin(), slices.end(),
                       [](const ReportSlice& slice) { return slice.arithmetic; });
}

int64_t ReportColumn::provable_slices() const {
  return std::count_if(slices.begin(), slices.end(), [](const ReportSlice& slice) {
    return slice.arithmetic && slice.provable;
  });
}

int ReportColumn::largest_slice(size_t metric) const {
  int largest = -1;
  for (size_t i = 0; i < slices.size(); ++i) {
    if (largest < 0 || ValueOf(slices[static_cast<size_t>(largest)].counts, metric) <
                           ValueOf(slices[i].counts, metric)) {
      largest = static_cast<int>(i);
    }
  }
  return largest;
}

const ReportCheck* FindCheck(absl::string_view backend, absl::string_view metric) {
  const auto* found = std::find_if(std::begin(kChecks), std::end(kChecks), [&](const ReportCheck& c) {
    return c.backend == backend && c.metric == metric;
  });
  return found == std::end(kChecks) ? nullptr : found;
}

std::string CheckText(absl::string_view backend, absl::string_view metric) {
  if (backend == "dsperse_estimate") {
    return "the formula of DSperse's own slicer, which is an estimate itself";
  }
  const ReportCheck* check = FindCheck(backend, metric);
  if (check == nullptr) return "not compared with the tool's counts, or not equal to them: a rough figure";
  if (check->equal == check->of) {
    return absl::StrCat("equal to the tool's count in all ", check->of, " ", check->text);
  }
  return absl::StrFormat("equal to the tool's count in %d of %d %s, else up to %.1f %% off",
                         check->equal, check->of, check->text, check->largest_error_percent);
}

int OperatorFamily(absl::string_view op) {
  const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                   [&](const OperatorRow& row) { return row.op == op; });
  return found == std::end(kOperators) ? kMovement : found->family;
}

std::vector<absl::string_view> FamilyNames() {
  return {std::begin(kFamilies), std::end(kFamilies)};
}

}  // namespace dsperse
