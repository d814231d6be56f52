// Passing a value on: taking a node out from between its input and its readers.
#ifndef DSPERSE_FOLD_PASSES_REWIRE_H_
#define DSPERSE_FOLD_PASSES_REWIRE_H_

#include <string>

#include "fold/ir/graph.h"

namespace dsperse {

// Why the readers of `from`, an output of some node, can't read `to` instead with that node gone; "" if
// they can. Only a block output can be in the way: it keeps its name, so `to` must come from a node of the
// same block and not be an output itself.
std::string WhyNotForward(const Graph& graph, ValueId from, ValueId to);

// Does that (WhyNotForward must be ""): all readers of `from` get `to`; where `from` is a block output,
// it takes the place of `to`. `from`'s producer, which must read nothing but constants and `to`, is removed.
void ForwardAndRemove(Graph& graph, ValueId from, ValueId to);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_REWIRE_H_
