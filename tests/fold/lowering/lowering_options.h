// Lowering alone, for one target, without a price.
#ifndef DSPERSE_TESTS_FOLD_LOWERING_LOWERING_OPTIONS_H_
#define DSPERSE_TESTS_FOLD_LOWERING_LOWERING_OPTIONS_H_

#include "fold/fold_model.h"
#include "fold/ops/target.h"

namespace dsperse::testing {

inline FoldOptions LoweringForJstprove(bool exact = false) {
  FoldOptions options;
  options.passes = "none";
  options.target = Target::Find("jstprove");
  options.lower = true;
  options.pass_options.exact = exact;
  return options;
}

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_FOLD_LOWERING_LOWERING_OPTIONS_H_
