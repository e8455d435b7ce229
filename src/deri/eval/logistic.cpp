#include "deri/eval/logistic.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "deri/base/error.hpp"
#include "deri/eval/panel.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr std::size_t kBlock = 128;   // rows whose features stay in the cache between logits and gradient
constexpr std::size_t kChunk = 1024;  // rows of a task; fixed, so that sums do not depend on the number of threads
static_assert(kBlock % kTile == 0 && kChunk % kBlock == 0);

double product(const std::vector<double>& x, const std::vector<double>& y) {
  return dot(x.data(), y.data(), x.size());
}

double sigmoid(double logit) {
  const double e = std::exp(-std::abs(logit));
  return logit >= 0 ? 1 / (1 + e) : e / (1 + e);
}

// log(1 + exp(logit)) - target logit.
double log_loss(double logit, std::uint8_t target) {
  return std::log1p(std::exp(-std::abs(logit))) + std::max(logit, 0.0) - target * logit;
}

struct Standardisation {
  std::vector<double> mean, scale;
};

Standardisation standardisation(const ProbeSet& set) {
  const std::size_t columns = set.columns, records = set.records();
  Standardisation result{std::vector<double>(columns, 0), std::vector<double>(columns, 0)};
  std::vector<double> largest(columns, 0);
  for (std::size_t i = 0; i < set.features.size(); ++i) {
    result.mean[i % columns] += set.features[i];
    largest[i % columns] = std::max(largest[i % columns], std::abs(static_cast<double>(set.features[i])));
  }
  for (double& mean : result.mean) mean /= static_cast<double>(records);
  for (std::size_t i = 0; i < set.features.size(); ++i) {
    const double deviation = set.features[i] - result.mean[i % columns];
    result.scale[i % columns] += deviation * deviation;
  }
  for (std::size_t j = 0; j < columns; ++j) {
    const double deviation = std::sqrt(result.scale[j] / static_cast<double>(records));
    // Below float's own resolution nothing but rounding varies. Infinity makes such a feature 0 wherever it is read.
    result.scale[j] = deviation > 1e-7 * largest[j] ? deviation : std::numeric_limits<double>::infinity();
  }
  return result;
}

// Standardised features with a last column of ones for the intercept; rows and columns are padded with zeros to whole
// tiles.
class Design {
 public:
  Design(const ProbeSet& set, const std::vector<double>& mean, const std::vector<double>& scale)
      : rows_(set.records()),
        parameters_(set.columns + 1),
        stride_(rounded_up(parameters_, kTile)),
        values_(rounded_up(rows_, kTile) * stride_, 0) {
    for (std::size_t i = 0; i < rows_; ++i) {
      const float* from = set.features.data() + i * set.columns;
      double* to = values_.data() + i * stride_;
      for (std::size_t j = 0; j < set.columns; ++j) to[j] = (from[j] - mean[j]) / scale[j];
      to[set.columns] = 1;
    }
  }

  std::size_t rows() const { return rows_; }
  std::size_t parameters() const { return parameters_; }  // columns + 1
  std::size_t stride() const { return stride_; }
  const double* row(std::size_t i) const { return values_.data() + i * stride_; }

 private:
  std::size_t rows_, parameters_, stride_;
  std::vector<double> values_;
};

// X'X / N, [parameters, parameters].
std::vector<double> gram_matrix(const Design& design, int threads) {
  const std::size_t m = design.parameters(), stride = design.stride();
  const std::size_t panels = (m + kPanel - 1) / kPanel;
  std::vector<double> gram(m * m, 0);
  parallel_for(panels, threads, [&](std::size_t p) {
    const std::size_t first = p * kPanel, width = std::min(kPanel, m - first);
    std::vector<double> sums(stride * kPanel, 0), panel(kBlock * kPanel);
    for (std::size_t start = 0; start < design.rows(); start += kBlock) {
      const std::size_t rows = std::min(kBlock, design.rows() - start);
      std::fill(panel.begin(), panel.end(), 0);
      for (std::size_t i = 0; i < rows; ++i) std::copy_n(design.row(start + i) + first, width, &panel[i * kPanel]);
      // Only from the diagonal on: the matrix is symmetric.
      for (std::size_t j = first / kTile * kTile; j < stride; j += kTile)
        multiply_tile(design.row(start) + j, 1, stride, rows, panel.data(), &sums[j * kPanel]);
    }
    for (std::size_t j = first; j < m; ++j) {
      for (std::size_t l = 0; l < width && first + l <= j; ++l)
        gram[j * m + first + l] = gram[(first + l) * m + j] = sums[j * kPanel + l] / static_cast<double>(design.rows());
    }
  });
  return gram;
}

