// Jobs: work that its owner shares with a thread beside, where that is to be had.
#ifndef DSPERSE_SLICER_JOBS_H_
#define DSPERSE_SLICER_JOBS_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"

namespace dsperse {

// Jobs are begun in the order they are added, at once, on one thread of its own; Finish helps. Where the system
// gives no thread, Finish does all. Jobs must not depend on each other.
//
//   Jobs jobs;
//   jobs.Add([&] { return Work(&result); });
//   …
//   DSPERSE_RETURN_IF_ERROR(jobs.Finish());  // from here on `result` may be looked at
class Jobs {
 public:
  Jobs();
  // Gives up what isn't begun, and waits for what is.
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  void Add(std::function<absl::Status()> job);
  // Returns when no job is left. Of the jobs that failed, the error of the first added. To be called once.
  absl::Status Finish();
  // A long job asks now and then: Cancelled once another has failed or the owner has given up; it returns that. What
  // isn't begun by then never is.
  absl::Status GoOn() const;

 private:
  class Queue;
  std::unique_ptr<Queue> queue_;
};

}  // namespace dsperse

#endif  // DSPERSE_SLICER_JOBS_H_
