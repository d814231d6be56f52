#include "slicer/jobs.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "fold/ir/signals_held.h"

namespace dsperse {

class Jobs::Queue {
 public:
  Queue() {
    const SignalsHeld held;  // signals are the owner's, who may be halfway through something
    try {
      worker_ = std::thread([this] { Work(/*until_closed=*/true); });
    } catch (const std::system_error&) {
    }
  }
  ~Queue() {
    stopped_ = true;
    Close();
  }

  void Add(std::function<absl::Status()> job) {
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back({std::move(job), absl::OkStatus()});
    changed_.notify_all();
  }

  absl::Status Finish() {
    Work(/*until_closed=*/false);
    Close();
    for (const Job& job : jobs_) {
      if (!job.status.ok() && !absl::IsCancelled(job.status)) return job.status;
    }
    return absl::OkStatus();
  }

  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    std::function<absl::Status()> run;
    absl::Status status;
  };

  // Takes one job after the other; waits for more, if so wanted.
  void Work(bool until_closed) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      if (until_closed) changed_.wait(lock, [this] { return closed_ || next_ < jobs_.size(); });
      if (next_ == jobs_.size() || stopped_) return;
      Job& job = jobs_[next_++];  // a deque: stays where it is
      lock.unlock();
      absl::Status status = job.run();
      lock.lock();
      if (!status.ok()) stopped_ = true;
      job.status = std::move(status);
    }
  }

  void Close() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    }
    if (worker_.joinable()) worker_.join();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  size_t next_ = 0;
  bool closed_ = false;
  std::atomic<bool> stopped_{false};  // a job has failed, or the owner has given up
  std::thread worker_;                // null: none to be had
};

Jobs::Jobs() : queue_(std::make_unique<Queue>()) {}
Jobs::~Jobs() = default;

void Jobs::Add(std::function<absl::Status()> job) { queue_->Add(std::move(job)); }

absl::Status Jobs::Finish() { return queue_->Finish(); }

absl::Status Jobs::GoOn() const {
  return queue_->stopped() ? absl::CancelledError("given up") : absl::OkStatus();
}

}  // namespace dsperse
