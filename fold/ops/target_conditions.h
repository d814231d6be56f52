// Conditions of the targets' tables, and the tables that have a file of their own.
#ifndef DSPERSE_FOLD_OPS_TARGET_CONDITIONS_H_
#define DSPERSE_FOLD_OPS_TARGET_CONDITIONS_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "fold/ops/target.h"

namespace dsperse {

bool AllOnes(const std::vector<int64_t>& values);
// Every input but the first is constant.
std::string ConstantOperands(const Graph& graph, const NodeView& node, Facts& facts);

// Does a nearest Resize by the whole `scale` take the element p / scale, rounded down, for place p?
bool RepeatsAlike(const NodeView& node, double scale);

// By operator name. What EZKL 23.0.5 gives settings for, computes as ONNX does, and a formula describes.
absl::Span<const TargetRow> EzklRows();

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_TARGET_CONDITIONS_H_
