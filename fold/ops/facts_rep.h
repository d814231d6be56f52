// The inside of Facts, shared by facts.cc and body_facts.cc; not for others.
#ifndef DSPERSE_FOLD_OPS_FACTS_REP_H_
#define DSPERSE_FOLD_OPS_FACTS_REP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "fold/ir/graph.h"
#include "fold/ops/facts.h"

namespace dsperse {

struct Facts::Rep {
  const Graph& graph;
  FactsOptions options;
  // By value; null: not inferred yet.
  std::vector<std::unique_ptr<Fact>> facts;
  absl::flat_hash_map<NodeId, std::string> problems;
  absl::Status first_error;
  // Values in the order they were inferred, kept while a body is tried out (`trials` > 0): a trial that
  // fails takes back what it inferred within the body.
  std::vector<ValueId> journal;
  int trials = 0;

  // Has an input of the model an open dimension? Then sizes declared of results may be of another run.
  bool open_inputs = false;

  Rep(const Graph* of, FactsOptions with);

  bool Known(ValueId value) const {
    return static_cast<size_t>(value.index) < facts.size() && facts[value.index] != nullptr;
  }
  const Fact& At(ValueId value) const { return *facts[value.index]; }
  void Store(ValueId value, Fact fact);
  void Note(const NodeView& node, const absl::Status& status);

  // Infers `value` and all that it needs. The stack is explicit; only a body within a body recurses.
  void Resolve(ValueId value);
  // Values that must be known before `value` can be computed, those that aren't yet.
  void Missing(ValueId value, std::vector<ValueId>* missing) const;
  void Compute(ValueId value);
  void ComputeNode(const NodeView& node);
  void StoreOutputs(const NodeView& node, std::vector<Fact> outputs, const absl::Status& status);
  // Fills what `fact` leaves open from what the file declares; false if they contradict each other,
  // in which case the declaration counts for nothing.
  bool MergeDeclared(ValueId value, Fact* fact) const;

  // body_facts.cc
  void ComputeIf(const NodeView& node);
  void ComputeLoop(const NodeView& node);
  void ComputeScan(const NodeView& node);
  // Infers a body whose inputs begin as `inputs`, of which those at `carried` are fed back from the
  // outputs at `fed_by`: an entry is weakened until the body keeps it. On return `inputs` holds
  // invariants and the body's outputs are known.
  void InferBody(BlockId body, const std::vector<std::pair<int, int>>& carried,
                 std::vector<Fact>* inputs);
  void TakeBack(size_t since, BlockId body);
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_OPS_FACTS_REP_H_
