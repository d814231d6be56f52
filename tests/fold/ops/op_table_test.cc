#include "fold/ops/op.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace dsperse {
namespace {

TEST(OpTableTest, RowsAreSortedAndDoNotOverlap) {
  const absl::Span<const OpDef> rows = AllOps();
  ASSERT_GT(rows.size(), 100u);
  for (size_t i = 1; i < rows.size(); ++i) {
    const OpDef& a = rows[i - 1];
    const OpDef& b = rows[i];
    const auto key = [](const OpDef& row) {
      return std::make_pair(std::string(row.domain), std::string(row.op_type));
    };
    ASSERT_LE(key(a), key(b));
    EXPECT_LE(a.since, a.until);
    if (key(a) == key(b)) {
      EXPECT_LT(a.until, b.since) << b.op_type << ": two rows for one opset";
    }
  }
}

TEST(OpTableTest, FindsTheRowOfAnOpset) {
  EXPECT_EQ(FindOp("", "Sqrt", 5), nullptr);
  ASSERT_NE(FindOp("", "Sqrt", 6), nullptr);
  EXPECT_EQ(FindOp("", "Sqrt", 24), FindOp("", "Sqrt", 6));
  EXPECT_EQ(FindOp("", "NoSuchOperator", 13), nullptr);
  EXPECT_EQ(FindOp("com.example", "Sqrt", 13), nullptr);
}

}  // namespace
}  // namespace dsperse
