#include "circuit_estimate/backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "circuit_estimate/backends/dsperse_estimate.h"
#include "circuit_estimate/backends/ezkl_halo2.h"
#include "circuit_estimate/backends/jstprove_expander.h"
#include "circuit_estimate/backends/jstprove_remainder.h"
#include "circuit_estimate/backends/r1cs_circom.h"
#include "fold/ir/status_macros.h"

namespace dsperse {

Counts& Counts::operator+=(const Counts& other) {
  if (values.size() < other.values.size()) values.resize(other.values.size());
  for (size_t i = 0; i < other.values.size(); ++i) values[i] += other.values[i];
  approximate |= other.approximate;
  return *this;
}

bool Counts::overflow() const {
  for (const Count& value : values) {
    if (value.overflow()) return true;
  }
  return false;
}

absl::Span<const Backend* const> AllBackends() {
  static const Backend* const kBackends[] = {
      &JstproveExpander(), &EzklHalo2(), &JstproveRemainder(), &R1csCircom(), &DsperseEstimate()};
  return kBackends;
}

const Backend* FindBackend(absl::string_view name) {
  for (const Backend* backend : AllBackends()) {
    if (backend->name() == name) return backend;
  }
  return nullptr;
}

absl::StatusOr<const Backend*> BackendNamed(absl::string_view name) {
  if (const Backend* backend = FindBackend(name)) return backend;
  std::vector<absl::string_view> known;
  for (const Backend* backend : AllBackends()) known.push_back(backend->name());
  return absl::InvalidArgumentError(
      absl::StrCat("no backend '", name, "'; there are ", absl::StrJoin(known, ", ")));
}

absl::StatusOr<PricerFactory> MakePricerFactory(const Backend& backend, const Parameters& parameters) {
  // A pricer can fail only over its parameters: tried once here, so that the factory can't.
  Graph empty;
  Facts facts(&empty);
  DSPERSE_RETURN_IF_ERROR(
      backend.NewPricer(std::make_shared<ModelView>(&empty, &facts), parameters).status());
  return PricerFactory([&backend, parameters](const Graph& graph, Facts& its_facts) {
    return *backend.NewPricer(std::make_shared<ModelView>(&graph, &its_facts), parameters);
  });
}

}  // namespace dsperse
