#pragma once
// Multi-label L2-regularised logistic regression, solved to convergence: the linear probe of protocol "strict".
//
// Each label k on its own minimises over the weights w of standardised features x and an intercept b
//
//   F_k(w, b) = 1/N sum_i log(1 + exp(-s_ik (w . x_i + b))) + strength / 2 |w|^2,     s_ik = 2 target_ik - 1
//
// which is strictly convex for strength > 0: one solution, whatever the optimiser, its seed or its steps. (In the terms
// of scikit-learn: C = 1 / (N strength).) Features are standardised by mean and deviation of the training records, so
// the solution does not depend on their units; a feature that is constant there gets weight 0.
//
// The optimiser is L-BFGS, whose first guess of the inverse Hessian is (c X'X / N + strength I)^-1, with the label's
// mean curvature c. Several labels take their steps together, so that the features are read once for all of them.
// Results are the same for any number of threads.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "deri/eval/metrics.hpp"

namespace deri {

// The features of records and their labels; both matrices are row-major, a row per record.
struct ProbeSet {
  std::vector<std::string> labels;
  std::size_t columns = 0;            // of the features
  std::vector<float> features;        // [records, columns]
  std::vector<std::uint8_t> targets;  // [records, labels], 0 or 1

  std::size_t records() const { return columns == 0 ? 0 : features.size() / columns; }
};

// Throws Error, naming the set as `what`, if it has no records or labels, or features that are infinite or NaN.
void check_probe_set(const ProbeSet& set, const std::string& what);

// Per label an affine function of the features.
struct LinearModel {
  std::vector<std::string> labels;
  std::size_t columns = 0;
  std::vector<double> mean, scale;  // [columns]; features are standardised as (x - mean) / scale
  std::vector<double> weights;      // [labels, columns], of the standardised features
  std::vector<double> intercepts;   // [labels]
};

// The probability 1 / (1 + exp(-logit)) of every label for every record of the set, with its targets. Throws Error if
// the set has other labels or features than the model.
ScoredLabels predict(const LinearModel& model, const ProbeSet& set, int threads = 0);

struct LogisticOptions {
  double tolerance = 1e-6;   // a label has converged when its gradient's Euclidean norm is at most this
  int max_iterations = 500;  // per label and strength
  int threads = 0;           // 0: as many as the machine has
};

struct LabelFit {
  std::size_t positives = 0;
  // Only one class among the training records: there is nothing to fit and no finite optimum. Such a label gets weights
  // 0 and the intercept of the probability (positives + 1/2) / (N + 1): a constant, whose AUROC is 1/2.
  bool constant = false;
  double objective = 0;  // F_k at the solution
  double gradient_norm = 0;
  int iterations = 0;
  bool converged = false;  // true for a constant label
};

struct LogisticFit {
  double strength = 0;
  LinearModel model;
  std::vector<LabelFit> labels;

  std::size_t unconverged() const;
};

// Throws Error for what check_probe_set() refuses and for a strength or tolerance that is not above 0.
LogisticFit fit_logistic(const ProbeSet& train, double strength, const LogisticOptions& options = {});

// How the strength is chosen on the validation records. One strength serves all labels: many labels have too few
// validation positives to choose one of their own. Of equals the strongest is taken.
enum class PathCriterion {
  // The mean AUROC over labels, which is what tables report: every label counts the same and, unlike the log-loss, it
  // is not ruled by the calibration of the frequent labels.
  kMacroAuroc,
  kLogLoss,  // the mean log-loss over labels: for those who use the probabilities
};

// Half-decades from 10 to 1e-6, falling.
std::vector<double> default_strengths();

struct PathOptions {
  std::vector<double> strengths = default_strengths();
  PathCriterion criterion = PathCriterion::kMacroAuroc;
  LogisticOptions solver;
};

struct PathPoint {
  double strength = 0;
  double train_log_loss = 0;  // mean over labels and records, without the penalty
  double validation_log_loss = 0;
  double validation_auroc = 0;  // macro, over the validation's labels with both classes
  int iterations = 0;           // the most of a label
  std::size_t unconverged = 0;  // labels
};

struct LogisticPath {
  std::vector<PathPoint> points;  // by falling strength
  std::size_t chosen = 0;
  LogisticFit fit;  // of the chosen strength, on the training records alone
};

// Fits every strength, each from the solution of the one before. Throws Error as fit_logistic() does, for a validation
// set of other labels or features, and if no validation label has both classes (kMacroAuroc).
LogisticPath fit_logistic_path(const ProbeSet& train, const ProbeSet& validation, const PathOptions& options = {});

}  // namespace deri