// The upper factor U of a symmetric positive definite matrix U'U.
class Cholesky {
 public:
  Cholesky(std::vector<double> matrix, std::size_t size) : size_(size), upper_(std::move(matrix)) {
    for (std::size_t k = 0; k < size_; ++k) {
      double* row = &upper_[k * size_];
      DERI_CHECK(row[k] > 0);
      const double diagonal = std::sqrt(row[k]);
      for (std::size_t j = k; j < size_; ++j) row[j] /= diagonal;
      for (std::size_t i = k + 1; i < size_; ++i)
        if (row[i] != 0) add_scaled(size_ - i, -row[i], row + i, &upper_[i * size_ + i]);
    }
  }

  void solve(std::vector<double>& x) const {
    for (std::size_t k = 0; k < size_; ++k) {
      const double* row = &upper_[k * size_];
      x[k] /= row[k];
      add_scaled(size_ - k - 1, -x[k], row + k + 1, x.data() + k + 1);
    }
    for (std::size_t k = size_; k-- > 0;) {
      const double* row = &upper_[k * size_];
      x[k] = (x[k] - dot(row + k + 1, x.data() + k + 1, size_ - k - 1)) / row[k];
    }
  }

 private:
  std::size_t size_;
  std::vector<double> upper_;
};

// Of one label at one point: the mean log-loss, its gradient, and the mean curvature p (1 - p).
struct Evaluation {
  double loss = 0, curvature = 0;
  std::vector<double> gradient;  // [parameters]
};

// A label and where to evaluate it.
struct Point {
  std::size_t label;
  const std::vector<double>* parameters;
};

class MeanLoss {
 public:
  MeanLoss(const Design& design, const std::vector<std::uint8_t>& targets, std::size_t labels, int threads)
      : design_(design), targets_(targets), labels_(labels), threads_(threads) {}

  std::vector<Evaluation> evaluate(const std::vector<Point>& points) const {
    const std::vector<double> panels = packed(points);
    std::vector<Sums> chunks((design_.rows() + kChunk - 1) / kChunk);
    parallel_for(chunks.size(), threads_, [&](std::size_t c) { chunks[c] = sum_chunk(c, points, panels); });
    return total(chunks, points.size());
  }

  // The logits of every row, [rows, points].
  std::vector<double> logits(const std::vector<Point>& points) const {
    const std::vector<double> panels = packed(points);
    std::vector<double> result(design_.rows() * points.size());
    const std::size_t blocks = (design_.rows() + kBlock - 1) / kBlock;
    parallel_for(blocks, threads_, [&](std::size_t b) {
      const std::size_t start = b * kBlock, rows = std::min(kBlock, design_.rows() - start);
      std::vector<double> block(kBlock * kPanel);
      for (std::size_t first = 0; first < points.size(); first += kPanel) {
        block_logits(start, rows, &panels[first * design_.stride()], block);
        const std::size_t width = std::min(kPanel, points.size() - first);
        for (std::size_t i = 0; i < rows; ++i)
          std::copy_n(&block[i * kPanel], width, &result[(start + i) * points.size() + first]);
      }
    });
    return result;
  }

 private:
  struct Sums {
    std::vector<double> loss, curvature;  // [points]
    std::vector<double> gradient;         // [panels, stride, kPanel]
  };

