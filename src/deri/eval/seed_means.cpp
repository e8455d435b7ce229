#include "deri/eval/seed_means.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/eval/parallel.hpp"
#include "deri/eval/permutation.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Trainings = std::span<const std::vector<ScoreTable>>;
using Weights = std::vector<std::uint32_t>;

// Of the values that are numbers.
class Mean {
 public:
  void add(double value) {
    if (std::isnan(value)) return;
    sum_ += value;
    ++count_;
  }
  double value() const { return count_ == 0 ? kNaN : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

// The records of all label sets, each once, and where a label set's records are among them.
class RecordUnion {
 public:
  explicit RecordUnion(const std::vector<ScoreTable>& label_sets) {
    std::unordered_map<std::string, std::uint32_t> index;
    for (const ScoreTable& table : label_sets) {
      std::vector<std::uint32_t>& places = places_.emplace_back();
      for (const std::string& id : table.ids)
        places.push_back(index.emplace(id, static_cast<std::uint32_t>(index.size())).first->second);
    }
    size_ = index.size();
  }

  std::size_t size() const { return size_; }

  // Of one value per record of the union, per label set those of its own records.
  template <typename T>
  std::vector<std::vector<T>> by_label_set(const std::vector<T>& values) const {
    std::vector<std::vector<T>> result;
    for (const std::vector<std::uint32_t>& places : places_) {
      std::vector<T>& own = result.emplace_back();
      own.reserve(places.size());
      for (const std::uint32_t place : places) own.push_back(values[place]);
    }
    return result;
  }

 private:
  std::vector<std::vector<std::uint32_t>> places_;
  std::size_t size_ = 0;
};

// One label of one label set in one training.
struct Place {
  std::size_t training, label_set;
  bool defined, frequent;
};

// Of one value per place, in the order of trainings, then label sets, then labels.
double mean_of_means(const std::vector<Place>& places, const std::vector<double>& values, bool Place::*counts) {
  Mean trainings;
  for (std::size_t i = 0; i < places.size();) {
    const std::size_t training = places[i].training;
    Mean label_sets;
    while (i < places.size() && places[i].training == training) {
      const std::size_t label_set = places[i].label_set;
      Mean labels;
      for (; i < places.size() && places[i].training == training && places[i].label_set == label_set; ++i)
        if (places[i].*counts) labels.add(values[i]);
      label_sets.add(labels.value());
    }
    trainings.add(label_sets.value());
  }
  return trainings.value();
}

// All labels of a model's trainings, their records in the order of `like`'s.
struct RankedTrainings {
  std::vector<Place> places;
  std::vector<RankedLabel> labels;  // by place
};

void add_training(RankedTrainings& ranked, const std::vector<ScoreTable>& training, std::size_t number,
                  const std::vector<ScoreTable>& like, const std::string& name) {
  if (training.size() != like.size())
    fail("{} has {} label sets, and the first training has {}: give every training the same", name, training.size(),
         like.size());
  for (std::size_t set = 0; set < like.size(); ++set) {
    const std::string label_set = fmt::format("label set {}", set + 1);
    const ScoreTable table = aligned(training[set], like[set], fmt::format("{}, {}", name, label_set),
                                     fmt::format("the first training, {}", label_set));
    for (RankedLabel& label : rank_labels(table.scored)) {
      const bool defined = label.positives() > 0 && label.negatives() > 0;
      ranked.places.push_back({number, set, defined, defined && label.positives() >= kFrequentPositives});
      ranked.labels.push_back(std::move(label));
    }
  }
}

RankedTrainings rank_trainings(Trainings trainings, const std::vector<ScoreTable>& like, const char* name) {
  RankedTrainings ranked;
  for (std::size_t i = 0; i < trainings.size(); ++i)
    add_training(ranked, trainings[i], i, like, fmt::format("{} {}", name, i + 1));
  return ranked;
}

void check_trainings(Trainings trainings) {
  if (trainings.empty()) fail("there is no training to take a mean of");
  if (trainings.front().empty()) fail("there is no label set to take a mean of");
}

double auroc_at(const RankedTrainings& ranked, std::size_t place, const std::vector<Weights>& weights) {
  return rank_metrics(ranked.labels[place], weights[ranked.places[place].label_set]).auroc;
}

// By place; `fallback` where the weights leave a label one class only.
template <typename Value>
std::vector<double> measured(const std::vector<Place>& places, const std::vector<double>& fallback,
                             const Value& value) {
  std::vector<double> values(places.size(), kNaN);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i].defined) continue;
    values[i] = value(i);
    if (std::isnan(values[i])) values[i] = fallback[i];
  }
  return values;
}

}  // namespace

