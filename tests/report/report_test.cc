// The data of a report on small models: what is in each column, and that the sums add up.
#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/models/models.h"
#include "bench/models/write_model.h"
#include "circuit_estimate/report_render.h"
#include "circuit_estimate/report_tables.h"
#include "fold/ir/model_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "slicer/prepare_report.h"
#include "tests/support/parse.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ExportAll;
using ::dsperse::testing::ParseGraph;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Conv, BatchNormalization, Relu, Add on 2×3×3; the batch is open.
constexpr char kNet[] = R"(
  g (float[N, 1, 3, 3] x) => (float[N, 2, 3, 3] out)
    <float[2, 1, 1, 1] w = {1, 2}, float[2] p = {1, 2}>
  { [conv] y = Conv <kernel_shape = [1, 1], strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0]> (x, w)
    [bn] z = BatchNormalization(y, p, p, p, p)
    [relu] r = Relu(z)
    [add] out = Add(r, r) })";
// Two nodes that nothing lowers for jstprove.
constexpr char kHard[] = R"(
  g (float[1, 4] x, float[1, 4] y) => (float[1, 4] out)
  { [atan] a = Atan(x)
    [div] b = Div(x, y)
    [add] out = Add(a, b) })";

ReportModel MakeFrom(const std::string& bytes, const ReportOptions& options = {}) {
  absl::StatusOr<LoadedModel> model = LoadModelFromBytes(bytes, "m.onnx");
  EXPECT_TRUE(model.ok()) << model.status();
  absl::StatusOr<ReportModel> report = MakeReportModel(*model, "m.onnx", options);
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *std::move(report) : ReportModel();
}

ReportModel Make(const char* text, const ReportOptions& options = {}) {
  return MakeFrom(ExportAll(ParseGraph(text)), options);
}

std::map<std::string, int64_t> NodesByOperator(const ReportColumn& column) {
  std::map<std::string, int64_t> nodes;
  for (const ReportOperator& op : column.operators) nodes[op.op] = op.nodes;
  return nodes;
}

std::string Builder(const std::string& name, int64_t size) {
  models::ModelOptions options;
  options.size = size;
  options.width = 0.25;
  if (name == "conv_bn_relu_chain") {
    options.width = 1;
    options.blocks = 3;
  }
  testing::TempDir dir;
  const std::string path = dir.File("m.onnx");
  const auto model = models::BuildModel(name, options);
  EXPECT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(models::WriteModel(*model, path).ok());
  return dir.Read("m.onnx");
}

TEST(Report, ThreeColumnsDifferAsTheyShould) {
  const ReportModel model = Make(kNet);
  ASSERT_THAT(model.backends, SizeIs(1));
  EXPECT_THAT(model.notices, Contains(HasSubstr("N is taken as 1")));
  const auto& columns = model.backends[0].columns;

  EXPECT_EQ(NodesByOperator(columns[kAsItCame]),
            (std::map<std::string, int64_t>{{"Add", 1}, {"BatchNormalization", 1}, {"Conv", 1}, {"Relu", 1}}));
  EXPECT_EQ(columns[kAsItCame].model.nodes, 4);
  EXPECT_EQ(columns[kAsItCame].model.batch_normalizations, 1);
  EXPECT_FALSE(columns[kAsItCame].lowered.has_value());
  EXPECT_FALSE(columns[kAsItCame].complete());
  EXPECT_THAT(columns[kAsItCame].unprovable, SizeIs(2));

  // The BatchNormalization is a 1×1 Conv a channel (a Mul would prove whole parts of its factors) and an Add of a
  // drawn constant, and nothing joined them with the Conv before them.
  EXPECT_EQ(NodesByOperator(columns[kUnfused]), (std::map<std::string, int64_t>{{"Add", 2},
                                                                                {"Concat", 1},
                                                                                {"Conv", 4},
                                                                                {"Max", 1},
                                                                                {"Slice", 1},
                                                                                {"Split", 1}}));
  EXPECT_EQ(columns[kUnfused].model.batch_normalizations, 1);
  EXPECT_EQ(columns[kUnfused].lowered->batch_normalizations, 0);
  EXPECT_TRUE(columns[kUnfused].complete());
  EXPECT_THAT(columns[kUnfused].remarks,
              Each(Field(&ReportRemark::pass, Not(HasSubstr("fuse_conv_batchnorm")))));

  EXPECT_EQ(NodesByOperator(columns[kFused]),
            (std::map<std::string, int64_t>{{"Add", 1}, {"Conv", 1}, {"Max", 1}}));
  EXPECT_EQ(columns[kFused].model.nodes, 3);
  EXPECT_EQ(columns[kFused].lowered->batch_normalizations, 0);
  EXPECT_TRUE(columns[kFused].complete());
  EXPECT_LT(ValueOf(columns[kFused].total, 0), ValueOf(columns[kUnfused].total, 0));
}