  // [panels, stride, kPanel], what is not a parameter or a point being 0.
  std::vector<double> packed(const std::vector<Point>& points) const {
    std::vector<double> panels(rounded_up(points.size(), kPanel) * design_.stride(), 0);
    for (std::size_t k = 0; k < points.size(); ++k) {
      double* panel = &panels[k / kPanel * kPanel * design_.stride()];
      for (std::size_t j = 0; j < design_.parameters(); ++j)
        panel[j * kPanel + k % kPanel] = (*points[k].parameters)[j];
    }
    return panels;
  }

  void block_logits(std::size_t start, std::size_t rows, const double* panel, std::vector<double>& logits) const {
    std::fill(logits.begin(), logits.end(), 0);
    for (std::size_t i = 0; i < rows; i += kTile)
      multiply_tile(design_.row(start + i), design_.stride(), 1, design_.parameters(), panel, &logits[i * kPanel]);
  }

  Sums sum_chunk(std::size_t chunk, const std::vector<Point>& points, const std::vector<double>& panels) const {
    Sums sums{std::vector<double>(points.size(), 0), std::vector<double>(points.size(), 0),
              std::vector<double>(panels.size(), 0)};
    std::vector<double> block(kBlock * kPanel);
    const std::size_t end = std::min(design_.rows(), (chunk + 1) * kChunk);
    for (std::size_t start = chunk * kChunk; start < end; start += kBlock) {
      const std::size_t rows = std::min(kBlock, end - start);
      for (std::size_t first = 0; first < points.size(); first += kPanel) {
        const std::size_t offset = first * design_.stride();
        block_logits(start, rows, &panels[offset], block);
        residuals(start, rows, points, first, block, sums);
        for (std::size_t j = 0; j < design_.stride(); j += kTile)
          multiply_tile(design_.row(start) + j, 1, design_.stride(), rows, block.data(),
                        &sums.gradient[offset + j * kPanel]);
      }
    }
    return sums;
  }

  // Logits become probability minus target.
  void residuals(std::size_t start, std::size_t rows, const std::vector<Point>& points, std::size_t first,
                 std::vector<double>& block, Sums& sums) const {
    const std::size_t width = std::min(kPanel, points.size() - first);
    for (std::size_t i = 0; i < rows; ++i) {
      const std::uint8_t* targets = &targets_[(start + i) * labels_];
      for (std::size_t l = 0; l < width; ++l) {
        double& value = block[i * kPanel + l];
        const std::uint8_t target = targets[points[first + l].label];
        const double e = std::exp(-std::abs(value));
        const double probability = value >= 0 ? 1 / (1 + e) : e / (1 + e);
        sums.loss[first + l] += std::log1p(e) + std::max(value, 0.0) - target * value;
        sums.curvature[first + l] += e / ((1 + e) * (1 + e));
        value = probability - target;
      }
      for (std::size_t l = width; l < kPanel; ++l) block[i * kPanel + l] = 0;
    }
  }

  std::vector<Evaluation> total(const std::vector<Sums>& chunks, std::size_t points) const {
    const double share = 1 / static_cast<double>(design_.rows());
    std::vector<Evaluation> result(points);
    for (std::size_t k = 0; k < points; ++k) {
      result[k].gradient.assign(design_.parameters(), 0);
      for (const Sums& sums : chunks) {
        result[k].loss += sums.loss[k] * share;
        result[k].curvature += sums.curvature[k] * share;
        const double* panel = &sums.gradient[k / kPanel * kPanel * design_.stride()];
        for (std::size_t j = 0; j < design_.parameters(); ++j)
          result[k].gradient[j] += panel[j * kPanel + k % kPanel] * share;
      }
    }
    return result;
  }

  const Design& design_;
  const std::vector<std::uint8_t>& targets_;
  std::size_t labels_;
  int threads_;
};

// (c X'X / N + strength I)^-1 up to a factor, shared by labels of similar curvature c.
class Preconditioners {
 public:
  Preconditioners(const std::vector<double>& gram, std::size_t size, double strength)
      : gram_(gram), size_(size), strength_(strength) {}

