// Names may hold any bytes: messages stay one line, and give a terminal no orders.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "onnx/onnx_pb.h"
#include "tests/support/files.h"
#include "tests/support/run_cli.h"
#include "tests/support/temp_dir.h"

namespace dsperse {
namespace {

using ::dsperse::testing::Cli;
using ::dsperse::testing::CliResult;
using ::dsperse::testing::TempDir;
using ::testing::HasSubstr;

TEST(HostileNames, AreWrittenAsEscapesInMessages) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name("g");
  const std::string name = "in\nerror: \x1b[2J\x7f\xc2\x9b" "1mö";
  for (auto* info : {graph->add_input(), graph->add_output()}) {
    info->set_name(info == &graph->input(0) ? name : "y");
    info->mutable_type()->mutable_tensor_type()->set_elem_type(1);  // no shape: that is the error
  }
  onnx::NodeProto* node = graph->add_node();
  node->set_op_type("Relu");
  node->add_input(name);
  node->add_output("y");
  const TempDir dir;
  const std::string path = dir.Write("model.onnx", testing::Serialized(model));
  const CliResult result = Cli({"slice", path, "--dry-run"});
  EXPECT_EQ(result.code, 4) << result.err;
  EXPECT_THAT(result.err, HasSubstr("in\\x0aerror: \\x1b[2J\\x7f\\u009b1mö"));
  ASSERT_FALSE(result.err.empty());
  for (size_t i = 0; i + 1 < result.err.size(); ++i) {
    EXPECT_GE(static_cast<unsigned char>(result.err[i]), 0x20) << i;
  }
}

// A model that every subcommand takes, whose names would break lines and tables and clear the screen.
std::string ModelOfHostileNames() {
  const std::string evil = "\n\x1b[2J|\x7f\xc2\x9b" "1mö";
  onnx::ModelProto model;
  model.set_ir_version(8);
  auto* opset = model.add_opset_import();
  opset->set_version(17);
  opset = model.add_opset_import();
  opset->set_domain("d" + evil);
  opset->set_version(1);
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name("g" + evil);
  for (auto* info : {graph->add_input(), graph->add_output()}) {
    info->set_name((info == &graph->input(0) ? "x" : "y") + evil);
    auto* type = info->mutable_type()->mutable_tensor_type();
    type->set_elem_type(1);
    type->mutable_shape()->add_dim()->set_dim_value(4);
  }
  std::string last = graph->input(0).name();
  for (const char* op : {"Relu", "Identity", "Cosh", "Sigmoid"}) {
    onnx::NodeProto* node = graph->add_node();
    node->set_op_type(op);
    node->set_name(op + evil);
    node->add_input(last);
    last = std::string(op) == "Sigmoid" ? "y" + evil : std::string("v") + op + evil;
    node->add_output(last);
  }
  return testing::Serialized(model);
}

TEST(HostileNames, AreWrittenAsEscapesInResults) {
  const TempDir dir;
  const std::string model = dir.Write("model.onnx", ModelOfHostileNames());
  const std::string out = dir.File("out.onnx");
  const std::vector<std::vector<std::string>> commands = {
      {"inspect", model},
      {"fold", model, "-o", out, "--explain"},
      {"fold", model, "-o", out, "--target", "jstprove"},
      {"estimate", model, "--by", "node"},
      {"estimate", model, "--fold"},
      {"slice", model, "-o", dir.File("slices")},
      {"report", model},
      {"verify", model, out},
  };
  for (const std::vector<std::string>& command : commands) {
    const CliResult result = Cli(command);
    EXPECT_EQ(result.code, 0) << command[0] << ": " << result.err;
    EXPECT_FALSE(result.out.empty()) << command[0];
    for (const std::string& text : {result.out, result.err}) {
      EXPECT_EQ(text.find_first_of("\x1b\x7f"), std::string::npos) << command[0] << "\n" << text;
      EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos) << command[0] << "\n" << text;
    }
  }
  EXPECT_THAT(Cli({"inspect", model}).out, HasSubstr("x\\x0a\\x1b[2J|\\x7f\\u009b1mö"));
  EXPECT_THAT(Cli({"fold", model, "-o", out, "--explain"}).out, HasSubstr("Identity\\x0a\\x1b[2J"));
}

}  // namespace
}  // namespace dsperse