TEST(Report, RemarksOfOneKindAreOneLineWithTheFactorsRange) {
  const ReportModel model = MakeFrom(Builder("conv_bn_relu_chain", 4));
  const std::vector<ReportRemark>& remarks = model.backends[0].columns[kFused].remarks;
  int found = 0;
  for (const ReportRemark& remark : remarks) {
    if (remark.pass != "fuse_conv_batchnorm" || remark.kind != "applied") continue;
    ++found;
    EXPECT_EQ(remark.count, 3);
    EXPECT_EQ(remark.text, "fused into Conv");
    EXPECT_THAT(remark.examples, SizeIs(3));
    ASSERT_TRUE(remark.gains.has_value());
    EXPECT_GT(remark.gains->first, 0);
    EXPECT_LE(remark.gains->first, remark.gains->second);
  }
  EXPECT_EQ(found, 1);
}

// A model whose nodes have no price must not look cheap.
TEST(Report, ATotalThatDoesNotCoverTheModelSaysSo) {
  ReportOptions options;
  options.backends = {"r1cs_circom", "jstprove_expander"};
  const ReportModel model = Make(kHard, options);
  Report report;
  report.models = {model};
  for (const ReportBackend& backend : model.backends) {
    SCOPED_TRACE(std::string(backend.backend->name()));
    for (const ReportColumn& column : backend.columns) {
      EXPECT_FALSE(column.complete());
      EXPECT_LT(column.priced_nodes, column.circuit_nodes);
      EXPECT_THAT(TotalText(column, 0), HasSubstr("not provable"));
      EXPECT_THAT(TotalText(column, 0), HasSubstr("have no price"));
      EXPECT_FALSE(IsExact(column.total, 0));
      // A 0 that stands for a price that isn't known is not exact.
      for (const ReportOperator& op : column.operators) {
        const bool unpriced = std::any_of(column.unprovable.begin(), column.unprovable.end(),
                                          [&](const ReportUnprovable& node) { return node.op == op.op && !node.priced; });
        EXPECT_FALSE(unpriced && IsExact(op.counts, 0)) << op.op;
      }
    }
    EXPECT_EQ(TotalChange(backend, 0), "");
  }
  const nlohmann::ordered_json json = RenderJson(report);
  EXPECT_TRUE(json["models"][0]["backends"][0]["change"].is_null());
  EXPECT_EQ(json["models"][0]["backends"][0]["columns"]["fused"]["complete"], false);
  EXPECT_THAT(RenderCsv(report), HasSubstr(",partial,"));
  EXPECT_THAT(RenderCsv(report), Not(HasSubstr("total,,3,constraints")));
  EXPECT_THAT(RenderMarkdown(report), HasSubstr("Not provable, fused"));
}

// Slices add up to the total, and so do operators with what is beside them.
TEST(Report, SumsAddUpForEveryBackendAndPolicy) {
  const std::pair<const char*, int64_t> nets[] = {
      {"resnet18", 32}, {"conv1d_net", 64},
      {"transformer_block", 4}};
  for (const auto& [name, size] : nets) {
    const std::string bytes = Builder(name, size);
    for (Policy policy : {Policy::kLayer, Policy::kDsperse}) {
      ReportOptions options;
      options.backends.clear();
      for (const Backend* backend : AllBackends()) options.backends.emplace_back(backend->name());
      options.prepare.plan.policy = policy;
      const ReportModel model = MakeFrom(bytes, options);
      for (const ReportBackend& entry : model.backends) {
        for (const ReportColumn& column : entry.columns) {
          SCOPED_TRACE(std::string(name) + " " + std::string(entry.backend->name()));
          ASSERT_EQ(column.error, "");
          for (size_t i = 0; i < entry.backend->metrics().size(); ++i) {
            uint64_t slices = 0, largest = 0, operators = 0;
            for (const ReportSlice& slice : column.slices) {
              slices += ValueOf(slice.counts, i);
              largest = std::max(largest, ValueOf(slice.counts, i));
            }
            for (const ReportOperator& op : column.operators) operators += ValueOf(op.counts, i);
            if (entry.backend->metrics()[i].additive) {
              EXPECT_EQ(ValueOf(column.total, i), slices);
              EXPECT_EQ(ValueOf(column.total, i), operators + ValueOf(column.inputs, i) +
                                                      ValueOf(column.outputs, i) +
                                                      ValueOf(column.fixed, i));
            } else {
              EXPECT_EQ(ValueOf(column.total, i), largest);
            }
          }
        }
      }
    }
  }
}

