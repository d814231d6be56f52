#include "fold/ir/single_output.h"

#include <algorithm>
#include <map>
#include <string>

#include "gtest/gtest.h"
#include "onnx/defs/schema.h"

namespace dsperse {
namespace {

TEST(SingleOutputTest, IsWhatTheSchemasSay) {
  std::map<std::string, int> most;
  for (const onnx::OpSchema& schema : onnx::OpSchemaRegistry::get_all_schemas_with_history()) {
    if (!schema.domain().empty()) continue;
    int& outputs = most[schema.Name()];
    outputs = std::max(outputs, schema.max_output());
  }
  ASSERT_GT(most.size(), 150u);
  for (const auto& [name, outputs] : most) EXPECT_EQ(HasSingleOutput(name), outputs == 1) << name;
  EXPECT_FALSE(HasSingleOutput("NoSuchOperator"));
}

}  // namespace
}  // namespace dsperse
