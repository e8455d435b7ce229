#pragma once
// Work done by several threads and taken in order by one, with a bound on what is made ahead.

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace deri {

// make(i) for i = 0 .. count-1, each called once, on `threads` threads; next() gives the results in order. At most
// `ahead` of them exist that were not taken: the bound on memory.
template <typename Result>
class OrderedWork {
 public:
  OrderedWork(std::size_t count, std::size_t threads, std::size_t ahead, std::function<Result(std::size_t)> make)
      : count_(count), ahead_(std::max<std::size_t>(ahead, 1)), make_(std::move(make)) {
    for (std::size_t i = 0; i < std::clamp<std::size_t>(threads, 1, std::max<std::size_t>(count, 1)); ++i)
      workers_.emplace_back([this] { work(); });
  }

  ~OrderedWork() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
  }
  OrderedWork(const OrderedWork&) = delete;
  OrderedWork& operator=(const OrderedWork&) = delete;

  // The next result; nothing after the last. What make() threw is thrown here.
  std::optional<Result> next() {
    std::unique_lock lock(mutex_);
    if (taken_ == count_) return std::nullopt;
    changed_.wait(lock, [&] { return ready_.contains(taken_); });
    const auto made = ready_.find(taken_);
    if (made->second.failure) std::rethrow_exception(made->second.failure);
    std::optional<Result> result = std::move(made->second.result);
    ready_.erase(made);
    ++taken_;
    lock.unlock();
    changed_.notify_all();
    return result;
  }

 private:
  struct Made {
    std::optional<Result> result;
    std::exception_ptr failure;
  };

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || begun_ == count_ || begun_ < taken_ + ahead_; });
      if (stopping_ || begun_ == count_) return;
      const std::size_t number = begun_++;
      lock.unlock();
      Made made;
      try {
        made.result = make_(number);
      } catch (...) {
        made.failure = std::current_exception();
      }
      lock.lock();
      ready_.emplace(number, std::move(made));
      changed_.notify_all();
    }
  }

  const std::size_t count_, ahead_;
  const std::function<Result(std::size_t)> make_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::size_t begun_ = 0, taken_ = 0;
  std::map<std::size_t, Made> ready_;  // by number
  std::vector<std::jthread> workers_;  // last: joined before what they use goes
};

}  // namespace deri
