// Seeded damage to the bytes of a model file: what bad disks do, and what someone would do who knows protobuf.
#ifndef DSPERSE_TESTS_HOSTILE_MUTATE_H_
#define DSPERSE_TESTS_HOSTILE_MUTATE_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "fold/ir/wire.h"

namespace dsperse::testing {

class Mutator {
 public:
  // Keeps `bytes`. Its fields are found once, down to those of tensors and shapes.
  explicit Mutator(std::string bytes);

  const std::string& original() const { return bytes_; }
  size_t num_fields() const { return sites_.size(); }

  // The same bytes for the same seed, on every machine. One of: bits flipped; cut off at a field's boundary;
  // two fields swapped; a length inflated, its content as it was; a field taken out, doubled or replaced by
  // another; a number replaced; content shortened (these four with all lengths around corrected, so that the
  // file stays well-formed). One time in four, twice.
  std::string Mutate(uint64_t seed) const;

 private:
  struct Site {
    WireField field;  // offsets in the whole file
    int parent = -1;
  };

  void FindSites(size_t begin, size_t end, int parent, int depth);
  std::string MutateOnce(std::mt19937_64& random) const;
  // The next field of the same message, or `site` itself.
  int NextSibling(int site) const;
  // The file with the bytes of a field replaced and all lengths around corrected.
  std::string Replace(int site, absl::string_view with) const;
  absl::string_view Text(int site) const;

  std::string bytes_;
  std::vector<Site> sites_;
};

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_HOSTILE_MUTATE_H_
