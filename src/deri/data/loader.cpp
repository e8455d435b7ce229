#include "deri/data/loader.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/ecg/input.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/recording.hpp"
#include "deri/ecg/resample.hpp"

namespace deri {
namespace {

constexpr double kMostSamples = 1e7;  // per lead: more is a slip of the configuration

std::vector<std::size_t> find_rows(const Store& store, const std::vector<std::string>& leads) {
  std::vector<std::size_t> rows;
  for (const std::string& lead : leads) {
    const std::string wanted = canonical_lead(lead);
    const auto& there = store.info().leads;
    const auto found = std::find_if(there.begin(), there.end(),
                                    [&](const std::string& name) { return canonical_lead(name) == wanted; });
    if (found == there.end()) fail("{} has no lead {}; it has {}", store.path().string(), lead, fmt::join(there, ", "));
    rows.push_back(static_cast<std::size_t>(found - there.begin()));
  }
  return rows;
}

std::size_t sample_count(double rate, double seconds) {
  const double samples = std::round(rate * seconds);
  if (!(rate > 0 && seconds > 0 && samples >= 1 && samples <= kMostSamples))
    fail("{} s at {} Hz are no input: both must be positive, with 1 to {} samples", seconds, rate, kMostSamples);
  return static_cast<std::size_t>(samples);
}

}  // namespace

SignalReader::SignalReader(const Store& store, const std::vector<std::string>& leads, double rate, double seconds,
                           Scaling scaling)
    : store_(&store),
      rows_(find_rows(store, leads)),
      names_(leads),
      rate_(rate),
      samples_(sample_count(rate, seconds)),
      scaling_(scaling) {
  if (rows_.empty()) fail("{}: no leads were asked for", store.path().string());
}

void SignalReader::read(std::size_t index, std::span<float> out, const SignalChange& before_scaling) const {
  DERI_CHECK(out.size() == values());
  const auto length = static_cast<std::size_t>(store_->info().samples);
  if (store_->info().rate == rate_ && length >= samples_) {
    to_millivolts(index, (length - samples_) / 2, samples_, out);
    if (before_scaling) before_scaling(out);
    scale(scaling_, out, leads());
    return;
  }
  SignalMatrix signal;
  signal.leads = names_;
  signal.rate = store_->info().rate;
  signal.length = length;
  signal.values.resize(leads() * length);
  to_millivolts(index, 0, length, signal.values);
  write_input(std::move(signal), rate_, samples_, scaling_, out, before_scaling);
}

// `count` samples of each lead asked for, from sample `first` on.
void SignalReader::to_millivolts(std::size_t index, std::size_t first, std::size_t count, std::span<float> out) const {
  const auto microvolts = store_->signal(index);
  const auto length = static_cast<std::size_t>(store_->info().samples);
  for (std::size_t i = 0; i < leads(); ++i) {
    const std::span<const std::int16_t> row = microvolts.subspan(rows_[i] * length + first, count);
    const std::span<float> values = out.subspan(i * count, count);
    for (std::size_t k = 0; k < count; ++k) values[k] = static_cast<float>(row[k]) / 1000.0F;
  }
}

Loader::Loader(SignalReader reader, std::vector<std::size_t> indices, LoaderOptions options)
    : reader_(std::move(reader)), indices_(std::move(indices)), options_(std::move(options)) {
  const auto& [batch, shuffle, seed, drop_last, min_batch, prefetch, threads, augment] = options_;
  if (batch == 0 || prefetch == 0 || threads == 0) fail("batch, prefetch and threads of a loader must be at least 1");
  if (batch < min_batch) fail("a batch of {} records is too small: at least {} are needed", batch, min_batch);
  const std::size_t rest = indices_.size() % batch;
  records_ = drop_last ? indices_.size() - rest : indices_.size();
  batches_ = records_ / batch + (!drop_last && rest > 0 && rest >= min_batch ? 1 : 0);
  if (batches_ == 0)
    fail("{} records are too few for batches of {}{}", indices_.size(), batch,
         drop_last ? " where incomplete ones are left out" : fmt::format(" and at least {}", min_batch));
}

Loader::~Loader() {
  stop();
}

void Loader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();  // joins
}

void Loader::start_epoch(std::uint64_t epoch, std::size_t first_batch) {
  if (first_batch > batches_) fail("cannot begin at batch {}: an epoch has {} batches", first_batch, batches_);
  stop();
  epoch_ = epoch;
  order_ = indices_;
  if (options_.shuffle) Rng(mix_seed(options_.seed, {fnv1a("order"), epoch})).shuffle(order_);
  ready_.clear();
  next_to_make_ = next_to_give_ = first_batch;
  end_ = batches_;
  seconds_waited_ = 0;
  stopping_ = false;
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

std::optional<Batch> Loader::next() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  if (next_to_give_ == end_) return std::nullopt;
  changed_.wait(lock, [&] { return ready_.contains(next_to_give_); });
  seconds_waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto made = ready_.find(next_to_give_);
  if (made->second.failure) std::rethrow_exception(made->second.failure);
  Batch batch = std::move(made->second.batch);
  ready_.erase(made);
  ++next_to_give_;
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void Loader::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(
        lock, [&] { return stopping_ || next_to_make_ == end_ || next_to_make_ < next_to_give_ + options_.prefetch; });
    if (stopping_ || next_to_make_ == end_) return;
    const std::size_t number = next_to_make_++;
    lock.unlock();
    Made made = make(number);
    lock.lock();
    ready_.emplace(number, std::move(made));
    changed_.notify_all();
  }
}

Loader::Made Loader::make(std::size_t number) const {
  Made made;
  try {
    const std::size_t begin = number * options_.batch;
    const std::size_t end = number + 1 == batches_ ? records_ : begin + options_.batch;
    made.batch.indices.assign(order_.begin() + static_cast<std::ptrdiff_t>(begin),
                              order_.begin() + static_cast<std::ptrdiff_t>(end));
    made.batch.ecg.resize((end - begin) * reader_.values());
    for (std::size_t i = 0; i < made.batch.indices.size(); ++i) {
      const std::size_t index = made.batch.indices[i];
      SignalChange change;
      if (options_.augment)
        change = [&, seed = mix_seed(options_.seed, {fnv1a("augment"), epoch_, index})](std::span<float> millivolts) {
          options_.augment(millivolts, index, seed);
        };
      reader_.read(index, std::span(made.batch.ecg).subspan(i * reader_.values(), reader_.values()), change);
    }
  } catch (...) {
    made.failure = std::current_exception();
  }
  return made;
}

}  // namespace deri