// The totals are those of the plan that `slice` would write.
TEST(Report, TotalsAreThoseOfThePlan) {
  const std::string bytes = Builder("resnet18", 32);
  const ReportModel model = MakeFrom(bytes);
  absl::StatusOr<LoadedModel> loaded = LoadModelFromBytes(bytes, "m.onnx");
  const absl::StatusOr<Prepared> prepared = Prepare(std::move(loaded->graph));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  const ReportColumn& fused = model.backends[0].columns[kFused];
  EXPECT_EQ(fused.slices.size(), prepared->plan.slices.size());
  EXPECT_EQ(ValueOf(fused.total, 0), prepared->plan.total_price);
}

TEST(Report, BytesAreThoseOfTheSavedModel) {
  const std::string bytes = Builder("resnet18", 32);
  const ReportModel model = MakeFrom(bytes);
  absl::StatusOr<LoadedModel> loaded = LoadModelFromBytes(bytes, "m.onnx");
  ASSERT_TRUE(FoldModel(loaded->graph).ok());
  EXPECT_EQ(model.backends[0].columns[kAsItCame].model.bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(model.backends[0].columns[kFused].model.bytes,
            static_cast<int64_t>(SaveModelToBytes(loaded->graph)->size()));
}

// A shape that only folding makes known: the first column is missing, the others are not.
TEST(Report, AColumnThatCannotBeMadeSaysWhy) {
  const ReportModel model = Make(R"(
    g (float[2, 2] x) => (float[2, 2] out) <bool c = {1}>
    { z = If (c) <then_branch = t () => (float[A, B] a) { a = Add(x, x) },
                  else_branch = e () => (float[A, B] b) { b = Mul(x, x) }>
      out = Neg(z) })");
  const auto& columns = model.backends[0].columns;
  if (columns[kAsItCame].error.empty()) {
    EXPECT_FALSE(columns[kAsItCame].complete());
  } else {
    EXPECT_EQ(TotalText(columns[kAsItCame], 0), "–");
  }
  EXPECT_EQ(columns[kFused].error, "");
  EXPECT_TRUE(columns[kFused].complete());
}

// What the report says about its numbers is what the comparisons with the real tools found.
TEST(Report, ChecksAreTheFloorsOfTheComparisons) {
  std::ifstream file(std::string(DSPERSE_TESTS_DIR) + "/circuit_estimate/floors.json");
  const nlohmann::json floors = nlohmann::json::parse(file);
  int compared = 0;
  for (const Backend* backend : AllBackends()) {
    for (const MetricInfo& metric : backend->metrics()) {
      const std::string name(backend->name());
      const std::string key(metric.name);
      const ReportCheck* check = FindCheck(name, key);
      const bool floor = floors.contains(name) && floors[name].contains(key);
      EXPECT_EQ(check != nullptr, floor) << name << " " << key;
      if (check == nullptr || !floor) continue;
      EXPECT_EQ(check->equal, floors[name][key].get<int>()) << name << " " << key;
      EXPECT_EQ(check->largest_error_percent > 0, check->equal < check->of);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 8);
}

TEST(ReportTables, NumbersForPeople) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(102579328), "102,579,328");
  EXPECT_EQ(Short(12979183), "13.0 M");
  EXPECT_EQ(Short(1998915488), "2.00 G");
  EXPECT_EQ(Short(31009), "31,009");
  EXPECT_EQ(Change(200, 186), "−7.0 %");
  EXPECT_EQ(Change(200, 201), "+0.5 %");
  EXPECT_EQ(Change(200, 200), "±0 %");
  EXPECT_EQ(Change(0, 5), "");
}

}  // namespace
}  // namespace dsperse