  // The optimiser scales the guess itself, so c counts to a factor of two only.
  std::shared_ptr<const Cholesky> of(double curvature) {
    const int exponent = std::ilogb(std::max(curvature, 1e-12));
    std::shared_ptr<const Cholesky>& found = made_[exponent];
    if (!found) {
      std::vector<double> matrix = gram_;
      const double ridge = strength_ / std::ldexp(1.0, exponent);
      for (std::size_t j = 0; j + 1 < size_; ++j) matrix[j * size_ + j] += ridge;  // the intercept bears none
      found = std::make_shared<const Cholesky>(std::move(matrix), size_);
    }
    return found;
  }

 private:
  const std::vector<double>& gram_;
  std::size_t size_;
  double strength_;
  std::map<int, std::shared_ptr<const Cholesky>> made_;
};

// L-BFGS with backtracking on one label, driven from outside: evaluate at trial(), tell it by take(), until done().
class LabelSolver {
 public:
  LabelSolver(std::vector<double> start, double strength, const LogisticOptions& options)
      : strength_(strength), options_(options), trial_(std::move(start)) {}

  void precondition(std::shared_ptr<const Cholesky> guess) { guess_ = std::move(guess); }
  const std::vector<double>& trial() const { return trial_; }
  const std::vector<double>& solution() const { return at_; }
  bool done() const { return done_; }
  bool converged() const { return norm_ <= options_.tolerance; }
  double objective() const { return objective_; }
  double gradient_norm() const { return norm_; }
  double data_loss() const { return data_loss_; }
  double curvature() const { return curvature_; }
  int iterations() const { return iterations_; }

  void take(const Evaluation& there) {
    double penalty = 0;
    std::vector<double> gradient = there.gradient;
    for (std::size_t j = 0; j + 1 < trial_.size(); ++j) {
      penalty += trial_[j] * trial_[j];
      gradient[j] += strength_ * trial_[j];
    }
    const double objective = there.loss + strength_ / 2 * penalty;
    if (!at_.empty() && !low_enough(objective, gradient)) {
      shorten();
      return;
    }
    if (!at_.empty()) remember(gradient);
    at_ = trial_;
    gradient_ = std::move(gradient);
    objective_ = objective;
    data_loss_ = there.loss;
    curvature_ = there.curvature;
    norm_ = std::sqrt(product(gradient_, gradient_));
    if (norm_ <= options_.tolerance || iterations_ >= options_.max_iterations) done_ = true;
  }

  // The next trial from an accepted point; a separate step because it may run beside those of other labels.
  void advance() {
    if (done_ || backtracking_) return;
    ++iterations_;
    direction_ = gradient_;
    two_loops(direction_);
    for (double& value : direction_) value = -value;
    slope_ = product(direction_, gradient_);
    step_ = 1;
    place_trial();
  }

 private:
  static constexpr std::size_t kMemory = 12;
  struct Pair {
    std::vector<double> step, change;  // of parameters and gradient
    double curvature;                  // step . change
  };

  // Armijo's condition; where the objective's rounding hides it, the slope at the trial decides.
  bool low_enough(double objective, const std::vector<double>& gradient) const {
    if (objective <= objective_ + 1e-4 * step_ * slope_) return true;
    const double rounding = 1e-14 * (1 + std::abs(objective_));
    return objective <= objective_ + rounding && std::abs(product(direction_, gradient)) <= 0.9 * std::abs(slope_);
  }

  void shorten() {
    step_ *= 0.4;
    backtracking_ = true;
    if (step_ < 1e-12) {
      done_ = true;  // no descent is left that numbers can show
      return;
    }
    place_trial();
  }

  void place_trial() {
    trial_ = at_;
    add_scaled(trial_.size(), step_, direction_.data(), trial_.data());
  }

  void remember(const std::vector<double>& gradient) {
    backtracking_ = false;
    Pair pair{trial_, gradient, 0};
    add_scaled(at_.size(), -1, at_.data(), pair.step.data());
    add_scaled(at_.size(), -1, gradient_.data(), pair.change.data());
    pair.curvature = product(pair.step, pair.change);
    if (!(pair.curvature > 0)) return;
    if (pairs_.size() == kMemory) pairs_.pop_front();
    pairs_.push_back(std::move(pair));
  }

