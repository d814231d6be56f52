#include "fold/ops/compare.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

// What one look over both float tensors tells.
struct Scan {
  double max_a = 0;         // largest finite |a|
  double max_absolute = 0;  // largest finite |a − b|
  double max_relative = 0;
  int64_t worst = -1;
  int64_t unmatched = -1;   // first NaN or infinity that has no equal on the other side
  int64_t beyond = -1;      // first element outside of its own tolerance
};

template <typename T>
Scan ScanFloats(absl::Span<const T> a, absl::Span<const T> b, double relative, double absolute) {
  Scan scan;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]);
    const double y = static_cast<double>(b[i]);
    if (!std::isfinite(x) || !std::isfinite(y)) {
      const bool same = (std::isnan(x) && std::isnan(y)) || x == y;
      if (!same && scan.unmatched < 0) scan.unmatched = static_cast<int64_t>(i);
      continue;
    }
    scan.max_a = std::max(scan.max_a, std::fabs(x));
    const double difference = std::fabs(x - y);
    if (difference > scan.max_absolute) {
      scan.max_absolute = difference;
      scan.worst = static_cast<int64_t>(i);
    }
    if (x != 0) scan.max_relative = std::max(scan.max_relative, difference / std::fabs(x));
    if (difference > absolute + relative * std::fabs(y) && scan.beyond < 0) {
      scan.beyond = static_cast<int64_t>(i);
    }
  }
  return scan;
}

// Largest distance and first difference of integers, as doubles for the report.
template <typename T>
void ScanIntegers(absl::Span<const T> a, absl::Span<const T> b, Difference* difference) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const double x = static_cast<double>(a[i]);
    const double distance = std::fabs(x - static_cast<double>(b[i]));
    if (difference->worst_element < 0 || distance > difference->max_absolute) {
      difference->worst_element = static_cast<int64_t>(i);
    }
    difference->max_absolute = std::max(difference->max_absolute, distance);
    if (x != 0) {
      difference->max_relative = std::max(difference->max_relative, distance / std::fabs(x));
    }
  }
  difference->agree = difference->worst_element < 0;
  if (!difference->agree) {
    difference->reason = absl::StrCat("element ", difference->worst_element, " differs");
  }
}

template <typename Rule>
absl::StatusOr<Difference> Compare(const Tensor& a, const Tensor& b, double relative,
                                   double absolute, Rule rule) {
  Difference difference;
  if (a.dtype() != b.dtype()) {
    difference.reason = absl::StrCat("element type ", DTypeName(a.dtype()), " against ",
                                     DTypeName(b.dtype()));
    return difference;
  }
  if (a.dims() != b.dims()) {
    difference.reason =
        absl::StrCat("shape ", DimsToString(a.dims()), " against ", DimsToString(b.dims()));
    return difference;
  }
  if (a.dtype() == DType::kString) {
    const auto [left, right] = std::mismatch(a.strings().begin(), a.strings().end(),
                                             b.strings().begin());
    difference.agree = left == a.strings().end();
    if (!difference.agree) {
      difference.worst_element = left - a.strings().begin();
      difference.reason = absl::StrCat("element ", difference.worst_element, " differs");
    }
    return difference;
  }
  DSPERSE_ASSIGN_OR_RETURN(const Tensor x, a.Load());
  DSPERSE_ASSIGN_OR_RETURN(const Tensor y, b.Load());
  return DispatchDType(
      a.dtype(),
      [&](auto tag) -> absl::StatusOr<Difference> {
        using T = typename decltype(tag)::type;
        if constexpr (std::is_integral_v<T>) {
          ScanIntegers<T>(x.data<T>(), y.data<T>(), &difference);
        } else {
          const Scan scan = ScanFloats<T>(x.data<T>(), y.data<T>(), relative, absolute);
          difference.max_absolute = scan.max_absolute;
          difference.max_relative = scan.max_relative;
          difference.worst_element = scan.unmatched >= 0 ? scan.unmatched : scan.worst;
          if (scan.unmatched >= 0) {
            difference.reason = absl::StrCat(
                "element ", scan.unmatched, " is ", static_cast<double>(x.data<T>()[scan.unmatched]),
                " against ", static_cast<double>(y.data<T>()[scan.unmatched]));
          } else {
            difference.reason = rule(scan);
          }
          difference.agree = difference.reason.empty();
        }
        return difference;
      },
      [&]() -> absl::StatusOr<Difference> {
        DSPERSE_ASSIGN_OR_RETURN(difference.agree, SameBits(x, y));
        if (!difference.agree) difference.reason = "bits differ";
        return difference;
      });
}

}  // namespace

absl::StatusOr<Difference> CompareTensors(const Tensor& a, const Tensor& b, double tolerance) {
  double allowed = 0;
  DSPERSE_ASSIGN_OR_RETURN(Difference difference, Compare(a, b, 0, 0, [&](const Scan& scan) -> std::string {
                             allowed = tolerance * std::max(1e-6, scan.max_a);
                             if (scan.max_absolute <= allowed) return "";
                             return absl::StrCat("element ", scan.worst, " is off by ", scan.max_absolute,
                                                 ", allowed is ", allowed);
                           }));
  difference.allowed = allowed;
  return difference;
}

absl::StatusOr<Difference> CompareElements(const Tensor& a, const Tensor& b, double relative,
                                           double absolute) {
  return Compare(a, b, relative, absolute, [&](const Scan& scan) -> std::string {
    if (scan.beyond < 0) return "";
    return absl::StrCat("element ", scan.beyond, " is outside of its tolerance, the largest "
                        "difference is ", scan.max_absolute);
  });
}

}  // namespace dsperse
