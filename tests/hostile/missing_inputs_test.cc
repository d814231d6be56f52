// A file may leave out any input or output of any node: each operator, with each of its inputs or outputs unnamed or
// fewer of them, through every stage.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "circuit_estimate/estimate_graph.h"
#include "fold/fold_model.h"
#include "fold/ir/model_file.h"
#include "fold/ops/op.h"
#include "gtest/gtest.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include "slicer/prepare.h"
#include "tests/support/files.h"
#include "tests/support/parse.h"

namespace dsperse {
namespace {

constexpr int kFromInitializers = 1;  // inputs but the first are constants

void ExpectAccepted(const char* stage, const absl::Status& status, absl::string_view what) {
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status) || absl::IsUnimplemented(status) ||
              absl::IsResourceExhausted(status))
      << what << ", " << stage << ": " << status;
}

void RunStages(const onnx::ModelProto& model, const std::string& what) {
  const std::string bytes = testing::Serialized(model);
  const auto load = [&] { return LoadModelFromBytes(bytes, "missing.onnx"); };
  absl::StatusOr<LoadedModel> loaded = load();
  ExpectAccepted("load", loaded.status(), what);
  if (!loaded.ok()) return;
  for (const Backend* backend : AllBackends()) {
    Facts facts(&loaded->graph);
    ExpectAccepted("estimate",
                   EstimateGraph(loaded->graph, facts, *backend, Parameters(backend->parameters())).status(), what);
  }
  FoldOptions fold;
  fold.verify_each = true;
  fold.pass_options.check_weights = true;
  ExpectAccepted("fold", FoldModel(loaded->graph, fold).status(), what);
  for (const char* backend : {"jstprove_expander", "ezkl_halo2"}) {
    loaded = load();
    PrepareOptions options;
    options.backend = backend;
    options.fold_options.pass_options.check_weights = true;
    const absl::StatusOr<Prepared> prepared = Prepare(std::move(loaded->graph), options);
    ExpectAccepted("prepare", prepared.status(), what);
    if (prepared.ok()) ExpectAccepted("account", SlicesAccount(*prepared).status(), what);
  }
}

void AddType(onnx::TypeProto* type) {
  type->mutable_tensor_type()->set_elem_type(1);
  for (const int64_t d : {1, 2, 4, 4}) type->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(d);
}

// Conv → the node → BatchNormalization → Relu, so that passes look at it from both sides.
onnx::ModelProto Around(const OpDef& row, int inputs, int outputs, int absent_input, int absent_output, int style) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  if (!row.domain.empty()) {
    auto* opset = model.add_opset_import();
    opset->set_domain(std::string(row.domain));
    opset->set_version(row.since);
  }
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name("g");
  const auto value = [&](auto* info, const char* name) {
    info->set_name(name);
    AddType(info->mutable_type());
  };
  value(graph->add_input(), "x");
  value(graph->add_input(), "other");
  value(graph->add_output(), "y");
  const auto constant = [&](const std::string& name, std::vector<int64_t> dims) {
    onnx::TensorProto* tensor = graph->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(1);
    int64_t count = 1;
    for (const int64_t d : dims) {
      tensor->add_dims(d);
      count *= d;
    }
    for (int64_t i = 0; i < count; ++i) tensor->add_float_data(1);
  };
  constant("w", {2, 2, 1, 1});
  constant("c", {2});
  const auto add = [&](const char* op, std::vector<std::string> in, const char* out) {
    onnx::NodeProto* node = graph->add_node();
    node->set_op_type(op);
    for (std::string& name : in) node->add_input(std::move(name));
    node->add_output(out);
  };
  add("Conv", {"x", "w", "c"}, "v");
  onnx::NodeProto* node = graph->add_node();
  node->set_op_type(std::string(row.op_type));
  node->set_domain(std::string(row.domain));
  node->set_name("tested");
  for (int i = 0; i < inputs; ++i) {
    const char* from = i == 0 ? "v" : style != kFromInitializers ? "other" : row.op_type == "Conv" && i == 1 ? "w" : "c";
    node->add_input(i == absent_input ? "" : from);
  }
  for (int i = 0; i < outputs; ++i) node->add_output(i == absent_output ? "" : absl::StrCat("t", i));
  const bool result = outputs > 0 && absent_output != 0;
  add("BatchNormalization", {result ? "t0" : "v", "c", "c", "c", "c"}, "b");
  add("Relu", {"b"}, "y");
  return model;
}

