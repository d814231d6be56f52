// A lower bound of a value's rank where a few nodes before it tell.
//
// Asking `Facts` the first time registers the schemas of all operators and infers all that lies before the
// value: 15 ms and 5 MB for a question that the Conv above the pooling above a Flatten answers.
#ifndef DSPERSE_FOLD_PASSES_RANK_AT_SIGHT_H_
#define DSPERSE_FOLD_PASSES_RANK_AT_SIGHT_H_

#include "fold/ir/graph.h"

namespace dsperse {

// Follows first inputs, through operators whose result has their rank or a larger one, up to a Conv or
// ConvTranspose of constant weight. 0 where there is none within a few steps, so O(1).
int LeastRankAtSight(const Graph& graph, ValueId value);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_RANK_AT_SIGHT_H_
