#pragma once
// A store's records as a network takes them, one at a time (SignalReader) or in batches made in the background
// (Loader).

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "deri/data/store.hpp"
#include "deri/ecg/input.hpp"
#include "deri/ecg/scaling.hpp"

namespace deri {

// Reads records of a store as [leads, samples] float32 of a model: its leads in its order, its rate, its length, its
// scaling. Safe to use from several threads at once. The store must outlive it.
class SignalReader {
 public:
  // Leads are found by name. samples = round(rate * seconds). A store of another rate is resampled record by record as
  // it is read, which costs far more than the rest: prepare the store at the model's rate for training. Throws Error
  // when the store lacks a lead (naming both), or rate and seconds make no sample.
  SignalReader(const Store& store, const std::vector<std::string>& leads, double rate, double seconds, Scaling scaling);

  std::size_t leads() const { return rows_.size(); }
  std::size_t samples() const { return samples_; }
  // Values of one record: leads() * samples().
  std::size_t values() const { return leads() * samples_; }

  // Writes record `index` to `out`, of values() floats, as write_input() does.
  void read(std::size_t index, std::span<float> out, const SignalChange& before_scaling = {}) const;

 private:
  void to_millivolts(std::size_t index, std::size_t first, std::size_t count, std::span<float> out) const;

  const Store* store_;
  std::vector<std::size_t> rows_;  // of the store, by lead asked for
  std::vector<std::string> names_;
  double rate_;
  std::size_t samples_;
  Scaling scaling_;
};

struct Batch {
  std::vector<std::size_t> indices;  // of the store
  std::vector<float> ecg;            // [indices, leads, samples], scaled
};

// A change to one record of a store, [leads, n] in mV, before scaling: see SignalChange. `index` is the record's in the
// store.
using RecordChange = std::function<void(std::span<float> millivolts, std::size_t index, std::uint64_t seed)>;

struct LoaderOptions {
  std::size_t batch = 64;
  bool shuffle = false;
  std::uint64_t seed = 0;
  bool drop_last = false;     // leave out what does not fill the last batch
  std::size_t min_batch = 1;  // a last batch smaller than this joins the one before it: contrastive training needs two
  std::size_t prefetch = 4;   // batches ready or in the making ahead of the reader: the bound on memory
  std::size_t threads = 1;    // that make them

  // Training's changes. The seed is mix_seed(seed, {fnv1a("augment"), epoch, index}): a resumed run sees the same
  // changes. Called from the threads.
  RecordChange augment = {};
};

// Goes through a list of records in batches, epoch by epoch. What a batch holds is a function of (options, epoch,
// number of the batch) alone; threads and prefetch change nothing but the time.
class Loader {
 public:
  // `indices` of the reader's store. Throws Error when the options leave no batch, or no batch of min_batch records.
  Loader(SignalReader reader, std::vector<std::size_t> indices, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Batches of a whole epoch.
  std::size_t batches() const { return batches_; }
  // Records of a whole epoch.
  std::size_t records() const { return records_; }

  // Begins an epoch, at its batch `first_batch` (to resume); what is left of the epoch before is dropped. Shuffling
  // gives each epoch an order of its own. Throws Error when the epoch has fewer batches than `first_batch`.
  void start_epoch(std::uint64_t epoch, std::size_t first_batch = 0);

  // The next batch, in order; nothing at the end of the epoch, and before the first. What went wrong in making it is
  // thrown here, and again until an epoch is begun.
  std::optional<Batch> next();

  // Seconds that next() has waited for batches since the epoch began.
  double seconds_waited() const { return seconds_waited_; }

 private:
  struct Made {
    Batch batch;
    std::exception_ptr failure;
  };

  void stop();
  void work();
  Made make(std::size_t number) const;

  SignalReader reader_;
  std::vector<std::size_t> indices_;
  LoaderOptions options_;
  std::size_t records_ = 0, batches_ = 0;

  std::uint64_t epoch_ = 0;
  std::vector<std::size_t> order_;
  double seconds_waited_ = 0;  // the reader's own: not shared with the threads

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::size_t next_to_make_ = 0, next_to_give_ = 0, end_ = 0;
  std::map<std::size_t, Made> ready_;  // by number
  std::vector<std::jthread> threads_;
};

}  // namespace deri
