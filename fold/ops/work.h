// Work: neutral counts of what an operator computes, for backends to price and reports to compare.
//
// Counted from shapes alone. A dot product of k terms is k products and k − 1 additions (k with a
// bias); taps in the padding count. Results of fixed-point products are rescaled once per element.
#ifndef DSPERSE_FOLD_OPS_WORK_H_
#define DSPERSE_FOLD_OPS_WORK_H_

#include "absl/strings/string_view.h"
#include "fold/ops/op.h"

namespace dsperse {

// The function for an operator, or null: it moves data, works on shapes, or isn't covered.
WorkFn WorkFunctionFor(absl::string_view op_type, absl::string_view domain);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_WORK_H_
