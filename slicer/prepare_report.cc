#include "slicer/prepare_report.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "circuit_estimate/model_view.h"
#include "fold/ir/layout.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/interpreter.h"
#include "fold/ops/provability.h"

namespace dsperse {
namespace {

constexpr size_t kExamples = 3;

std::string OperatorName(const NodeView& node) {
  return absl::StrCat(node.domain(), node.domain().empty() ? "" : ".", node.op_type());
}

// Bytes of the file, were `graph` saved.
absl::StatusOr<int64_t> SavedBytes(const Graph& graph) {
  PayloadTable payloads;
  DSPERSE_ASSIGN_OR_RETURN(const std::string skeleton, graph.ExportBytes(&payloads));
  DSPERSE_ASSIGN_OR_RETURN(const uint64_t bytes, InlineBytes(skeleton, payloads));
  return static_cast<int64_t>(bytes);
}

ReportCounts CountsOf(const ModelCounts& counts, int64_t bytes) {
  return {counts.nodes, counts.batch_norms, counts.initializers, bytes};
}

absl::StatusOr<ReportCounts> CountsOf(const Graph& graph) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t bytes, SavedBytes(graph));
  return CountsOf(CountModel(graph), bytes);
}

// "fused into Conv 'n74', |gain| 0.1 to 2" → "fused into Conv": what equal remarks have in common. A name that no
// operator stands before becomes "…".
std::string WithoutNames(absl::string_view text) {
  text = text.substr(0, text.find(", |gain|"));
  std::string out;
  while (true) {
    const size_t open = text.find('\'');
    const size_t close = open == text.npos ? text.npos : text.find('\'', open + 1);
    if (close == text.npos) return absl::StrCat(out, text);
    absl::StrAppend(&out, text.substr(0, open));
    text.remove_prefix(close + 1);
    const size_t word = out.rfind(' ', out.size() - 2) + 1;  // of what ends with a space
    const bool named = absl::EndsWith(out, " ") && absl::ascii_isupper(static_cast<unsigned char>(out[word]));
    if (named) {
      out.pop_back();
    } else {
      absl::StrAppend(&out, "…");
    }
  }
}

// What was done first, then what was not, each by falling count.
std::vector<ReportRemark> GroupRemarks(const std::vector<Remark>& remarks) {
  std::map<std::tuple<int, std::string, std::string, std::string>, ReportRemark> groups;
  for (const Remark& remark : remarks) {
    const std::string text = WithoutNames(remark.text);
    ReportRemark& group =
        groups[{static_cast<int>(remark.kind), remark.pass, remark.op, text}];
    if (group.count++ == 0) {
      group.kind = std::string(RemarkKindName(remark.kind));
      group.pass = remark.pass;
      group.op = remark.op;
      group.text = text;
    }
    if (group.examples.size() < kExamples && !remark.node.empty()) {
      group.examples.push_back(remark.node);
    }
    for (const double gain : remark.gains) {
      const double size = gain < 0 ? -gain : gain;
      if (!group.gains) group.gains = {size, size};
      group.gains->first = std::min(group.gains->first, size);
      group.gains->second = std::max(group.gains->second, size);
    }
  }
  std::vector<ReportRemark> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  const auto rank = [](const ReportRemark& r) {
    return r.kind == "applied" ? 0 : r.kind == "missed" ? 1 : 2;
  };
  std::stable_sort(out.begin(), out.end(), [&](const ReportRemark& a, const ReportRemark& b) {
    return std::make_tuple(rank(a), -a.count) < std::make_tuple(rank(b), -b.count);
  });
  return out;
}

void SortByPrice(size_t metric, std::vector<ReportOperator>* operators) {
  std::stable_sort(operators->begin(), operators->end(),
                   [metric](const ReportOperator& a, const ReportOperator& b) {
                     return ValueOf(b.counts, metric) < ValueOf(a.counts, metric);
                   });
}

std::vector<ReportOperator> Values(std::map<std::string, ReportOperator> by_name, size_t metric) {
  std::vector<ReportOperator> out;
  for (auto& [name, op] : by_name) {
    op.op = name;
    out.push_back(std::move(op));
  }
  SortByPrice(metric, &out);
  return out;
}

// Adds what a slice costs to the column's totals: a metric that does not add up keeps its largest value.
void AddToTotal(const Backend& backend, const Counts& counts, Counts* total) {
  for (size_t i = 0; i < backend.metrics().size() && i < counts.values.size(); ++i) {
    if (backend.metrics()[i].additive) {
      total->values[i] += counts.values[i];
    } else {
      total->values[i] = Count(std::max(total->values[i].value(), counts.values[i].value()));
    }
  }
  total->approximate |= counts.approximate;
}