SeedMeans mean_auroc(Trainings trainings, const BootstrapOptions& options) {
  check_options(options);
  check_trainings(trainings);
  const RankedTrainings ranked = rank_trainings(trainings, trainings.front(), "training");
  const std::vector<Place>& places = ranked.places;
  const RecordUnion records(trainings.front());
  const auto values = [&](const Weights& of_union, const std::vector<double>& fallback) {
    const std::vector<Weights> weights = records.by_label_set(of_union);
    return measured(places, fallback, [&](std::size_t place) { return auroc_at(ranked, place, weights); });
  };
  const std::vector<double> whole = values(Weights(records.size(), 1), std::vector<double>(places.size(), kNaN));

  std::vector<double> macro(static_cast<std::size_t>(options.resamples)), frequent(macro.size());
  parallel_for(macro.size(), options.threads, [&](std::size_t r) {
    const std::vector<double> resampled = values(resampled_records(records.size(), options.seed, r), whole);
    macro[r] = mean_of_means(places, resampled, &Place::defined);
    frequent[r] = mean_of_means(places, resampled, &Place::frequent);
  });
  return {percentile_interval(mean_of_means(places, whole, &Place::defined), macro, options.confidence),
          percentile_interval(mean_of_means(places, whole, &Place::frequent), frequent, options.confidence)};
}

SeedMeansDifference compare_mean_aurocs(Trainings a, Trainings b, const PairedOptions& options) {
  check_options({options.resamples, options.confidence, options.seed, options.threads});
  check_trainings(a);
  if (a.size() != b.size())
    fail("{} trainings cannot be paired with {}: compare models with the same seeds", a.size(), b.size());
  const RankedTrainings ranked_a = rank_trainings(a, a.front(), "training");
  const RankedTrainings ranked_b = rank_trainings(b, a.front(), "the other model's training");
  const std::vector<Place>& places = ranked_a.places;
  const RecordUnion records(a.front());
  std::vector<SwappableLabel> labels;
  for (std::size_t i = 0; i < places.size(); ++i) labels.emplace_back(ranked_a.labels[i], ranked_b.labels[i]);

  const auto swapped_differences = [&](const std::vector<std::uint8_t>& swapped) {
    const std::vector<std::vector<std::uint8_t>> by_set = records.by_label_set(swapped);
    SwappableLabel::Scratch scratch;
    std::vector<double> differences;
    for (std::size_t i = 0; i < places.size(); ++i)
      differences.push_back(labels[i].difference(by_set[places[i].label_set], scratch));
    return differences;
  };
  const std::vector<double> whole = swapped_differences(std::vector<std::uint8_t>(records.size(), 0));
  const double observed = mean_of_means(places, whole, &Place::defined);

  const Permutations permutations(records.size(), options.permutations, options.seed);
  const auto swapped_mean = [&](const std::vector<std::uint8_t>& swapped) {
    return std::vector<double>{mean_of_means(places, swapped_differences(swapped), &Place::defined)};
  };
  const double p_value = permutation_p_values(permutations, {observed}, swapped_mean, options.threads).front();

  std::vector<double> means(static_cast<std::size_t>(options.resamples));
  parallel_for(means.size(), options.threads, [&](std::size_t r) {
    const auto weights = records.by_label_set(resampled_records(records.size(), options.seed, r));
    const auto difference = [&](std::size_t place) {
      return auroc_at(ranked_a, place, weights) - auroc_at(ranked_b, place, weights);
    };
    means[r] = mean_of_means(places, measured(places, whole, difference), &Place::defined);
  });
  return {percentile_interval(observed, means, options.confidence), p_value, permutations.exact()};
}

}  // namespace deri
