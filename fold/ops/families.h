// The operator families: each function appends its rows of the operator table. One file a family.
//
// A new family is a line here and a line in op_table.cc (`kFamilies`). Rows may come in any order; the
// table sorts them. `work` stays null: the table fills it (fold/ops/work.h).
#ifndef DSPERSE_FOLD_OPS_FAMILIES_H_
#define DSPERSE_FOLD_OPS_FAMILIES_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "fold/ops/op.h"

namespace dsperse {

// Appends a row of the default domain with default flags, which the caller sets where its operator differs.
// The reference is good until the next row comes.
inline OpDef& AddRow(std::vector<OpDef>* rows, absl::string_view op_type, int64_t since, EvaluateFn evaluate) {
  OpDef& row = rows->emplace_back();
  row.op_type = op_type;
  row.since = since;
  row.evaluate = evaluate;
  return row;
}

void AppendActivationOps(std::vector<OpDef>* rows);
void AppendArithmeticOps(std::vector<OpDef>* rows);
void AppendAxisOps(std::vector<OpDef>* rows);
void AppendBatchNormOps(std::vector<OpDef>* rows);
void AppendCastOps(std::vector<OpDef>* rows);
void AppendConcatPadOps(std::vector<OpDef>* rows);
void AppendConstantOps(std::vector<OpDef>* rows);
void AppendConvOps(std::vector<OpDef>* rows);
void AppendEinsumOps(std::vector<OpDef>* rows);
void AppendGatherOps(std::vector<OpDef>* rows);
void AppendLogicOps(std::vector<OpDef>* rows);
void AppendMatMulOps(std::vector<OpDef>* rows);
void AppendNormalizationOps(std::vector<OpDef>* rows);
void AppendPoolOps(std::vector<OpDef>* rows);
void AppendPowOp(std::vector<OpDef>* rows);
void AppendQuantizeOps(std::vector<OpDef>* rows);
void AppendRecurrentOps(std::vector<OpDef>* rows);
void AppendReduceOps(std::vector<OpDef>* rows);
void AppendReshapeOps(std::vector<OpDef>* rows);
void AppendResizeOps(std::vector<OpDef>* rows);
void AppendScatterOps(std::vector<OpDef>* rows);
void AppendSelectOps(std::vector<OpDef>* rows);
void AppendShapeOps(std::vector<OpDef>* rows);
void AppendSliceOps(std::vector<OpDef>* rows);
void AppendTopKOps(std::vector<OpDef>* rows);
void AppendTransposeOps(std::vector<OpDef>* rows);
void AppendUnaryOps(std::vector<OpDef>* rows);
void AppendVariadicOps(std::vector<OpDef>* rows);
void AppendVisionOps(std::vector<OpDef>* rows);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_FAMILIES_H_