// Prices the slices of one prepared model.
class ColumnPricer {
 public:
  ColumnPricer(const Prepared& prepared, const Backend& backend, const Parameters& parameters)
      : prepared_(prepared),
        backend_(backend),
        parameters_(parameters),
        view_(prepared.graph.get(), prepared.facts.get()) {
    view_.set_entry_bounds(prepared.entry_bounds);
    view_.set_narrow_bounds(prepared.narrow_bounds);
  }

  absl::Status Fill(ReportColumn* column) {
    const size_t metrics = backend_.metrics().size();
    column->total = column->inputs = column->outputs = column->fixed = Counts(metrics);
    for (const Slice& slice : prepared_.plan.slices) {
      DSPERSE_RETURN_IF_ERROR(AddSlice(slice, column));
    }
    if (column->total.overflow()) {
      return absl::ResourceExhaustedError("the sum of the slices' counts exceeds 64 bits");
    }
    column->operators = Values(std::move(operators_), backend_.price_metric());
    return absl::OkStatus();
  }

 private:
  absl::Status AddSlice(const Slice& slice, ReportColumn* column) {
    const Graph& graph = *prepared_.graph;
    const size_t metrics = backend_.metrics().size();
    const size_t price = backend_.price_metric();
    const Range range = MakeRange(view_, prepared_.plan.order, static_cast<size_t>(slice.begin),
                                  static_cast<size_t>(slice.end));
    DSPERSE_ASSIGN_OR_RETURN(RangeCounts counts, backend_.CountRange(view_, range, parameters_));
    const auto lacks_a_price = [](const NodeCounts& node) { return !node.unsupported.empty(); };
    if (view_.guessed_sizes() ||
        std::any_of(counts.nodes.begin(), counts.nodes.end(), lacks_a_price)) {
      counts.total.approximate = (uint32_t{1} << metrics) - 1;
    }

    ReportSlice out;
    out.bits = slice.bits;
    out.input_elements = slice.input_elements;
    out.output_elements = slice.output_elements;
    out.arithmetic = slice.arithmetic;
    out.provable = slice.provable;
    out.reason = slice.reason;
    out.counts = slice.arithmetic ? counts.total : Counts(metrics);

    std::map<std::string, ReportOperator> by_name;
    absl::flat_hash_set<NodeId> refused;
    for (NodeCounts& node : counts.nodes) {
      if (lacks_a_price(node)) node.counts.approximate = (uint32_t{1} << metrics) - 1;
      const std::string op = OperatorName(graph.node(node.node));
      const bool priced = node.unsupported.empty() || ValueOf(node.counts, price) > 0;
      ++column->circuit_nodes;
      column->priced_nodes += priced;
      if (slice.arithmetic) {
        for (std::map<std::string, ReportOperator>* sums : {&by_name, &operators_}) {
          ReportOperator& sum = (*sums)[op];
          if (sum.nodes == 0) sum.counts = Counts(metrics);
          ++sum.nodes;
          sum.counts += node.counts;
        }
      }
      if (!node.unsupported.empty()) {
        refused.insert(node.node);
        column->unprovable.push_back({std::string(NodeLabel(graph, node.node)), op,
                                      WhyNot(node.node, node.unsupported), priced});
      }
    }
    for (int p = slice.begin; p < slice.end; ++p) {
      const NodeId id = prepared_.plan.order[static_cast<size_t>(p)];
      out.nodes.emplace_back(NodeLabel(graph, id));
      if (refused.contains(id)) continue;
      if (std::string why = WhyNot(id, ""); !why.empty()) {
        column->unprovable.push_back(
            {out.nodes.back(), OperatorName(graph.node(id)), std::move(why), true});
      }
    }
    out.operators = Values(std::move(by_name), price);
    AddToTotal(backend_, out.counts, &column->total);
    if (slice.arithmetic) {
      column->inputs += counts.inputs;
      column->outputs += counts.outputs;
      column->fixed += counts.fixed;
    }
    column->slices.push_back(std::move(out));
    return absl::OkStatus();
  }

  // The target's reason, where it has one, else the backend's.
  std::string WhyNot(NodeId id, absl::string_view backend_says) {
    const Target* target = prepared_.plan_options.target;
    const Graph& graph = *prepared_.graph;
    if (target != nullptr && !ComputesNothing(*target, graph.node(id), *prepared_.facts)) {
      std::string why = target->WhyNot(graph, graph.node(id), *prepared_.facts);
      if (!why.empty()) return why;
    }
    return std::string(backend_says);
  }

  const Prepared& prepared_;
  const Backend& backend_;
  const Parameters& parameters_;
  ModelView view_;
  std::map<std::string, ReportOperator> operators_;
};

struct ColumnRequest {
  const LoadedModel* model;
  const Backend* backend;
  const Parameters* parameters;
  PrepareOptions prepare;
  std::string target;
};

