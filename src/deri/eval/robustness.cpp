#include "deri/eval/robustness.hpp"

#include <algorithm>

#include "deri/base/error.hpp"
#include "deri/eval/degradation.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/probe.hpp"
#include "deri/eval/result_json.hpp"
#include "deri/eval/zeroshot.hpp"

namespace deri {
namespace {

struct DegradedAxis {
  std::string axis;
  double x;
  Degradation degradation;
};

std::vector<DegradedAxis> degradations(const RobustnessOptions& options) {
  std::vector<DegradedAxis> all;
  for (const std::int64_t count : options.leads)
    all.push_back({"leads", static_cast<double>(count), {lead_subset(count), 0}});
  for (const double percent : options.noise) all.push_back({"noise", percent, {lead_subset(12), percent / 100}});
  return all;
}

// The records of all label sets, degraded and embedded, each view once.
class DegradedRecords {
 public:
  DegradedRecords(EcgSession& session, const Store& store, std::vector<std::size_t> records,
                  const Degradation& degradation, const RobustnessOptions& options)
      : session_(session), store_(store), records_(std::move(records)), options_(options) {
    const std::vector<std::string> names = session.config().input.leads;
    change_ = [degradation, names](std::span<float> millivolts, std::size_t, std::uint64_t seed) {
      degrade(degradation, names, millivolts, seed);
    };
  }

  const EmbeddedRecords& view(EcgView view) {
    const auto known = views_.find(view);
    if (known != views_.end()) return known->second;
    const EmbedOptions options{.batch_size = options_.batch_size, .view = view, .change = change_};
    return views_.emplace(view, EmbeddedRecords(session_, store_, records_, options)).first->second;
  }

 private:
  EcgSession& session_;
  const Store& store_;
  std::vector<std::size_t> records_;
  const RobustnessOptions& options_;
  RecordChange change_;
  std::map<EcgView, EmbeddedRecords> views_;
};

std::vector<LabelMatrix> scored_labels(const Store& store, const RobustnessOptions& options) {
  std::vector<LabelMatrix> sets;
  for (const std::string& set : options.label_sets) {
    sets.push_back(label_matrix(store, store.split(options.split), set));
    if (sets.back().indices.empty())
      fail("{}: no record of the split '{}' has a label of the set '{}'", store.path().string(), options.split, set);
  }
  return sets;
}

std::vector<std::size_t> records_of(const std::vector<LabelMatrix>& sets) {
  std::vector<std::size_t> records;
  for (const LabelMatrix& set : sets) records.insert(records.end(), set.indices.begin(), set.indices.end());
  return records;
}

}  // namespace

std::vector<RobustnessPoint> robustness(const ModelBundle& bundle, const Store& store, const RobustnessOptions& options,
                                        const torch::Device& device) {
  const std::vector<LabelMatrix> sets = scored_labels(store, options);
  ProbeOptions probe;
  probe.split = options.split;
  probe.label_sets = options.label_sets;
  probe.batch_size = options.batch_size;
  probe.threads = options.threads;
  probe.precision = options.precision;
  const std::vector<FittedProbe> probes = fit_probes(bundle, store, probe);
  BootstrapOptions bootstrap;
  bootstrap.resamples = options.resamples;
  bootstrap.seed = options.seed;
  bootstrap.threads = options.threads;

  EcgSession session =
      make_session(bundle, options.precision, make_reader(store, bundle.config.input), records_of(sets));
  std::vector<RobustnessPoint> points;
  for (const DegradedAxis& at : degradations(options)) {
    DegradedRecords records(session, store, records_of(sets), at.degradation, options);
    for (std::size_t i = 0; i < sets.size(); ++i) {
      const auto add = [&](const char* reading, ScoredLabels scored) {
        RobustnessPoint point{options.label_sets[i], reading, at.axis, at.x, {}, std::move(scored), {}};
        for (const std::size_t record : sets[i].indices) point.ids.push_back(store.record(record).id);
        point.auroc = bootstrap_intervals(point.scored, bootstrap).macro.auroc;
        points.push_back(std::move(point));
      };
      if (!bundle.prompts.empty())
        add("zero-shot", zero_shot_scores(records.view(EcgView::kZeroShot).of(sets[i].indices),
                                          class_embeddings(bundle, sets[i].labels, device), sets[i]));
      add("probe",
          predict(probes[i].path.fit.model, probe_set(records.view(probes[i].view), sets[i]), options.threads));
    }
  }
  const auto rank = [&](const RobustnessPoint& point) {
    const auto set = std::find(options.label_sets.begin(), options.label_sets.end(), point.label_set);
    return std::tuple(set - options.label_sets.begin(), point.reading != "zero-shot", point.axis != "leads");
  };
  std::stable_sort(points.begin(), points.end(),
                   [&](const RobustnessPoint& a, const RobustnessPoint& b) { return rank(a) < rank(b); });
  return points;
}

std::string score_key(const RobustnessPoint& point) {
  return fmt::format("{} {} {} {:g}", point.label_set, point.reading, point.axis, point.x);
}

std::map<std::string, ScoreTable> score_tables(const std::vector<RobustnessPoint>& points, const Json& about) {
  std::map<std::string, ScoreTable> tables;
  for (const RobustnessPoint& point : points) tables[score_key(point)] = {point.ids, point.scored, about};
  return tables;
}

Json to_json(const std::vector<RobustnessPoint>& points, const RobustnessOptions& options) {
  Json json = {
      {"task", "robustness"},
      {"split", options.split},
      {"leads", "absent leads are 0 mV; see lead_subset()"},
      {"noise", "white, its deviation in percent of each lead's own"},
      {"interval", fmt::format("95 % percentile bootstrap, {} resamples, seed {}", options.resamples, options.seed)},
      {"points", Json::array()}};
  for (const RobustnessPoint& point : points)
    json["points"].push_back({{"label_set", point.label_set},
                              {"reading", point.reading},
                              {"axis", point.axis},
                              {"x", point.x},
                              {"records", point.ids.size()},
                              {"key", score_key(point)},
                              {"macro_auroc", estimate_json(point.auroc)}});
  return json;
}

std::string to_text(const std::vector<RobustnessPoint>& points) {
  std::string text = fmt::format("{:<12}{:<12}{:<8}{:>6}  {}\n", "labels", "read by", "axis", "x", "macro AUROC");
  for (const RobustnessPoint& point : points)
    text += fmt::format("{:<12}{:<12}{:<8}{:>6g}  {}\n", point.label_set, point.reading, point.axis, point.x,
                        estimate_text(point.auroc));
  return text;
}

}  // namespace deri
