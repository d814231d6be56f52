// The same bytes from every compiler: SHA-256 of what may enter a file against a committed table, which g++ and
// clang builds both are checked with. To write the table anew, after a change that is meant to give other bytes:
// DSPERSE_UPDATE_HASHES=1 property_test --gtest_filter='*GoldenBytes*'.
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ops/op.h"
#include "gtest/gtest.h"
#include "tests/property/recipes.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

using ::dsperse::testing::ParseGraph;
using ::dsperse::testing::SeededChoices;

std::string TablePath() { return std::string(DSPERSE_TESTS_DIR) + "/property/golden_bytes.tsv"; }

std::string Sha256(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::string BytesOf(const Tensor& tensor) {
  const absl::StatusOr<Tensor> loaded = tensor.Load();
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return absl::StrCat(DTypeName(tensor.dtype()), DimsToString(tensor.dims()), ":",
                      loaded.ok() ? loaded->raw() : "");
}

// What a graph's constants hold, whatever their names and order: other passes may well make other graphs of
// the same numbers.
std::string ConstantsHash(const Graph& graph) {
  std::vector<std::string> all;
  for (BlockId block : graph.Blocks()) {
    for (ValueId value : graph.Initializers(block)) {
      if (const Tensor* tensor = graph.InitializerTensor(value); tensor->dtype() != DType::kString) {
        all.push_back(Sha256(BytesOf(*tensor)));
      }
    }
  }
  std::sort(all.begin(), all.end());
  std::string joined;
  for (const std::string& one : all) joined += one;
  return Sha256(joined);
}

// ---- exact evaluation: every element-wise operator and reduction of floats ----

constexpr const char* kCalls[] = {
    "Abs(a)", "Acos(c)", "Acosh(d)", "Add(a, b)", "Asin(c)", "Asinh(a)", "Atan(a)", "Atanh(c)", "Celu(a)", "Cos(a)",
    "Cosh(a)", "CumSum(a, axis)", "Div(a, d)", "Elu(a)", "Erf(a)", "Exp(a)", "Gelu(a)", "Gelu<approximate=\"tanh\">(a)",
    "HardSigmoid(a)", "HardSwish(a)", "LeakyRelu(a)", "Log(d)", "LogSoftmax(a)", "LayerNormalization(a, row)",
    "LpNormalization(a)", "MatMul(a, square)", "Mean(a, b)", "Mish(a)", "Mul(a, b)", "Pow(d, b)", "Reciprocal(d)",
    "ReduceL1(a)", "ReduceL2(a)", "ReduceLogSum(d)", "ReduceLogSumExp(a)", "ReduceMean(a)", "ReduceProd(a)",
    "ReduceSum(a)", "ReduceSumSquare(a)", "Round(a)", "Selu(a)", "Sigmoid(a)", "Sin(a)", "Sinh(a)", "Softmax(a)",
    "Softplus(a)", "Softsign(a)", "Sqrt(d)", "Sub(a, b)", "Sum(a, b, d)", "Tan(a)", "Tanh(a)", "ThresholdedRelu(a)"};

template <typename T>
Tensor Sample(uint64_t seed, Dims dims, double low, double high) {
  SeededChoices choices(seed);
  std::vector<T> values(static_cast<size_t>(*NumElements(dims)));
  for (T& v : values) {
    v = static_cast<T>(low + (high - low) * static_cast<double>(choices.Below(1 << 20)) / (1 << 20));
  }
  return Tensor::Of<T>(std::move(dims), values);
}

template <typename T>
void HashEvaluations(std::map<std::string, std::string>* hashes) {
  const std::string type(DTypeName(kDTypeOf<T>));
  const std::map<std::string, Tensor> operands = {{"a", Sample<T>(1, {8, 16}, -4, 4)},
                                                  {"b", Sample<T>(2, {8, 16}, -3, 3)},
                                                  {"c", Sample<T>(3, {8, 16}, -0.99, 0.99)},
                                                  {"d", Sample<T>(4, {8, 16}, 1.01, 9)},
                                                  {"row", Sample<T>(5, {16}, -1, 1)},
                                                  {"square", Sample<T>(6, {16, 16}, -1, 1)},
                                                  {"axis", Tensor::Scalar<int64_t>(1)}};
  std::string inputs;
  for (const auto& [name, tensor] : operands) {
    absl::StrAppend(&inputs, inputs.empty() ? "" : ", ", DTypeName(tensor.dtype()),
                    tensor.rank() == 0 ? "" : DimsToString(tensor.dims()), " ", name);
  }
  for (const char* call : kCalls) {
    const Graph graph = ParseGraph(absl::StrCat("<ir_version: 10, opset_import: [\"\": 20]> g (", inputs, ") => (", type,
                                                " y) { y = ", call, " }"));
    const NodeView node = graph.node(graph.FirstNode(graph.main()));
    std::vector<const Tensor*> pointers;
    for (ValueId input : node.inputs()) pointers.push_back(&operands.at(std::string(graph.Name(input))));
    const auto result = Evaluate(EvalContext(), node, pointers);
    // What isn't evaluated exactly in this type is a line of the table too.
    (*hashes)[absl::StrCat("evaluate ", call, " ", type)] =
        result.ok() ? Sha256(BytesOf((*result)[0])) : absl::StrCat(absl::StatusCodeToString(result.status().code()));
  }
}

// ---- whole models ----

void HashCorpus(std::map<std::string, std::string>* hashes) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(DSPERSE_SHARED_DIR "/corpus", error)) {
    if (entry.path().extension() != ".onnx" || entry.file_size() > (8 << 20)) continue;
    absl::StatusOr<LoadedModel> model = LoadModel(entry.path().string());
    if (!model.ok()) continue;
    const absl::StatusOr<FoldReport> report = FoldModel(model->graph);
    EXPECT_TRUE(report.ok()) << report.status();
    (*hashes)[absl::StrCat("fold ", entry.path().filename().string())] = ConstantsHash(model->graph);
  }
}