// What the passes alone make of the model, before anything is lowered.
absl::StatusOr<ReportCounts> CountFolded(const ColumnRequest& request) {
  DSPERSE_ASSIGN_OR_RETURN(Graph graph, request.model->graph.Clone());
  graph.FreezeInputs();
  DSPERSE_RETURN_IF_ERROR(FixInputShapes(request.prepare.shapes, &graph).status());
  FoldOptions fold = request.prepare.fold_options;
  fold.target = Target::Find(request.target);
  DSPERSE_RETURN_IF_ERROR(FoldModel(graph, fold).status());
  return CountsOf(graph);
}

absl::Status FillColumn(const ColumnRequest& request, ReportColumn* column,
                        std::vector<std::string>* notices) {
  if (request.prepare.fold) {
    DSPERSE_ASSIGN_OR_RETURN(column->model, CountFolded(request));
  } else {
    column->model = CountsOf(CountModel(request.model->graph), request.model->file_bytes);
  }
  const auto begin = std::chrono::steady_clock::now();
  DSPERSE_ASSIGN_OR_RETURN(Graph graph, request.model->graph.Clone());
  DSPERSE_ASSIGN_OR_RETURN(const Prepared prepared, Prepare(std::move(graph), request.prepare));
  column->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  column->warnings = prepared.warnings;
  if (prepared.fold) column->remarks = GroupRemarks(prepared.fold->remarks);
  if (request.prepare.fold && request.target != "none") {
    DSPERSE_ASSIGN_OR_RETURN(column->lowered, CountsOf(*prepared.graph));
  }
  *notices = prepared.notices;
  return ColumnPricer(prepared, *request.backend, *request.parameters).Fill(column);
}

std::string Describe(const Graph& graph, ValueId input) {
  return absl::StrCat(graph.Name(input), " ", DTypeName(graph.DeclaredType(input)), " ",
                      graph.DeclaredShape(input).ToString());
}

// "key=value" of `assignments` that `backend` has.
std::vector<std::string> ParametersOf(const Backend& backend,
                                      const std::vector<std::string>& assignments) {
  std::vector<std::string> own;
  for (const std::string& assignment : assignments) {
    const absl::string_view key = absl::string_view(assignment).substr(0, assignment.find('='));
    for (const ParameterInfo& info : backend.parameters()) {
      if (info.name == key) own.push_back(assignment);
    }
  }
  return own;
}

}  // namespace

absl::StatusOr<ReportModel> MakeReportModel(const LoadedModel& model, const std::string& name,
                                            const ReportOptions& options) {
  ReportModel report;
  report.name = name;
  for (ValueId input : RequiredInputs(model.graph)) {
    report.inputs.push_back(Describe(model.graph, input));
  }
  absl::Status failed;
  bool any = false;
  for (const std::string& backend_name : options.backends) {
    DSPERSE_ASSIGN_OR_RETURN(const Backend* backend, BackendNamed(backend_name));
    Parameters parameters(backend->parameters());
    const std::vector<std::string> own = ParametersOf(*backend, options.parameters);
    for (const std::string& assignment : own) DSPERSE_RETURN_IF_ERROR(parameters.Set(assignment));

    ReportBackend out;
    out.backend = backend;
    out.parameters = parameters.values();
    const bool as_dsperse = options.prepare.plan.policy == Policy::kDsperse;
    PrepareOptions for_backend = options.prepare;
    for_backend.backend = backend_name;
    for_backend.parameters = own;
    out.target = LoweringTarget(for_backend);
    for (int stage = 0; stage < kReportStages; ++stage) {
      ColumnRequest request{&model, backend, &parameters, for_backend, out.target};
      request.prepare.fold = stage != kAsItCame;
      request.prepare.lower = stage != kAsItCame;
      // As it came, but for one thing: what DSperse's policy does to a model, it does to all columns.
      if (stage != kAsItCame && as_dsperse) request.prepare.fold_options.passes = "dsperse";
      if (stage == kUnfused) {
        absl::StrAppend(&request.prepare.fold_options.passes, as_dsperse ? "," : "",
                        "-fuse_conv_batchnorm,-fuse_affine");
      }
      ReportColumn& column = out.columns[static_cast<size_t>(stage)];
      std::vector<std::string> notices;
      if (absl::Status status = FillColumn(request, &column, &notices); !status.ok()) {
        if (stage == kFused) failed = status;
        column = ReportColumn();
        column.model = CountsOf(CountModel(model.graph), model.file_bytes);
        column.error = std::string(status.message());
      }
      any |= stage == kFused && column.error.empty();
      for (std::string& notice : notices) {
        if (std::find(report.notices.begin(), report.notices.end(), notice) == report.notices.end())
          report.notices.push_back(std::move(notice));
      }
    }
    report.backends.push_back(std::move(out));
  }
  if (!any) return failed;
  return report;
}

}  // namespace dsperse
