#include "fold/passes/eliminate_duplicate_constants.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "fold/ir/status_macros.h"

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

// Type, dimensions and a sample from the middle: what equal tensors agree in. Small ones are in it whole.
absl::StatusOr<std::string> Key(const Tensor& tensor) {
  std::string key = absl::StrCat(static_cast<int>(tensor.dtype()), "|",
                                 absl::StrJoin(tensor.dims(), ","), "|");
  if (tensor.dtype() == DType::kString) {
    for (const std::string& s : tensor.strings()) absl::StrAppend(&key, s.size(), ":", s);
    return key;
  }
  const int64_t bytes = tensor.num_bytes();
  if (bytes <= kWhole) {
    DSPERSE_ASSIGN_OR_RETURN(const std::string all, ReadBytes(tensor, 0, bytes));
    return absl::StrCat(key, all);
  }
  const int64_t width = std::max(1, BitWidth(tensor.dtype()) / 8);
  DSPERSE_ASSIGN_OR_RETURN(const std::string sample,
                           ReadBytes(tensor, bytes / 2 / width * width, kSample));
  return absl::StrCat(key, sample);
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

// Constants that agree in Key.
struct Group {
  std::vector<ValueId> members;
};

// Points the readers of `value` at `kept` and removes it.
void Merge(Graph& graph, ValueId value, ValueId kept, PassContext& context) {
  context.Note(absl::StrCat("'", graph.Name(value), "' equals '", graph.Name(kept), "'"));
  graph.ReplaceUses(value, kept);
  graph.RemoveInitializer(value);
}

absl::StatusOr<bool> MergeGroup(Graph& graph, const Group& group, PassContext& context) {
  bool changed = false;
  const bool whole_in_key =
      graph.ConstantValue(group.members[0])->num_bytes() <= kWhole ||
      graph.ConstantValue(group.members[0])->dtype() == DType::kString;
  absl::flat_hash_map<uint64_t, std::vector<ValueId>> kept;  // by hash; looked up only
  for (ValueId value : group.members) {
    const Tensor& tensor = *graph.ConstantValue(value);
    uint64_t hash = 0;
    if (!whole_in_key) {
      DSPERSE_ASSIGN_OR_RETURN(hash, HashAll(tensor));
    }
    std::vector<ValueId>& rivals = kept[hash];
    ValueId same;
    for (ValueId rival : rivals) {
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
      rivals.push_back(value);
    }
  }
  return changed;
}

}  // namespace

absl::StatusOr<bool> EliminateDuplicateConstants::Run(Graph& graph, PassContext& context) const {
  std::vector<Group> groups;  // in the order of their first members
  absl::flat_hash_map<std::string, size_t> index;
  for (BlockId block : graph.Blocks()) {
    for (ValueId value : graph.Initializers(block)) {
      const Tensor* tensor = graph.ConstantValue(value);
      if (tensor == nullptr) continue;
      DSPERSE_ASSIGN_OR_RETURN(std::string key, Key(*tensor));
      const auto [it, is_new] = index.emplace(std::move(key), groups.size());
      if (is_new) groups.emplace_back();
      groups[it->second].members.push_back(value);
    }
  }
  bool changed = false;
  for (const Group& group : groups) {
    if (group.members.size() < 2) continue;
    DSPERSE_ASSIGN_OR_RETURN(const bool merged, MergeGroup(graph, group, context));
    changed |= merged;
  }
  return changed;
}

}  // namespace dsperse
