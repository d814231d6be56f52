// The registry of passes: names, order, the default list, and the syntax of `--passes`.
#ifndef DSPERSE_FOLD_REGISTRY_H_
#define DSPERSE_FOLD_REGISTRY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "fold/pass.h"

namespace dsperse {

struct RegisteredPass {
  const Pass* pass;    // lives forever
  // In the default list. The others are for a prover to judge: they run when named, and with a target.
  bool by_default;
};

// All passes in the order in which a pipeline runs them.
absl::Span<const RegisteredPass> RegisteredPasses();

// Null if there is none of that name.
const Pass* FindPass(absl::string_view name);

struct PassList {
  std::vector<const Pass*> passes;
  // What joins them where there is a target: of the default list all that isn't in it nor taken out by name.
  std::vector<const Pass*> with_target;
  // Conv + BatchNormalization fusion only in models that hold a Constant node, as DSperse does it.
  bool batchnorm_needs_constant_node = false;
  // The named list that it starts from: "default", "dsperse"; "none" where each pass is named.
  std::string base = "none";
};

// `text` is one of
//   ""  or "default"     the default list
//   "none"               no pass
//   "dsperse"            what DSperse's own folding does, for comparison
//   "a,b"                these passes
//   "+c,-d"              the default list with c and without d; also after a list's name: "dsperse,-d"
// The order is always the registry's. InvalidArgument for an unknown name (with a suggestion), for a
// mixture of plain names with + or −, and for an empty entry.
absl::StatusOr<PassList> ParsePassList(absl::string_view text);

// The passes of `list`, with a target or without, in the registry's order.
std::vector<const Pass*> PassesOf(const PassList& list, bool target);

// The list in normal form: "a,b", "none", or "default" or "dsperse" with what was changed of it. Texts that
// mean the same list give the same, and ParsePassList reads it back.
std::string PassListText(const PassList& list);

}  // namespace dsperse

#endif  // DSPERSE_FOLD_REGISTRY_H_
