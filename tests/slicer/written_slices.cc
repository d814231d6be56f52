#include "tests/slicer/written_slices.h"

#include <cstdlib>
#include <utility>

#include "circuit_estimate/backend.h"
#include "circuit_estimate/estimate_graph.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"
#include "tests/support/parse.h"
#include "tests/support/temp_dir.h"

namespace dsperse::testing {
namespace {

template <typename T>
T Require(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) std::abort();
  return *std::move(result);
}

}  // namespace

WrittenSlices WriteAndLoad(absl::string_view model, const PrepareOptions& options) {
  Prepared prepared = Require(Prepare(ParseGraph(model), options));
  const TempDir dir;
  Require(WriteSlices(prepared, dir.File("s")));
  LoadedSlices slices = Require(LoadSlices(dir.File("s")));
  Metadata metadata = Require(DecodeMetadata(ReadAll(dir.File("s/metadata.msgpack"))));
  return {std::move(prepared), std::move(slices), std::move(metadata)};
}

void ExpectPricesOfTheFiles(const WrittenSlices& written) {
  const Backend& backend = *FindBackend("jstprove_expander");
  const Parameters parameters(backend.parameters());
  ModelView view(written.prepared.graph.get(), written.prepared.facts.get());
  view.set_entry_bounds(written.prepared.entry_bounds);
  view.set_narrow_bounds(written.prepared.narrow_bounds);
  for (size_t i = 0; i < written.slices.slices.size(); ++i) {
    const Slice& slice = written.prepared.plan.slices[i];
    const Graph& graph = written.slices.slices[i].graph;
    Facts own(&graph);
    const auto estimate = EstimateGraph(graph, own, backend, parameters);
    ASSERT_TRUE(estimate.ok()) << estimate.status();
    EXPECT_EQ(slice.price, estimate->TotalOf("constraints")) << i;
    EXPECT_EQ(slice.bits, estimate->bits) << i;
    const Range range = MakeRange(view, written.prepared.plan.order, static_cast<size_t>(slice.begin),
                                  static_cast<size_t>(slice.end));
    const auto counts = backend.CountRange(view, range, parameters);
    ASSERT_TRUE(counts.ok()) << counts.status();
    for (size_t k = 0; k < backend.metrics().size(); ++k) {
      EXPECT_EQ(counts->total.values[k].value(), estimate->total.values[k].value())
          << i << " " << backend.metrics()[k].name;
    }
  }
}

}  // namespace dsperse::testing