  // x becomes H x, with the inverse Hessian's estimate H (Nocedal and Wright 2006, algorithm 7.4).
  void two_loops(std::vector<double>& x) const {
    std::vector<double> shares(pairs_.size());
    for (std::size_t i = pairs_.size(); i-- > 0;) {
      shares[i] = product(pairs_[i].step, x) / pairs_[i].curvature;
      add_scaled(x.size(), -shares[i], pairs_[i].change.data(), x.data());
    }
    guess_->solve(x);
    const double scale = guess_scale();
    for (double& value : x) value *= scale;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const double share = product(pairs_[i].change, x) / pairs_[i].curvature;
      add_scaled(x.size(), shares[i] - share, pairs_[i].step.data(), x.data());
    }
  }

  double guess_scale() const {
    if (pairs_.empty()) return 1 / std::max(curvature_, 1e-12);
    std::vector<double> solved = pairs_.back().change;
    guess_->solve(solved);
    return pairs_.back().curvature / product(pairs_.back().change, solved);
  }

  double strength_;
  LogisticOptions options_;
  std::shared_ptr<const Cholesky> guess_;
  std::vector<double> at_, gradient_, trial_, direction_;
  double objective_ = 0, data_loss_ = 0, curvature_ = 0, norm_ = 0, slope_ = 0, step_ = 0;
  std::deque<Pair> pairs_;
  int iterations_ = 0;
  bool backtracking_ = false, done_ = false;
};

// Everything about a training set that does not depend on the strength.
class LogisticProblem {
 public:
  LogisticProblem(const ProbeSet& train, const LogisticOptions& options)
      : train_(train),
        options_(options),
        standard_(standardisation(train)),
        design_(train, standard_.mean, standard_.scale),
        loss_(design_, train.targets, train.labels.size(), options.threads),
        gram_(gram_matrix(design_, options.threads)),
        positives_(train.labels.size(), 0) {
    for (std::size_t i = 0; i < train.targets.size(); ++i) positives_[i % train.labels.size()] += train.targets[i];
    for (const std::size_t positives : positives_) {
      std::vector<double> start(design_.parameters(), 0);
      start.back() = prior_logit(positives);
      parameters_.push_back(std::move(start));
    }
  }

  // Solves from the last solution.
  LogisticFit fit(double strength) {
    std::vector<std::optional<LabelSolver>> solvers(train_.labels.size());
    for (std::size_t k = 0; k < solvers.size(); ++k)
      if (!constant(k)) solvers[k].emplace(parameters_[k], strength, options_);
    solve(strength, solvers);

    LogisticFit fit;
    fit.strength = strength;
    log_loss_ = 0;
    for (std::size_t k = 0; k < solvers.size(); ++k) {
      fit.labels.push_back(report(k, solvers[k]));
      if (solvers[k]) parameters_[k] = solvers[k]->solution();
      log_loss_ += solvers[k] ? solvers[k]->data_loss() : fit.labels.back().objective;
    }
    log_loss_ /= static_cast<double>(solvers.size());
    fit.model = model();
    return fit;
  }

  double log_loss() const { return log_loss_; }  // of the last fit, without the penalty

 private:
  bool constant(std::size_t label) const { return positives_[label] == 0 || positives_[label] == design_.rows(); }

  double prior_logit(std::size_t positives) const {
    const double count = static_cast<double>(positives) + 0.5;
    return std::log(count / (static_cast<double>(design_.rows()) + 1 - count));
  }

