#pragma once
// A suite's results as one HTML page that opens without a network.

#include <cstdint>
#include <string>
#include <vector>

#include "deri/eval/metrics.hpp"
#include "deri/experiment/results.hpp"

namespace deri {

// The scored records of one training: what ROC, reliability and forest plots are made from.
struct LabelScores {
  std::string model;
  std::uint64_t seed = 0;
  std::string task, kind, data, label_set;  // as in ResultColumn
  double fraction = 0;                      // 0 for zero-shot
  ScoredLabels scored;
};

// One training, epoch by epoch.
struct LearningCurve {
  std::string model;
  std::uint64_t seed = 0;
  std::vector<double> training_loss, validation;  // per epoch; NaN where there is none
  std::string validation_name;                    // "zero-shot AUROC"
  std::int64_t best_epoch = 0;                    // from 1
};

// A t-SNE of a model's embeddings.
struct EmbeddingMap {
  std::string model;
  std::uint64_t seed = 0;
  bool trained = true;  // false: the same networks with random weights
  std::string data, label_set, view;
  std::vector<float> points;         // [records, 2]
  std::vector<std::string> classes;  // per record: its label, or "several"
  double perplexity = 0;
};

struct SuitePageInputs {
  SuiteResults results;
  std::vector<LabelScores> scores;  // of one training per model, task, label set and fraction
  std::vector<LearningCurve> curves;
  std::vector<EmbeddingMap> maps;
};

std::string suite_page(const SuitePageInputs& inputs);

}  // namespace deri
