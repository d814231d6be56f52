#include "fold/passes/eliminate_duplicate_constants.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"
#include "fold/ops/fixed_point.h"

namespace dsperse {
namespace {

constexpr int64_t kSample = 64;          // bytes of the sample
constexpr int64_t kWhole = 192;          // as many bytes are all in the key
constexpr int64_t kChunk = 1 << 16;      // bytes read at a time
constexpr uint64_t kPrime = 0x100000001b3;  // of the FNV-1a hash

uint64_t Hash(uint64_t hash, absl::string_view bytes) {
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}

// Bytes [offset, offset + size), aligned to what any element type needs.
absl::StatusOr<std::string> ReadBytes(const Tensor& tensor, int64_t offset, int64_t size) {
  std::string bytes(static_cast<size_t>(size), '\0');
  DSPERSE_RETURN_IF_ERROR(tensor.Read(offset, absl::MakeSpan(bytes.data(), bytes.size())));
  return bytes;
}

// A hash of type, dimensions and a sample from the middle: what equal tensors agree in. Of small ones all is in it.
absl::StatusOr<uint64_t> Key(const Tensor& tensor) {
  const auto mix = [&](absl::string_view sample) {
    return static_cast<uint64_t>(absl::HashOf(tensor.dtype(), tensor.dims(), sample));
  };
  if (tensor.dtype() == DType::kString) {
    return static_cast<uint64_t>(absl::HashOf(tensor.dtype(), tensor.dims(), tensor.strings()));
  }
  const int64_t bytes = tensor.num_bytes();
  const int64_t width = std::max(1, BitWidth(tensor.dtype()) / 8);
  const int64_t begin = bytes <= kWhole ? 0 : bytes / 2 / width * width;
  const int64_t size = bytes <= kWhole ? bytes : kSample;
  if (tensor.in_memory()) {
    return mix(tensor.raw().substr(static_cast<size_t>(begin), static_cast<size_t>(size)));
  }
  char sample[kWhole];
  DSPERSE_RETURN_IF_ERROR(tensor.Read(begin, absl::MakeSpan(sample, static_cast<size_t>(size))));
  return mix(absl::string_view(sample, static_cast<size_t>(size)));
}

absl::StatusOr<uint64_t> HashAll(const Tensor& tensor) {
  uint64_t hash = 0xcbf29ce484222325;
  for (int64_t offset = 0; offset < tensor.num_bytes(); offset += kChunk) {
    DSPERSE_ASSIGN_OR_RETURN(
        const std::string bytes,
        ReadBytes(tensor, offset, std::min(kChunk, tensor.num_bytes() - offset)));
    hash = Hash(hash, bytes);
  }
  return hash;
}

// At which powers of the target's scale the readers of `value` take it, a bit each. O(uses).
unsigned ScalesOf(const Graph& graph, ValueId value, const PassContext& context) {
  unsigned powers = 0;
  for (const Use& use : graph.Uses(value)) {
    powers |= use.is_block_output() || context.target == nullptr
                  ? 1u
                  : 1u << context.target->ScalePower(graph.node(use.node), use.index);
  }
  return powers;
}

// Constants that agree in Key. Most have nothing that agrees with them.
struct Group {
  ValueId first;
  std::vector<ValueId> others;
};

// Points the readers of `value` at `kept` and removes it.
void Merge(Graph& graph, ValueId value, ValueId kept, PassContext& context) {
  context.Note(absl::StrCat("'", graph.Name(value), "' equals '", graph.Name(kept), "'"));
  graph.ReplaceUses(value, kept);
  graph.RemoveInitializer(value);
}

absl::StatusOr<bool> MergeGroup(Graph& graph, const Group& group, PassContext& context) {
  bool changed = false;
  const bool whole_in_key = graph.ConstantValue(group.first)->num_bytes() <= kWhole ||
                            graph.ConstantValue(group.first)->dtype() == DType::kString;
  std::vector<ValueId> members = {group.first};
  members.insert(members.end(), group.others.begin(), group.others.end());
  // Zeros are the same at any scale.
  const bool scaled = context.target != nullptr && !AllZero(*graph.ConstantValue(group.first));
  struct Kept {
    ValueId value;
    unsigned scales;
  };
  absl::flat_hash_map<uint64_t, std::vector<Kept>> kept;  // by hash; looked up only
  for (ValueId value : members) {
    const Tensor& tensor = *graph.ConstantValue(value);
    uint64_t hash = 0;
    if (!whole_in_key) {
      DSPERSE_ASSIGN_OR_RETURN(hash, HashAll(tensor));
    }
    std::vector<Kept>& rivals = kept[hash];
    const unsigned scales = scaled ? ScalesOf(graph, value, context) : 1u;
    ValueId same;
    for (const auto& [rival, rival_scales] : rivals) {
      if (rival_scales != scales) continue;
      // A body sees the constants of the main graph, not the other way round.
      if (graph.BlockOf(rival) != graph.main() && graph.BlockOf(rival) != graph.BlockOf(value)) {
        continue;
      }
      DSPERSE_ASSIGN_OR_RETURN(const bool equal,
                               SameBits(*graph.ConstantValue(rival), tensor));
      if (equal) {
        same = rival;
        break;
      }
    }
    if (same.valid() && !graph.IsBlockOutput(value)) {
      Merge(graph, value, same, context);
      changed = true;
    } else if (!same.valid() || graph.BlockOf(same) != graph.BlockOf(value)) {
      rivals.push_back({value, scales});
    }
  }
  return changed;
}

}  // namespace

absl::StatusOr<bool> EliminateDuplicateConstants::Run(Graph& graph, PassContext& context) const {
  std::vector<Group> groups;  // in the order of their first members
  absl::flat_hash_map<uint64_t, size_t> index;
  for (BlockId block : graph.Blocks()) {
    const std::vector<ValueId> values = graph.Initializers(block);
    groups.reserve(groups.size() + values.size());
    index.reserve(index.size() + values.size());
    for (ValueId value : values) {
      if (graph.Uses(value).empty()) continue;
      const Tensor* tensor = graph.ConstantValue(value);
      if (tensor == nullptr) continue;
      DSPERSE_ASSIGN_OR_RETURN(const uint64_t key, Key(*tensor));
      const auto [it, is_new] = index.emplace(key, groups.size());
      if (is_new) {
        groups.push_back({value, {}});
      } else {
        groups[it->second].others.push_back(value);
      }
    }
  }
  bool changed = false;
  for (const Group& group : groups) {
    if (group.others.empty()) continue;
    DSPERSE_ASSIGN_OR_RETURN(const bool merged, MergeGroup(graph, group, context));
    changed |= merged;
  }
  return changed;
}

}  // namespace dsperse