  void solve(double strength, std::vector<std::optional<LabelSolver>>& solvers) const {
    Preconditioners guesses(gram_, design_.parameters(), strength);
    bool first = true;
    while (true) {
      std::vector<Point> points;
      for (std::size_t k = 0; k < solvers.size(); ++k)
        if (solvers[k] && !solvers[k]->done()) points.push_back({k, &solvers[k]->trial()});
      if (points.empty()) return;
      const std::vector<Evaluation> evaluations = loss_.evaluate(points);
      if (first)
        for (std::size_t i = 0; i < points.size(); ++i)
          solvers[points[i].label]->precondition(guesses.of(evaluations[i].curvature));
      first = false;
      parallel_for(points.size(), options_.threads, [&](std::size_t i) {
        solvers[points[i].label]->take(evaluations[i]);
        solvers[points[i].label]->advance();
      });
    }
  }

  LabelFit report(std::size_t label, const std::optional<LabelSolver>& solver) const {
    LabelFit fit;
    fit.positives = positives_[label];
    fit.constant = !solver;
    if (solver) {
      fit.objective = solver->objective();
      fit.gradient_norm = solver->gradient_norm();
      fit.iterations = solver->iterations();
      fit.converged = solver->converged();
    } else {
      fit.objective = deri::log_loss(parameters_[label].back(), positives_[label] == 0 ? 0 : 1);
      fit.converged = true;
    }
    return fit;
  }

  LinearModel model() const {
    LinearModel model{train_.labels, train_.columns, standard_.mean, standard_.scale, {}, {}};
    for (const std::vector<double>& parameters : parameters_) {
      model.weights.insert(model.weights.end(), parameters.begin(), parameters.end() - 1);
      model.intercepts.push_back(parameters.back());
    }
    return model;
  }

  const ProbeSet& train_;
  LogisticOptions options_;
  Standardisation standard_;
  Design design_;
  MeanLoss loss_;
  std::vector<double> gram_;
  std::vector<std::size_t> positives_;
  std::vector<std::vector<double>> parameters_;  // per label: weights, intercept
  double log_loss_ = 0;
};

void check_solver(const LogisticOptions& options) {
  if (!(options.tolerance > 0)) fail("a tolerance of {} is not above 0: use 1e-6", options.tolerance);
  if (options.max_iterations < 1) fail("a probe needs at least 1 iteration, not {}", options.max_iterations);
}

void check_strength(double strength) {
  if (!(strength > 0 && std::isfinite(strength)))
    fail("a regularisation strength of {} is not a number above 0", strength);
}

void check_same_kind(const std::vector<std::string>& labels, std::size_t columns, const ProbeSet& set) {
  if (set.labels != labels)
    fail("the records have other labels ({}) than the probe was trained for ({}): use one label set", set.labels.size(),
         labels.size());
  if (set.columns != columns)
    fail("the records have {} features, and the probe was trained on {}: use the same model for both", set.columns,
         columns);
}

// Of validation records, whose design is made once for all strengths.
class ValidationScore {
 public:
  ValidationScore(const ProbeSet& set, const LinearModel& model, int threads)
      : set_(set),
        design_(set, model.mean, model.scale),
        loss_(design_, set.targets, set.labels.size(), threads),
        threads_(threads) {}

  void measure(const LinearModel& model, PathPoint& point) const {
    const std::vector<double> logits = logits_of(model);
    double loss = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) loss += log_loss(logits[i], set_.targets[i]);
    point.validation_log_loss = loss / static_cast<double>(logits.size());

    // Of the logits, not the probabilities: far from 1/2 those run into ties.
    const ScoredLabels scored{set_.labels, logits, set_.targets};
    std::vector<double> aurocs(set_.labels.size());
    parallel_for(aurocs.size(), threads_,
                 [&](std::size_t k) { aurocs[k] = auroc(scored.label_scores(k), scored.label_targets(k)); });
    double sum = 0;
    std::size_t defined = 0;
    for (const double value : aurocs) {
      if (std::isnan(value)) continue;
      sum += value;
      ++defined;
    }
    point.validation_auroc = defined == 0 ? kNaN : sum / static_cast<double>(defined);
  }

  std::vector<double> logits_of(const LinearModel& model) const {
    std::vector<std::vector<double>> parameters;
    std::vector<Point> points;
    for (std::size_t k = 0; k < model.labels.size(); ++k) {
      const auto from = model.weights.begin() + static_cast<std::ptrdiff_t>(k * model.columns);
      parameters.emplace_back(from, from + static_cast<std::ptrdiff_t>(model.columns));
      parameters.back().push_back(model.intercepts[k]);
    }
    for (std::size_t k = 0; k < parameters.size(); ++k) points.push_back({k, &parameters[k]});
    return loss_.logits(points);
  }

 private:
  const ProbeSet& set_;
  Design design_;
  MeanLoss loss_;
  int threads_;
};

