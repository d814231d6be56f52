// A look at the constant behind a value, where a copy (ConstantOf) would be too much.
#ifndef DSPERSE_FOLD_PASSES_FIND_CONSTANT_H_
#define DSPERSE_FOLD_PASSES_FIND_CONSTANT_H_

#include <optional>

#include "fold/ir/graph.h"

namespace dsperse {

// Is there one, as ConstantOf finds it?
bool IsConstant(const Graph& graph, ValueId value);

// Points to the graph's tensor, or to one that is made in `storage`; null where there is none.
const Tensor* FindConstant(const Graph& graph, ValueId value, std::optional<Tensor>* storage);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_PASSES_FIND_CONSTANT_H_
