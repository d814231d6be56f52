#include "tests/hostile/mutate.h"

#include <algorithm>
#include <utility>

namespace dsperse::testing {
namespace {

constexpr int kDeepest = 12;           // of the fields that are looked at
constexpr size_t kMostFields = 60'000;  // of a file
constexpr size_t kLargestMessage = size_t{4} << 20;

// The generator's raw output only: distributions of the standard library differ between libraries.
size_t Below(std::mt19937_64& random, size_t limit) { return random() % limit; }

// True if the bytes read as a message from their first to their last.
bool IsMessage(absl::string_view bytes) {
  WireReader reader(bytes);
  WireField field;
  int fields = 0;
  while (reader.Next(&field)) {
    if (field.type == kGroupStart || field.type == kGroupEnd) return false;
    ++fields;
  }
  return reader.ok() && fields > 0;
}

uint64_t OddNumber(std::mt19937_64& random, uint64_t before) {
  constexpr uint64_t kNumbers[] = {0, 1, 2, 3, 7, 16, 23, 255, 65'536, uint64_t{1} << 31, uint64_t{1} << 40,
                                   uint64_t{1} << 60, (uint64_t{1} << 63) - 1, uint64_t{1} << 63,
                                   ~uint64_t{0}, ~uint64_t{0} - 1};
  switch (Below(random, 4)) {
    case 0: return before + 1;
    case 1: return before - 1;
    default: return kNumbers[Below(random, sizeof kNumbers / sizeof kNumbers[0])];
  }
}

std::string Bytes(uint32_t number, absl::string_view content) {
  std::string out;
  AppendVarint(MakeTag(number, kBytes), &out);
  AppendVarint(content.size(), &out);
  out.append(content.data(), content.size());
  return out;
}

}  // namespace

Mutator::Mutator(std::string bytes) : bytes_(std::move(bytes)) { FindSites(0, bytes_.size(), -1, 0); }

void Mutator::FindSites(size_t begin, size_t end, int parent, int depth) {
  WireReader reader(absl::string_view(bytes_).substr(begin, end - begin));
  WireField field;
  while (sites_.size() < kMostFields && reader.Next(&field)) {
    Site site{field, parent};
    for (size_t* offset : {&site.field.begin, &site.field.tag_end, &site.field.body, &site.field.end}) *offset += begin;
    sites_.push_back(site);
    if (field.type != kBytes || depth == kDeepest || (depth > 1 && field.value > kLargestMessage)) continue;
    const absl::string_view content =
        absl::string_view(bytes_).substr(site.field.body, site.field.end - site.field.body);
    if (!IsMessage(content)) continue;
    FindSites(site.field.body, site.field.end, static_cast<int>(sites_.size()) - 1, depth + 1);
  }
}

absl::string_view Mutator::Text(int site) const {
  const WireField& field = sites_[static_cast<size_t>(site)].field;
  return absl::string_view(bytes_).substr(field.begin, field.end - field.begin);
}

std::string Mutator::Replace(int site, absl::string_view with) const {
  std::string inner(with);
  for (;;) {
    const Site& here = sites_[static_cast<size_t>(site)];
    // What stands before and behind it, in the message that holds it.
    size_t begin = 0, end = bytes_.size();
    if (here.parent >= 0) {
      begin = sites_[static_cast<size_t>(here.parent)].field.body;
      end = sites_[static_cast<size_t>(here.parent)].field.end;
    }
    inner = bytes_.substr(begin, here.field.begin - begin) + inner +
            bytes_.substr(here.field.end, end - here.field.end);
    if (here.parent < 0) return inner;
    inner = Bytes(sites_[static_cast<size_t>(here.parent)].field.number, inner);
    site = here.parent;
  }
}

int Mutator::NextSibling(int site) const {
  const Site& here = sites_[static_cast<size_t>(site)];
  for (size_t next = static_cast<size_t>(site) + 1; next < sites_.size(); ++next) {
    if (sites_[next].parent == here.parent) return static_cast<int>(next);
    if (sites_[next].parent < here.parent) break;  // behind the message that holds it
  }
  return site;
}

std::string Mutator::MutateOnce(std::mt19937_64& random) const {
  const int site = static_cast<int>(Below(random, sites_.size()));
  const WireField& field = sites_[static_cast<size_t>(site)].field;
  const int other = static_cast<int>(Below(random, sites_.size()));
  switch (Below(random, 9)) {
    case 0: {  // bits flipped, in half of the cases within one field
      std::string out = bytes_;
      const bool within = Below(random, 2) == 0;
      const size_t begin = within ? field.begin : 0;
      const size_t size = within ? field.end - field.begin : out.size();
      for (size_t i = 1 + Below(random, 8); i > 0; --i) {
        char& byte = out[begin + Below(random, size)];
        byte = static_cast<char>(byte ^ (1 << Below(random, 8)));
      }
      return out;
    }
    case 1: {  // cut off
      const size_t boundaries[] = {field.begin, field.tag_end, field.body, field.end};
      return bytes_.substr(0, boundaries[Below(random, 4)]);
    }
    case 2: {  // two fields swapped, neither of which holds the other
      const int partner = Below(random, 2) == 0 ? other : NextSibling(site);
      const int first = std::min(site, partner), second = std::max(site, partner);
      const WireField& a = sites_[static_cast<size_t>(first)].field;
      const WireField& b = sites_[static_cast<size_t>(second)].field;
      if (b.begin < a.end) return Replace(first, "");
      return bytes_.substr(0, a.begin) + std::string(Text(second)) + bytes_.substr(a.end, b.begin - a.end) +
             std::string(Text(first)) + bytes_.substr(b.end);
    }
    case 3: {  // a length inflated
      std::string out = bytes_.substr(0, field.tag_end);
      AppendVarint(field.type == kBytes ? std::max(field.value, OddNumber(random, field.value)) : OddNumber(random, 0),
                   &out);
      return out + bytes_.substr(field.type == kBytes ? field.body : field.end);
    }
    case 4: return Replace(site, "");
    case 5: return Replace(site, std::string(Text(site)) + std::string(Text(site)));
    case 6: return Replace(site, Text(other));
    case 7: {  // a number, or the first that is one from here on
      size_t at = static_cast<size_t>(site);
      while (at + 1 < sites_.size() && sites_[at].field.type != kVarint) ++at;
      std::string with;
      AppendVarint(MakeTag(sites_[at].field.number, kVarint), &with);
      AppendVarint(OddNumber(random, sites_[at].field.value), &with);
      return Replace(static_cast<int>(at), with);
    }
    default: {  // content shortened
      if (field.type != kBytes || field.value == 0) return Replace(site, Text(other));
      const absl::string_view content = Text(site).substr(field.body - field.begin);
      return Replace(site, Bytes(field.number, content.substr(0, Below(random, content.size()))));
    }
  }
}

std::string Mutator::Mutate(uint64_t seed) const {
  std::mt19937_64 random(seed);
  std::string out = MutateOnce(random);
  if (Below(random, 4) != 0) return out;
  const Mutator again(std::move(out));
  return again.sites_.empty() ? again.bytes_ : again.MutateOnce(random);
}

}  // namespace dsperse::testing
