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

}  // namespace
}  // namespace dsperse
