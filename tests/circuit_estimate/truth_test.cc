// The counts of the real tools, model by model: every required metric equal but for the known
// cases, every refused model refused, every difference between fused twins equal.
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "circuit_estimate/estimate_graph.h"
#include "fold/ir/model_file.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace dsperse {
namespace {

using Json = nlohmann::json;

struct Expected {
  std::string backend;
  std::vector<std::string> parameters;
  // Metrics that a formula doesn't give for these models.
  std::map<std::string, std::set<std::string>> inexact;
  // Models the tool fails on for reasons of its own (an unknown batch).
  std::set<std::string> not_refused;
};

class TruthTest : public ::testing::Test {
 protected:
  void Check(const Expected& expected) {
    const std::string folder = std::string(DSPERSE_SHARED_DIR) + "/cost_truth/";
    std::ifstream file(folder + "truth.json");
    if (!file.good()) GTEST_SKIP() << "no " << folder << "truth.json";
    const Json truth = Json::parse(file);
    const Backend* backend = FindBackend(expected.backend);
    ASSERT_NE(backend, nullptr);
    const auto required = truth["backends"][expected.backend]["required"];
    std::map<std::string, std::map<std::string, uint64_t>> got;
    int compared = 0;
    for (const auto& [name, model] : truth["models"].items()) {
      if (!model.contains(expected.backend)) continue;
      const Json& real = model[expected.backend];
      SCOPED_TRACE(name);
      absl::StatusOr<LoadedModel> loaded = LoadModel(folder + model["file"].get<std::string>());
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      Parameters parameters(backend->parameters());
      for (const std::string& parameter : expected.parameters) {
        ASSERT_TRUE(parameters.Set(parameter).ok());
      }
      if (real.contains("observed_bits")) {
        ASSERT_TRUE(parameters.Set("observed_bits", real["observed_bits"].dump()).ok());
      }
      Facts facts(&loaded->graph);
      const absl::StatusOr<GraphEstimate> estimate =
          EstimateGraph(loaded->graph, facts, *backend, parameters);
      ASSERT_TRUE(estimate.ok()) << estimate.status();
      if (real.contains("error")) {
        EXPECT_EQ(estimate->unsupported.empty(), expected.not_refused.count(name) > 0)
            << real["error"];
        continue;
      }
      EXPECT_TRUE(estimate->unsupported.empty()) << estimate->unsupported[0].reason;
      for (const auto& metric : required) {
        const std::string key = metric.get<std::string>();
        if (!real.contains(key)) continue;
        got[name][key] = estimate->TotalOf(key);
        ++compared;
        const auto known = expected.inexact.find(key);
        if (known != expected.inexact.end() && known->second.count(name) > 0) {
          EXPECT_FALSE(estimate->IsExact(key)) << key;
          continue;
        }
        EXPECT_EQ(estimate->TotalOf(key), real[key].get<uint64_t>()) << key;
      }
    }
    EXPECT_GT(compared, 10);
    for (const auto& [name, model] : truth["models"].items()) {
      if (!model.contains("fused_twin") || got.count(name) == 0) continue;
      const std::string twin = model["fused_twin"].get<std::string>();
      for (const auto& [metric, value] : got[name]) {
        if (got[twin].count(metric) == 0) continue;
        // clang 14 lets no lambda capture a structured binding.
        const auto of = [&, key = metric](const std::string& which) {
          return truth["models"][which][expected.backend][key].get<int64_t>();
        };
        EXPECT_EQ(static_cast<int64_t>(value) - static_cast<int64_t>(got[twin][metric]),
                  of(name) - of(twin))
            << name << " " << metric;
      }
    }
  }
};

TEST_F(TruthTest, EzklHalo2) { Check({"ezkl_halo2", {}, {}, {}}); }

TEST_F(TruthTest, JstproveExpander) {
  Check({"jstprove_expander",
         {"chunk_bits=12", "weights=constant"},
         {{"constraints", {"ezkl_2l_relu_sigmoid_conv"}},
          {"inputs", {"ezkl_2l_relu_sigmoid_conv"}},
          {"mul",
           {"gap", "relu_avgpool_k2", "softmax_10", "layernorm_4x8", "ezkl_1l_var",
            "ezkl_2l_relu_sigmoid_conv"}}},
         {"ezkl_1l_reshape", "ezkl_1l_average"}});
}

TEST_F(TruthTest, JstproveRemainder) { Check({"jstprove_remainder", {}, {}, {}}); }

TEST_F(TruthTest, R1csCircom) { Check({"r1cs_circom", {}, {}, {}}); }

}  // namespace
}  // namespace dsperse