bool better(const PathPoint& a, const PathPoint& b, PathCriterion criterion) {
  return criterion == PathCriterion::kLogLoss ? a.validation_log_loss < b.validation_log_loss
                                              : a.validation_auroc > b.validation_auroc;
}

}  // namespace

void check_probe_set(const ProbeSet& set, const std::string& what) {
  if (set.labels.empty()) fail("{}: no labels: a probe needs at least one", what);
  if (set.records() == 0) fail("{}: no records: a probe needs some", what);
  DERI_CHECK(set.features.size() == set.records() * set.columns);
  DERI_CHECK(set.targets.size() == set.records() * set.labels.size());
  DERI_CHECK(std::all_of(set.targets.begin(), set.targets.end(), [](std::uint8_t t) { return t <= 1; }));
  const auto bad = std::count_if(set.features.begin(), set.features.end(), [](float x) { return !std::isfinite(x); });
  if (bad > 0) fail("{}: {} of {} features are infinite or NaN: the model is damaged", what, bad, set.features.size());
}

ScoredLabels predict(const LinearModel& model, const ProbeSet& set, int threads) {
  check_same_kind(model.labels, model.columns, set);
  check_probe_set(set, "the records to score");
  ScoredLabels scored{set.labels, ValidationScore(set, model, threads).logits_of(model), set.targets};
  for (double& value : scored.scores) value = sigmoid(value);
  scored.probabilities = true;
  return scored;
}

std::size_t LogisticFit::unconverged() const {
  return static_cast<std::size_t>(
      std::count_if(labels.begin(), labels.end(), [](const LabelFit& label) { return !label.converged; }));
}

LogisticFit fit_logistic(const ProbeSet& train, double strength, const LogisticOptions& options) {
  check_probe_set(train, "the training records");
  check_solver(options);
  check_strength(strength);
  return LogisticProblem(train, options).fit(strength);
}

std::vector<double> default_strengths() {
  return {10, 3, 1, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6};
}

LogisticPath fit_logistic_path(const ProbeSet& train, const ProbeSet& validation, const PathOptions& options) {
  check_probe_set(train, "the training records");
  check_probe_set(validation, "the validation records");
  check_same_kind(train.labels, train.columns, validation);
  check_solver(options.solver);
  if (options.strengths.empty()) fail("no regularisation strength to choose from: give at least one");
  std::vector<double> strengths = options.strengths;
  std::for_each(strengths.begin(), strengths.end(), check_strength);
  std::sort(strengths.begin(), strengths.end(), std::greater<>());

  LogisticProblem problem(train, options.solver);
  std::optional<ValidationScore> score;
  LogisticPath path;
  for (const double strength : strengths) {
    LogisticFit fit = problem.fit(strength);
    if (!score) score.emplace(validation, fit.model, options.solver.threads);
    PathPoint point;
    point.strength = strength;
    point.train_log_loss = problem.log_loss();
    point.unconverged = fit.unconverged();
    for (const LabelFit& label : fit.labels) point.iterations = std::max(point.iterations, label.iterations);
    score->measure(fit.model, point);
    path.points.push_back(point);
    if (path.points.size() > 1 && !better(point, path.points[path.chosen], options.criterion)) continue;
    path.chosen = path.points.size() - 1;
    path.fit = std::move(fit);
  }
  if (options.criterion == PathCriterion::kMacroAuroc && std::isnan(path.points.front().validation_auroc))
    fail("no label has both positive and negative validation records: choose the strength by log-loss");
  return path;
}

}  // namespace deri
