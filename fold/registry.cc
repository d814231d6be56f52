#include "fold/registry.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fold/ir/status_macros.h"
#include "fold/passes/compose_views.h"
#include "fold/passes/eliminate_common_subexpressions.h"
#include "fold/passes/eliminate_dead_nodes.h"
#include "fold/passes/eliminate_duplicate_constants.h"
#include "fold/passes/eliminate_identity_ops.h"
#include "fold/passes/eliminate_redundant_transposes.h"
#include "fold/passes/eliminate_unused_initializers.h"
#include "fold/passes/fold_constants.h"
#include "fold/passes/fuse_activations.h"
#include "fold/passes/fuse_affine.h"
#include "fold/passes/fuse_conv_batchnorm.h"
#include "fold/passes/fuse_matmul_add.h"
#include "fold/passes/fuse_pad_into_conv.h"
#include "fold/passes/inline_constant_if.h"
#include "fold/passes/simplify_shape_chains.h"
#include "fold/suggest.h"

namespace dsperse {
namespace {

template <typename P>
const Pass* Instance() {
  static const P pass;
  return &pass;
}

constexpr absl::string_view kDspersePasses[] = {
    "fold_constants",       "simplify_shape_chains", "eliminate_identity_ops",
    "fuse_conv_batchnorm",  "eliminate_dead_nodes",  "eliminate_unused_initializers",
};

const std::vector<RegisteredPass>& Table() {
  static const std::vector<RegisteredPass>& table = *new std::vector<RegisteredPass>{
      {Instance<FoldConstants>(), true},
      {Instance<SimplifyShapeChains>(), true},
      {Instance<InlineConstantIf>(), true},
      {Instance<EliminateIdentityOps>(), true},
      {Instance<EliminateDeadNodes>(), true},
      {Instance<ComposeViews>(), true},
      {Instance<EliminateRedundantTransposes>(), true},
      {Instance<FusePadIntoConv>(), true},
      {Instance<FuseAffine>(), true},  // before its sibling: a chain is rounded once, as a whole
      {Instance<FuseConvBatchNorm>(), true},
      {Instance<FuseMatMulAdd>(), false},
      {Instance<FuseActivations>(), false},
      {Instance<EliminateDuplicateConstants>(), true},
      {Instance<EliminateCommonSubexpressions>(), true},
      {Instance<EliminateUnusedInitializers>(), true},
  };
  return table;
}

absl::Status UnknownPass(absl::string_view name) {
  std::vector<absl::string_view> names = {"none", "default", "dsperse"};
  for (const RegisteredPass& entry : Table()) names.push_back(entry.pass->name());
  return absl::InvalidArgumentError(
      absl::StrCat("there is no pass '", name, "'", DidYouMean(name, names)));
}

// One flag per row of the table: is it in the list?
using Selection = std::vector<bool>;

absl::StatusOr<size_t> IndexOf(absl::string_view name) {
  const std::vector<RegisteredPass>& table = Table();
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i].pass->name() == name) return i;
  }
  return UnknownPass(name);
}

// Fills `selection` with the list of that name; false if there is none.
bool SelectNamedList(absl::string_view name, Selection& selection) {
  const std::vector<RegisteredPass>& table = Table();
  for (size_t i = 0; i < table.size(); ++i) {
    if (name == "none") {
      selection[i] = false;
    } else if (name == "default") {
      selection[i] = table[i].by_default;
    } else if (name == "dsperse") {
      selection[i] = false;
      for (absl::string_view pass : kDspersePasses) {
        if (table[i].pass->name() == pass) selection[i] = true;
      }
    } else {
      return false;
    }
  }
  return true;
}

bool Contains(const std::vector<const Pass*>& passes, const Pass* pass) {
  return std::find(passes.begin(), passes.end(), pass) != passes.end();
}

}  // namespace

absl::Span<const RegisteredPass> RegisteredPasses() { return Table(); }

const Pass* FindPass(absl::string_view name) {
  const absl::StatusOr<size_t> index = IndexOf(name);
  return index.ok() ? Table()[*index].pass : nullptr;
}

absl::StatusOr<PassList> ParsePassList(absl::string_view text) {
  Selection selection(Table().size());
  Selection taken_out(Table().size());
  SelectNamedList("default", selection);
  PassList list;
  list.base = "default";
  bool plain = false;     // a pass was named without a sign
  bool modified = false;  // … with one
  if (!text.empty()) {
    bool first = true;
    for (absl::string_view word : absl::StrSplit(text, ',')) {
      word = absl::StripAsciiWhitespace(word);
      if (word.empty()) {
        return absl::InvalidArgumentError(absl::StrCat("pass list '", text, "' has an empty entry"));
      }
      const char sign = word[0] == '+' || word[0] == '-' ? word[0] : 0;
      if (sign != 0) {
        DSPERSE_ASSIGN_OR_RETURN(const size_t index, IndexOf(word.substr(1)));
        selection[index] = sign == '+';
        taken_out[index] = sign == '-';
        modified = true;
      } else if (first && SelectNamedList(word, selection)) {
        list.base = std::string(word);
      } else {
        DSPERSE_ASSIGN_OR_RETURN(const size_t index, IndexOf(word));
        if (!plain) selection.assign(selection.size(), false);
        selection[index] = true;
        plain = true;
        if (!first && list.base == "dsperse") modified = true;
      }
      if (plain && modified) {
        return absl::InvalidArgumentError(
            absl::StrCat("pass list '", text,
                         "': plain names are the whole list, + and - change another; not both"));
      }
      first = false;
    }
  }
  if (plain) list.base = "none";
  list.batchnorm_needs_constant_node = list.base == "dsperse";
  for (size_t i = 0; i < selection.size(); ++i) {
    if (selection[i]) {
      list.passes.push_back(Table()[i].pass);
    } else if (list.base == "default" && !Table()[i].by_default && !taken_out[i]) {
      list.with_target.push_back(Table()[i].pass);
    }
  }
  return list;
}

std::vector<const Pass*> PassesOf(const PassList& list, bool target) {
  std::vector<const Pass*> passes;
  for (const RegisteredPass& entry : Table()) {
    if (Contains(list.passes, entry.pass) || (target && Contains(list.with_target, entry.pass))) {
      passes.push_back(entry.pass);
    }
  }
  return passes;
}

std::string PassListText(const PassList& list) {
  Selection base(Table().size());
  SelectNamedList(list.base, base);
  const bool plain = list.base == "none";
  std::string text = plain ? "" : list.base;
  for (size_t i = 0; i < base.size(); ++i) {
    const RegisteredPass& entry = Table()[i];
    const bool selected = Contains(list.passes, entry.pass);
    // Of the default list a pass can be out for good, or left to the target.
    const bool out = list.base == "default" && !entry.by_default && !selected &&
                     !Contains(list.with_target, entry.pass);
    if (selected == base[i] && !out) continue;
    const char* sign = plain ? "" : selected ? "+" : "-";
    absl::StrAppend(&text, text.empty() ? "" : ",", sign, entry.pass->name());
  }
  return text.empty() ? "none" : text;
}

}  // namespace dsperse
