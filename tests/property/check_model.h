// What must hold of any model, whoever made it: folded, lowered and sliced it computes the same.
#ifndef DSPERSE_TESTS_PROPERTY_CHECK_MODEL_H_
#define DSPERSE_TESTS_PROPERTY_CHECK_MODEL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/property/graph_builder.h"

namespace dsperse::testing {

// Each check reads a model with a sample run and answers Internal, with what it found and the model as text,
// where something doesn't hold.

// The interpreter computes what the sample run did; after all passes, each verified, it still does; folding
// again changes no byte; and the folded file reads back as the same graph.
absl::Status CheckFolding(const RandomModel& random);
// The same of the model lowered for a target ("jstprove", "ezkl"), with the estimator's prices.
absl::Status CheckLowering(const RandomModel& random, absl::string_view target);
// Each backend has a price for the model as it is: no count of a node, an operator or the total went below zero or
// out of range, and a price doesn't fall while a range of nodes grows.
absl::Status CheckPrices(const RandomModel& random);
// Cut under the budget policy: the slices, each extracted and imported anew, compute the model one after
// the other.
absl::Status CheckSlicing(const RandomModel& random);

}  // namespace dsperse::testing

#endif  // DSPERSE_TESTS_PROPERTY_CHECK_MODEL_H_
