// Models and the operators that lowering for JSTprove writes them in: it computes the same, and each can be proven.
#ifndef DSPERSE_TESTS_FOLD_LOWERING_PROVABLE_FORM_H_
#define DSPERSE_TESTS_FOLD_LOWERING_PROVABLE_FORM_H_

#include <ostream>
#include <string>

#include "gtest/gtest.h"
#include "tests/fold/lowering/lowering_options.h"
#include "tests/support/parse.h"
#include "tests/support/run_pass.h"

namespace dsperse::testing {

struct ProvableForm {
  const char* name;
  const char* model;
  const char* ops;

  friend void PrintTo(const ProvableForm& c, std::ostream* out) { *out << c.model; }
};

inline std::string FormName(const ::testing::TestParamInfo<ProvableForm>& tested) { return tested.param.name; }

inline void ExpectForm(const ProvableForm& form) {
  Graph graph = ParseGraph(form.model);
  RunFold(graph, LoweringForJstprove());
  EXPECT_EQ(Ops(graph), form.ops);
  Facts facts(&graph);
  for (NodeId n : graph.AllNodes()) {
    EXPECT_EQ(Target::Find("jstprove")->WhyNot(graph, graph.node(n), facts), "") << graph.node(n).op_type();
  }
}

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_FOLD_LOWERING_PROVABLE_FORM_H_
