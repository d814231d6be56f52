// Report: what folding and lowering save, as plain data. Renderers: report_render.h. Made by
// slicer/prepare_report.h, which knows the chain; nothing here does.
//
// A model is shown in three columns for each backend:
//   as it came   neither folded nor lowered
//   unfused      every pass but fuse_conv_batchnorm and fuse_affine, then lowered: each
//                BatchNormalization that the target refuses is a Mul and an Add
//   fused        everything
// The last two differ in nothing else, so their difference is what fusing affine steps is worth.
#ifndef DSPERSE_CIRCUIT_ESTIMATE_REPORT_DATA_H_
#define DSPERSE_CIRCUIT_ESTIMATE_REPORT_DATA_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "circuit_estimate/backend.h"

namespace dsperse {

enum ReportStage { kAsItCame = 0, kUnfused = 1, kFused = 2, kReportStages = 3 };
absl::string_view StageId(int stage);     // "as_it_came", "unfused", "fused"
absl::string_view StageTitle(int stage);  // "as it came", "unfused", "fused"

// A model file and what is in it.
struct ReportCounts {
  int64_t nodes = 0;  // those of bodies too
  int64_t batch_normalizations = 0;
  int64_t initializers = 0;
  int64_t bytes = 0;  // of the file, were it saved like this
};

// Nodes of one operator type within a slice or a column, and what they cost.
struct ReportOperator {
  std::string op;
  int64_t nodes = 0;
  Counts counts;
};

struct ReportSlice {
  std::vector<std::string> nodes;         // names
  std::vector<ReportOperator> operators;  // by falling price, then name
  // With boundary and fixed price; all 0 without a circuit, that is where `arithmetic` is false.
  Counts counts;
  int bits = 0;  // of the widest value, by the backend's bound; 0: it has none
  int64_t input_elements = 0;
  int64_t output_elements = 0;
  bool arithmetic = true;  // false: it only moves data, nothing is proven
  bool provable = true;
  std::string reason;  // why it is not provable
};

struct ReportUnprovable {
  std::string node;
  std::string op;
  std::string reason;
  bool priced = false;  // the totals hold a price for it
};

// Remarks of the passes that say the same of nodes of one operator.
struct ReportRemark {
  std::string kind;  // "applied", "missed", "note"
  std::string pass;
  std::string op;    // "": about the model
  std::string text;  // names of nodes left out: "fused into Conv"
  int64_t count = 0;
  std::vector<std::string> examples;  // names of the first few nodes
  // Smallest and largest absolute factor of fused scales.
  std::optional<std::pair<double, double>> gains;
};

struct ReportColumn {
  std::string error;                   // not "": the column could not be made, and why
  ReportCounts model;                  // as it came, or as folded
  std::optional<ReportCounts> lowered;  // after lowering; none in "as it came" and without a target
  std::vector<ReportSlice> slices;
  std::vector<ReportOperator> operators;  // of all slices, by falling price, then name
  Counts inputs, outputs, fixed;          // what slices cost beside their nodes
  // Sum of the slices; of a metric that does not add up: its largest value.
  Counts total;
  int64_t priced_nodes = 0;  // nodes that the total has a price for …
  int64_t circuit_nodes = 0;  // … of so many that compute something at proving time
  std::vector<ReportUnprovable> unprovable;
  std::vector<ReportRemark> remarks;
  std::vector<std::string> warnings;
  double seconds = 0;  // to fold, lower and plan

  // Every node has a price and every slice a proof: only then a total is the price of the model.
  bool complete() const;
  int64_t provable_slices() const;
  int64_t arithmetic_slices() const;
  // The dearest slice by `metric`; −1 where there is none.
  int largest_slice(size_t metric) const;
};

struct ReportBackend {
  const Backend* backend = nullptr;
  std::string target;  // "jstprove", "none"
  std::vector<std::pair<std::string, std::string>> parameters;
  std::array<ReportColumn, kReportStages> columns;

  size_t price_metric() const { return backend->price_metric(); }
};

struct ReportModel {
  std::string name;  // of the file, without its folder
  std::vector<std::string> inputs;  // "input float32 [1, 3, 224, 224]"
  std::vector<std::string> notices;
  std::vector<ReportBackend> backends;
  double load_seconds = 0;
};

struct ReportMachine {
  std::string cpu;
  int cores = 0;
  int64_t memory_bytes = 0;
};

struct Report {
  std::string version;  // of the program
  std::string policy;   // how all columns were cut
  std::string minimize;
  std::optional<uint64_t> budget;
  std::vector<ReportModel> models;
  std::optional<ReportMachine> machine;  // with it, renderers also show times
};

// Whether metric `i` of `counts` is equal to the tool's own count by every formula that took part.
inline bool IsExact(const Counts& counts, size_t i) { return (counts.approximate >> i & 1) == 0; }
inline uint64_t ValueOf(const Counts& counts, size_t i) {
  return i < counts.values.size() ? counts.values[i].value() : 0;
}

// What a backend's metric was compared with.
struct ReportCheck {
  absl::string_view backend;
  absl::string_view metric;
  int equal = 0;  // counts of the real tool met …
  int of = 0;     // … of so many; 0: none was there to compare with
  double largest_error_percent = 0;
  absl::string_view text;  // what they are: "circuits of …"
};
// Null for a metric that was never compared.
const ReportCheck* FindCheck(absl::string_view backend, absl::string_view metric);
// One sentence: "equal in 106 of 107 reference circuits, else up to 3.5 % off".
std::string CheckText(absl::string_view backend, absl::string_view metric);

// What an operator is for, for colours: one of FamilyNames().
int OperatorFamily(absl::string_view op);
std::vector<absl::string_view> FamilyNames();

}  // namespace dsperse

#endif  // DSPERSE_CIRCUIT_ESTIMATE_REPORT_DATA_H_
