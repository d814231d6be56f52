#include "slicer/prepare.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "circuit_estimate/backend.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/zero_comparison.h"
#include "fold/passes/eliminate_dead_nodes.h"
#include "nlohmann/json.hpp"
#include "slicer/circuit_products.h"
#include "slicer/constants.h"
#include "slicer/prepare_warnings.h"
#include "slicer/slices_json.h"

namespace dsperse {
namespace {

absl::StatusOr<const Target*> TargetNamed(absl::string_view name) {
  if (name == "none") return nullptr;
  if (const Target* target = Target::Find(name)) return target;
  return absl::InvalidArgumentError(
      absl::StrCat("no target '", name, "'; there are ", absl::StrJoin(Target::Names(), ", "), ", none"));
}

// How far each value that may enter a slice is lifted.
struct KnownLifts {
  InputRanges inputs;
  std::unique_ptr<Lifts> lifts;
};

absl::StatusOr<std::shared_ptr<KnownLifts>> FindLifts(const PrepareOptions& options, Prepared* prepared) {
  const Graph& graph = *prepared->graph;
  std::vector<std::string> unknown;
  for (const auto& [name, bound] : options.lift.given) {
    if (!graph.FindValue(name).valid()) unknown.push_back(absl::StrCat("'", name, "'"));
  }
  if (!unknown.empty()) {
    prepared->warnings.push_back(absl::StrCat("--activation-range: the folded model has no value ",
                                              absl::StrJoin(unknown, ", ")));
  }
  auto known = std::make_shared<KnownLifts>();
  DSPERSE_ASSIGN_OR_RETURN(known->inputs,
                           ParseInputRanges(options.fold_options.input_ranges, graph));
  known->lifts = std::make_unique<Lifts>(&graph, prepared->facts.get(), &known->inputs, options.lift);
  return known;
}

// Comparisons can be narrowed where slices are sure to have an input to make zeros of: all that is computed are
// floats, one at least. And Slice and Max must have their present forms.
bool CanNarrow(const Graph& graph, Facts* facts) {
  constexpr int64_t kLeastOpset = 10;
  if (graph.opset() < kLeastOpset) return false;
  for (int32_t i = 0; i < graph.ValueLimit(); ++i) {
    const ValueId v{i};
    if (!graph.IsLive(v) || graph.BlockOf(v) != graph.main() || facts->ConstantOf(v) != nullptr) continue;
    if (facts->TypeOf(v) != DType::kFloat) return false;
    const std::optional<Dims> dims = facts->StaticShape(v);
    if (!dims.has_value() || std::find(dims->begin(), dims->end(), 0) != dims->end()) return false;
  }
  return true;
}

// Are slices that don't end at 64 bits wanted? Where the user says how large they get, by a budget or a policy. Else they
// are cut for nothing but price, so where a circuit of the whole network can be compiled: measured, one of 0.3 million
// products takes 2 GB, of 0.9 million 6 GB, of 4.9 million more than 15 GB.
bool WantsNarrow(const Prepared& prepared) {
  constexpr uint64_t kCompiledAsOne = 2'000'000;
  const PlanOptions& options = prepared.plan_options;
  if (options.policy != Policy::kBudget || options.budget.has_value()) return true;
  return CircuitProducts(*prepared.graph, *prepared.facts, options.target,
                         prepared.graph->Nodes(prepared.graph->main())) <= kCompiledAsOne;
}

// What pricing each slice again as a circuit of its own tells: in slices with a proof, which comparisons were priced as
// narrowed, with `lifts`; in others, how many nodes count as 0 because the backend has no price for them. `view` is that of
// the plan, which has read the weights.
absl::Status NoteHowSlicesWerePriced(const Backend& backend, const Parameters& parameters, ModelView& view, Lifts* lifts,
                                     Prepared* prepared) {
  for (Slice& slice : prepared->plan.slices) {
    if (!slice.arithmetic || (slice.provable && lifts == nullptr)) continue;
    const Range range = MakeRange(view, prepared->plan.order, static_cast<size_t>(slice.begin),
                                  static_cast<size_t>(slice.end));
    DSPERSE_ASSIGN_OR_RETURN(const RangeCounts counts, backend.CountRange(view, range, parameters));
    for (const NodeCounts& node : counts.nodes) {
      if (!slice.provable) {
        slice.unpriced_nodes +=
            !node.unsupported.empty() && node.counts.values[backend.price_metric()].value() == 0;
      } else if (node.narrowed) {
        const ValueId x = ComparedWithZero(*prepared->facts, prepared->graph->node(node.node));
        slice.narrowings.push_back({node.node, x, lifts->Inside(x)});
      }
    }
  }
  return absl::OkStatus();
}

std::string AccountText(const Prepared& prepared, const Extractor& extractor) {
  return SlicesJson(*prepared.graph, *prepared.facts, prepared.plan, prepared.plan_options, extractor)
             .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace

std::string LoweringTarget(const PrepareOptions& options) {
  if (!options.target.empty()) return options.target;
  if (options.plan.policy == Policy::kDsperse) return "none";
  if (options.backend == "ezkl_halo2") return "ezkl";
  // Neither has an operator list of its own: their pricers say what they refuse. To lower for jstprove would
  // put Max, which the remainder proof system has not, in the place of Relu, which it has.
  if (options.backend == "r1cs_circom" || options.backend == "jstprove_remainder") return "none";
  return "jstprove";
}

absl::StatusOr<Prepared> Prepare(Graph graph, const PrepareOptions& options) {
  Prepared out;
  out.backend = options.backend;
  DSPERSE_ASSIGN_OR_RETURN(const Backend* backend, BackendNamed(options.backend));
  Parameters parameters(backend->parameters());
  for (const std::string& p : options.parameters) DSPERSE_RETURN_IF_ERROR(parameters.Set(p));
  const bool as_dsperse = options.plan.policy == Policy::kDsperse;
  DSPERSE_ASSIGN_OR_RETURN(const Target* target, TargetNamed(LoweringTarget(options)));

  const std::vector<std::string> frozen = graph.FreezeInputs();
  if (!frozen.empty()) {
    out.notices.push_back(absl::StrCat(
        frozen.size(), " inputs that have an initializer are constants now: no prover takes them"));
  }
  DSPERSE_ASSIGN_OR_RETURN(const std::vector<std::string> shape_notices,
                           FixInputShapes(options.shapes, &graph));
  out.notices.insert(out.notices.end(), shape_notices.begin(), shape_notices.end());

  DSPERSE_ASSIGN_OR_RETURN(const PricerFactory factory, MakePricerFactory(*backend, parameters));
  if (options.fold) {
    FoldOptions fold = options.fold_options;
    if (as_dsperse && fold.passes.empty()) fold.passes = "dsperse";
    if (options.lower && !as_dsperse) {
      fold.target = target;
      fold.pricer = factory;
      fold.lower = target != nullptr;
    }
    DSPERSE_ASSIGN_OR_RETURN(out.fold, FoldModel(graph, fold));
  }
  out.graph = std::make_unique<Graph>(std::move(graph));
  out.facts = std::make_unique<Facts>(out.graph.get());
  DSPERSE_ASSIGN_OR_RETURN(const int turned,
                           ConstantsToInitializers(*out.graph, *out.facts, options.max_initializer_bytes));
  if (turned > 0) {
    out.notices.push_back(absl::StrCat(turned, turned == 1 ? " constant node is" : " constant nodes are",
                                       " written as ", turned == 1 ? "an initializer" : "initializers"));
  }
  // A slice of nodes that nobody reads would have no output. What made the size of a ConstantOfShape is such a node
  // now, and without folding there may have been others.
  const int64_t nodes = out.graph->NumNodes();
  PassContext sweep(out.graph.get(), {});
  DSPERSE_RETURN_IF_ERROR(EliminateDeadNodes().Run(*out.graph, sweep).status());
  if (const int64_t gone = nodes - out.graph->NumNodes(); gone > 0) {
    out.notices.push_back(absl::StrCat(gone, gone == 1 ? " node whose result" : " nodes whose results",
                                       " nobody reads ", gone == 1 ? "is" : "are", " left out"));
  }

  out.plan_options = options.plan;
  out.plan_options.target = as_dsperse && options.target.empty() ? Target::Find("jstprove") : target;
  std::unique_ptr<RangePricer> dsperse;
  if (as_dsperse) {
    const Backend* estimate = FindBackend("dsperse_estimate");
    DSPERSE_ASSIGN_OR_RETURN(dsperse, estimate->NewPricer(std::make_shared<ModelView>(out.graph.get(), out.facts.get()),
                                                          Parameters(estimate->parameters())));
    out.plan_options.dsperse_estimate = [&](NodeId node) -> std::optional<uint64_t> {
      dsperse->Begin();
      const RangePrice price = dsperse->Extend(node);
      if (!price.provable) return std::nullopt;
      return price.price;
    };
  }
  std::shared_ptr<KnownLifts> known;
  if (options.fold && options.lower && !as_dsperse && target != nullptr && target->name() == kLiftedTarget) {
    DSPERSE_ASSIGN_OR_RETURN(known, FindLifts(options, &out));
    out.entry_bounds = [known](ValueId v) { return known->lifts->Of(v).bound(); };
    if (options.lift.narrow && WantsNarrow(out) && CanNarrow(*out.graph, out.facts.get())) {
      out.narrow_bounds = [known](ValueId v) { return known->lifts->Inside(v).bound(); };
    }
  }
  const auto view = std::make_shared<ModelView>(out.graph.get(), out.facts.get());
  view->set_entry_bounds(out.entry_bounds);
  view->set_narrow_bounds(out.narrow_bounds);
  view->set_asks_for_all();
  DSPERSE_ASSIGN_OR_RETURN(const std::unique_ptr<RangePricer> pricer, backend->NewPricer(view, parameters));
  DSPERSE_ASSIGN_OR_RETURN(out.plan, MakePlan(*out.graph, *out.facts, *pricer, out.plan_options));
  out.plan_options.dsperse_estimate = nullptr;
  for (Slice& slice : out.plan.slices) {
    if (known == nullptr || !slice.provable || !slice.arithmetic) continue;
    for (ValueId v : slice.inputs) slice.lifts.push_back(known->lifts->Of(v));
  }
  DSPERSE_RETURN_IF_ERROR(out.graph->SetOrder(out.graph->main(), out.plan.order));
  DSPERSE_RETURN_IF_ERROR(
      NoteHowSlicesWerePriced(*backend, parameters, *view, known == nullptr ? nullptr : known->lifts.get(), &out));
  Warn(&out);
  return out;
}

absl::StatusOr<std::string> SlicesAccount(const Prepared& prepared) {
  DSPERSE_ASSIGN_OR_RETURN(const Extractor extractor,
                           Extractor::Make(*prepared.graph, *prepared.facts, prepared.plan));
  return AccountText(prepared, extractor);
}

absl::StatusOr<WrittenDirectory> WriteSlices(const Prepared& prepared, const std::string& path,
                                             const WriteOptions& options) {
  DSPERSE_ASSIGN_OR_RETURN(const Extractor extractor,
                           Extractor::Make(*prepared.graph, *prepared.facts, prepared.plan));
  const Metadata metadata =
      MakeMetadata(*prepared.graph, *prepared.facts, prepared.plan, extractor);
  WriteOptions with_account = options;
  std::string account = AccountText(prepared, extractor);
  with_account.files.emplace_back("slices.json", account);
  DSPERSE_ASSIGN_OR_RETURN(WrittenDirectory written, WriteDirectory(extractor, prepared.plan, metadata,
                                                                    path, with_account));
  written.account = std::move(account);
  return written;
}

}  // namespace dsperse