void HashRandomModels(std::map<std::string, std::string>* hashes) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SeededChoices choices(seed);
    const auto random = testing::MakeRandomModel(choices);
    if (!random) continue;
    absl::StatusOr<Graph> graph = Graph::Import(std::make_unique<onnx::ModelProto>(*random->model), nullptr, "random");
    ASSERT_TRUE(graph.ok()) << graph.status();
    ASSERT_TRUE(FoldModel(*graph).ok());
    (*hashes)[absl::StrCat("random ", seed)] = ConstantsHash(*graph);
  }
}

std::map<std::string, std::string> ReadTable() {
  std::map<std::string, std::string> table;
  std::ifstream file(TablePath());
  std::string line;
  while (std::getline(file, line)) {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos) table[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return table;
}

TEST(GoldenBytes, AreThoseOfTheTable) {
  std::map<std::string, std::string> hashes;
  HashEvaluations<float>(&hashes);
  HashEvaluations<double>(&hashes);
  HashEvaluations<Float16>(&hashes);
  HashEvaluations<Bfloat16>(&hashes);
  HashRandomModels(&hashes);
  HashCorpus(&hashes);
  if (std::getenv("DSPERSE_UPDATE_HASHES") != nullptr) {
    std::ofstream file(TablePath());
    for (const auto& [name, hash] : hashes) file << name << "\t" << hash << "\n";
    ASSERT_TRUE(file.good());
    GTEST_SKIP() << "the table was written";
  }
  const std::map<std::string, std::string> table = ReadTable();
  EXPECT_GE(table.size(), 200u);
  for (const auto& [name, hash] : hashes) {
    const auto row = table.find(name);
    ASSERT_NE(row, table.end()) << name << " is missing in the table";
    EXPECT_EQ(hash, row->second) << name;
  }
}

}  // namespace
}  // namespace dsperse