TEST(MissingInputs, OfEveryOperator) {
  for (const OpDef& row : AllOps()) {
    const onnx::OpSchema* schema =
        onnx::OpSchemaRegistry::Schema(std::string(row.op_type), 17, std::string(row.domain));
    const int inputs = schema == nullptr ? 5 : std::min(schema->max_input(), 9);
    const int outputs = schema == nullptr ? 2 : std::min(schema->max_output(), 4);
    for (int style = 0; style < 2; ++style) {
      const auto run = [&](int in, int out, int absent_in, int absent_out) {
        RunStages(Around(row, in, out, absent_in, absent_out, style),
                  absl::StrCat(row.op_type, " with ", in, " inputs without ", absent_in, ", ", out,
                               " outputs without ", absent_out, ", style ", style));
      };
      for (int i = 0; i < inputs; ++i) run(inputs, 1, i, -1);
      for (int i = 0; i < inputs; ++i) run(i, 1, -1, -1);
      run(inputs + 2, 1, -1, -1);
      for (int i = 0; i < outputs; ++i) run(inputs, outputs, -1, i);
      run(inputs, outputs + 2, -1, -1);
      run(inputs, 0, -1, -1);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// BatchNormalization with all its parameters but one, behind a Conv: named in a remark, not read.
TEST(MissingInputs, AParameterOfABatchNormalization) {
  const OpDef* row = nullptr;
  for (const OpDef& op : AllOps()) {
    if (op.op_type == "BatchNormalization") row = &op;
  }
  ASSERT_NE(row, nullptr);
  for (int absent = 1; absent < 5; ++absent) {
    absl::StatusOr<LoadedModel> loaded =
        LoadModelFromBytes(testing::Serialized(Around(*row, 5, 1, absent, -1, kFromInitializers)), "missing.onnx");
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const absl::StatusOr<FoldReport> report = FoldModel(loaded->graph);
    ASSERT_TRUE(report.ok()) << report.status();
    bool named = false;
    for (const Remark& remark : report->remarks) {
      named = named || remark.text.find("is missing") != std::string::npos;
    }
    EXPECT_TRUE(named) << absent;
    EXPECT_EQ(report->after.batch_norms, 2);
  }
}

// Sizes that a file may declare and no machine holds: nothing runs over them element by element.
TEST(HugeSizes, TakeNoTime) {
  for (const char* nodes :
       {"y = Relu(x)", "y = BatchNormalization(x, c, c, c, c)", "y = Conv(x, w)",
        "y = Conv<pads = [1, 1, 1, 1]>(x, k)", "y = ConvTranspose(x, w)", "y = MaxPool<kernel_shape = [3, 3]>(x)",
        "y = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(x)", "y = GlobalAveragePool(x)",
        "y = Softmax(x)", "y = Softmax<axis = 1>(x)", "y = ReduceMean<axes = [2, 3]>(x)", "y = ReduceSum(x)",
        "y = Transpose<perm = [0, 2, 3, 1]>(x)", "f = Flatten(x) y = MatMul(f, f)", "y = Concat<axis = 2>(x, x)",
        "y = Sigmoid(x)", "y = Add(x, x)", "y = Pow(x, c)", "y = LRN<size = 3>(x)", "y = LogSoftmax(x)",
        "y = MaxPool<kernel_shape = [2147483000, 1]>(x)", "y = InstanceNormalization(x, c, c)",
        "s = Shape(x) y = ConstantOfShape(s)", "s = Shape(x) z = ConstantOfShape(s) y = Add(x, z)",
        "a = Relu(x) b = Conv(a, w) y = BatchNormalization(b, c, c, c, c)"}) {
    for (const char* size : {"1, 1, 2147483648, 2", "1, 1, 1099511627776, 1048576", "4294967296, 1, 3, 3"}) {
      const std::string text = absl::StrCat("g (float[", size, "] x) => (float[] y) <float[1] c = {1},"
                                            " float[1, 1, 1, 1] w = {2}, float[1, 1, 3, 3] k = {1, 2, 3, 4, 5, 6, 7, 8, 9}> { ",
                                            nodes, " }");
      SCOPED_TRACE(text);
      RunStages(*testing::ParseModel(absl::StrCat("<ir_version: 8, opset_import: [\"\" : 17]> ", text)), nodes);
    }
  }
}

}  // namespace
}  // namespace dsperse
