// The harness of pass tests: text in, one call, expectations out.
//
//   Graph graph = ParseGraph(R"(…)");
//   const PassResult result = RunPass(FuseConvBatchNorm(), graph);
//   EXPECT_TRUE(result.changed);
//   EXPECT_EQ(Ops(graph), "Conv");
#ifndef DSPERSE_TESTS_SUPPORT_RUN_PASS_H_
#define DSPERSE_TESTS_SUPPORT_RUN_PASS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "fold/fold_model.h"
#include "fold/ir/graph.h"
#include "fold/pass.h"
#include "gmock/gmock.h"

namespace dsperse::testing {

struct PassResult {
  bool changed = false;
  std::vector<Remark> remarks;  // of the first run
};

struct HarnessOptions {
  // Results before and after may differ by this much of the largest value.
  double tolerance = 1e-5;
  // False for models that the interpreter can't run (the test says why).
  bool compare = true;
  // Values of symbolic dimensions of the inputs.
  int64_t symbolic_dim = 2;
};

// Runs `pass` on `graph` and asserts what every pass owes:
//   - it succeeds and leaves a graph that passes Verify;
//   - `changed` is true to the graph (exported bytes are compared);
//   - a second run changes nothing;
//   - export and import give the same graph again;
//   - the interpreter computes the same results before and after, on seeded inputs (models that hold an
//     operator it doesn't have are not compared).
PassResult RunPass(const Pass& pass, Graph& graph, const PassOptions& options = {},
                   const HarnessOptions& harness = {});

// The same for a whole pipeline: `options.passes` as on the command line.
FoldReport RunFold(Graph& graph, const FoldOptions& options = {},
                   const HarnessOptions& harness = {});

// Seeded values of either sign for the inputs that a run of the graph must be given, in −2 … 2 for
// floats and 0 … 2 for the other types.
std::vector<Tensor> SeededInputs(const Graph& graph, uint64_t seed, int64_t symbolic_dim = 2);

// The texts of all misses, in order.
std::vector<std::string> MissTexts(const PassResult& result);

// All elements of the constant that the main-graph value of that name is; fails the test if there is none.
std::vector<double> ConstantNamed(const Graph& graph, absl::string_view name);

// All elements of the constant that input `index` of `node` reads.
std::vector<double> ConstantInput(const Graph& graph, NodeId node, int index);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_SUPPORT_RUN_PASS_H_
