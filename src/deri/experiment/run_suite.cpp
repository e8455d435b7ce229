#include "deri/experiment/run_suite.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/ranges.h>

#include "deri/base/config.hpp"
#include "deri/base/error.hpp"
#include "deri/base/file_lock.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/data/prepare.hpp"
#include "deri/data/ptbxl.hpp"
#include "deri/data/store.hpp"
#include "deri/data/synthetic_archive.hpp"
#include "deri/eval/comparison.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/probe.hpp"
#include "deri/eval/result_json.hpp"
#include "deri/eval/robustness.hpp"
#include "deri/eval/tsne.hpp"
#include "deri/eval/zeroshot.hpp"
#include "deri/experiment/collect.hpp"
#include "deri/experiment/suite_folder.hpp"
#include "deri/experiment/suite_page.hpp"
#include "deri/experiment/tables.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/train/pretrain.hpp"
#include "deri/train/text_pretrain.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr double kSyntheticRate = 100;

// The suite's stores that are there, opened once.
class Stores {
 public:
  Stores(const Suite& suite, const SuiteFolder& folder, const SuiteRunOptions& options)
      : suite_(suite), folder_(folder), options_(options) {
    for (const auto& named : options.data) suite.data_set(named.first);
  }

  bool available(const std::string& name) const {
    const SuiteData& data = suite_.data_set(name);
    return data.synthetic_records > 0 || !place(data).empty();
  }

  // Where it lies; a synthetic one is made first. Throws Error if nobody has said where.
  fs::path path(const std::string& name) const {
    const SuiteData& data = suite_.data_set(name);
    if (data.synthetic_records > 0) make(data);
    const fs::path path = data.synthetic_records > 0 ? folder_.data(data) : place(data);
    if (path.empty())
      fail("the data set '{}' ({}) is not there: name it with --data {}=PATH", name,
           data.about.empty() ? "see the suite" : data.about, name);
    return path;
  }

  const Store& open(const std::string& name) {
    const auto known = stores_.find(name);
    if (known != stores_.end()) return *known->second;
    return *stores_.emplace(name, std::make_unique<Store>(path(name))).first->second;
  }

 private:
  fs::path place(const SuiteData& data) const {
    const auto named = options_.data.find(data.name);
    return named != options_.data.end() ? named->second : fs::path(data.store);
  }

  void make(const SuiteData& data) const {
    const fs::path store = folder_.data(data);
    if (fs::exists(store)) return;
    const auto lock = FileLock::try_take(folder_.lock("data " + data.name));
    if (!lock) fail("{} is being made by another process: start this one again in a minute", store.string());
    const TemporaryDirectory archive;
    SyntheticArchiveOptions synthetic;
    synthetic.records = static_cast<std::size_t>(data.synthetic_records);
    synthetic.seed = data.synthetic_seed;
    write_synthetic_archive(archive.path() / "archive", synthetic);
    PrepareOptions prepare;
    prepare.rate = kSyntheticRate;
    make_directories(store.parent_path());
    prepare_ptbxl(archive.path() / "archive", store, prepare);
  }

  const Suite& suite_;
  const SuiteFolder& folder_;
  const SuiteRunOptions& options_;
  std::map<std::string, std::unique_ptr<Store>> stores_;
};

// Without the models and tasks whose data set is not there; the note names them.
Suite available_part(Suite suite, const Stores& stores) {
  std::vector<std::string> left_out;
  const auto unavailable = [&](const std::string& data) { return !data.empty() && !stores.available(data); };
  std::erase_if(suite.models, [&](const SuiteModel& model) {
    const std::string reports = model.tower.empty() ? "" : suite.tower(model.tower).reports;
    for (const std::string& data : {model.train_on, reports}) {
      if (!unavailable(data)) continue;
      left_out.push_back(fmt::format("model {} (no data set {})", model.name, data));
      return true;
    }
    return false;
  });
  std::erase_if(suite.tasks, [&](const SuiteTask& task) {
    const bool out = unavailable(task.data);
    if (out) left_out.push_back(fmt::format("{} (no data set {})", task.name, task.data));
    return out;
  });
  std::erase_if(suite.compare, [&](const std::vector<std::string>& pair) {
    return std::any_of(pair.begin(), pair.end(), [&](const std::string& name) {
      return std::none_of(suite.models.begin(), suite.models.end(),
                          [&](const SuiteModel& model) { return model.name == name; });
    });
  });
  if (suite.models.empty() || suite.tasks.empty())
    fail("nothing of the suite can be done: left out {}", fmt::join(left_out, ", "));
  if (left_out.empty()) return suite;
  const std::string words = fmt::format("Left out: {}.", fmt::join(left_out, ", "));
  spdlog::warn("{}", words);
  suite.note += (suite.note.empty() ? "" : " ") + words;
  return suite;
}

class SuiteRun {
 public:
  SuiteRun(const Suite& suite, const SuiteRunOptions& options)
      : folder_(options.out),
        everything_(suite),
        stores_(everything_, folder_, options),
        suite_(options.available_only ? available_part(suite, stores_) : suite),
        device_(parse_device(options.device)),
        options_(options) {}

  SuiteResults run();

 private:
  void open_folder() const;
  void run_one(const SuiteModel& model, std::uint64_t seed);
  void train(const SuiteModel& model, std::uint64_t seed);
  // The HuggingFace folder of a text tower; trained if it is not yet.
  fs::path text_tower(const SuiteTower& tower);
  void measure(const SuiteModel& model, std::uint64_t seed);
  // What a result follows from: kept in it, so that it is made again when that changes.
  Json identity(const fs::path& model_folder, const SuiteTask& task);
  void evaluate(ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                const Json& made_by);
  void zero_shot_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                      const Json& made_by);
  void probe_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                  const Json& made_by);
  void robustness_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                       const Json& made_by);
  void map_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                const Json& made_by);

  const SuiteFolder folder_;
  const Suite everything_;  // as given
  Stores stores_;
  const Suite suite_;  // what is done of it
  const torch::Device device_;
  const SuiteRunOptions options_;
};

void SuiteRun::open_folder() const {
  const fs::path& out = folder_.path();
  if (fs::exists(out) && !fs::is_empty(out) && !fs::exists(out / "suite.json"))
    fail("{} exists and is not the folder of a suite: choose another one", out.string());
  make_directories(out / "locks");
  Json suite = {{"title", everything_.title}, {"models", Json::array()}, {"tasks", Json::array()}};
  for (const SuiteModel& model : everything_.models) suite["models"].push_back(write_config(model));
  for (const SuiteTask& task : everything_.tasks) suite["tasks"].push_back(write_config(task));
  save_json(out / "suite.json", suite);
}

fs::path SuiteRun::text_tower(const SuiteTower& tower) {
  const fs::path run = folder_.tower(tower);
  const auto lock = FileLock::try_take(folder_.lock("tower " + tower.name));
  if (!lock) fail("the text tower '{}' is being trained by another process: start this one again later", tower.name);
  if (!fs::exists(run / "summary.json")) {
    std::vector<std::string> overrides = tower.set;
    overrides.push_back(fmt::format("device={}", options_.device));
    const TextPretrainConfig config = load_text_pretrain_config(tower.config, overrides);
    const fs::path reports = stores_.path(tower.reports);
    make_directories(run.parent_path());
    pretrain_text(config, read_report_corpus(reports, parse_report_language(config.report_language)), reports.string(),
                  run, true);
  }
  return fs::absolute(run / "best");
}

void SuiteRun::train(const SuiteModel& model, std::uint64_t seed) {
  const Store& store = stores_.open(model.train_on);
  std::vector<std::string> overrides = model.set;
  overrides.push_back(fmt::format("seed={}", seed));
  overrides.push_back(fmt::format("device={}", options_.device));
  if (!model.tower.empty())
    overrides.push_back(fmt::format("model.text.pretrained={}", text_tower(suite_.tower(model.tower)).string()));
  const fs::path run = folder_.run(model, seed);
  make_directories(run.parent_path());
  pretrain(load_pretrain_config(model.config, overrides), store, run, true);
}

Json SuiteRun::identity(const fs::path& model_folder, const SuiteTask& task) {
  return {{"model", text_fingerprint(read_file(model_folder / "model.safetensors"))},
          {"data", stores_.open(task.data).checksum()},
          {"prompts", task.prompts.empty() ? "" : text_fingerprint(read_file(task.prompts))},
          {"task", write_config(task)},
          {"resamples", suite_.resamples},
          {"permutations", suite_.permutations}};
}

void SuiteRun::zero_shot_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task,
                              const fs::path& file, const Json& made_by) {
  if (bundle.prompts.empty()) fail("the model has no class prompts: name some in the task '{}'", task.name);
  ZeroShotOptions options;
  options.label_sets = task.labels;
  options.published_protocol = task.protocol == "published";
  options.resamples = static_cast<int>(suite_.resamples);
  options.seed = seed;
  const auto results = zero_shot(bundle, stores_.open(task.data), options, device_);
  auto tables = score_tables(results, made_by);
  for (auto& [key, table] : untrained_score_tables(results, made_by)) tables[untrained_key(key)] = std::move(table);
  Json json = to_json(results, options);
  json["made_by"] = made_by;
  save_result(file, json, tables);
}

void SuiteRun::probe_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                          const Json& made_by) {
  ProbeOptions options;
  options.label_sets = task.labels;
  options.fractions.clear();
  for (const double percent : task.fractions) options.fractions.push_back(percent / 100);
  for (const std::string& view : task.views) options.views.push_back(parse_view(view));
  options.published_protocol = task.protocol == "published";
  options.resamples = static_cast<int>(suite_.resamples);
  options.permutations = static_cast<int>(suite_.permutations);
  options.seed = seed;
  const auto results = linear_probe(bundle, stores_.open(task.data), options, device_);
  auto tables = score_tables(results, made_by);
  for (auto& [key, table] : untrained_score_tables(results, made_by)) tables[untrained_key(key)] = std::move(table);
  Json json = to_json(results, options);
  json["made_by"] = made_by;
  save_result(file, json, tables);
}

void SuiteRun::robustness_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task,
                               const fs::path& file, const Json& made_by) {
  RobustnessOptions options;
  options.label_sets = task.labels;
  options.leads = task.leads;
  options.noise = task.noise;
  options.resamples = static_cast<int>(suite_.resamples);
  options.seed = seed;
  const auto points = robustness(bundle, stores_.open(task.data), options, device_);
  Json json = to_json(points, options);
  json["made_by"] = made_by;
  save_result(file, json, score_tables(points, made_by));
}

// The class of each record, for a map's colours.
std::vector<std::string> map_classes(const LabelMatrix& labels) {
  std::vector<std::string> classes;
  const std::size_t width = labels.labels.size();
  for (std::size_t record = 0; record < labels.indices.size(); ++record) {
    std::string name;
    for (std::size_t k = 0; k < width; ++k)
      if (labels.values[record * width + k] != 0) name = name.empty() ? labels.labels[k] : "several";
    classes.push_back(name);
  }
  return classes;
}

Json map_half(const ModelBundle& bundle, const Store& store, const LabelMatrix& labels, EcgView view) {
  EcgSession session(*bundle.model);
  const EmbeddedRecords records(session, store, labels.indices, {.view = view});
  const torch::Tensor rows = records.of(labels.indices).contiguous();
  const auto columns = static_cast<std::size_t>(rows.size(1));
  const TsneResult map = tsne({rows.data_ptr<float>(), static_cast<std::size_t>(rows.numel())}, columns);
  return {{"points", map.points}, {"perplexity", map.perplexity}, {"kl_divergence", map.kl_divergence}};
}

void SuiteRun::map_task(const ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                        const Json& made_by) {
  const Store& store = stores_.open(task.data);
  const LabelMatrix labels = label_matrix(store, store.split(kTest), task.labels.front());
  if (labels.indices.empty())
    fail("{}: no test record has a label of the set '{}'", store.path().string(), task.labels.front());
  const EcgView view = task.views.empty() ? EcgView::kZeroShot : parse_view(task.views.front());
  const ModelBundle twin = untrained_twin(bundle, seed);
  twin.model->to(device_);
  save_json(file, {{"task", "map"},
                   {"view", view_name(view)},
                   {"classes", map_classes(labels)},
                   {"trained", map_half(bundle, store, labels, view)},
                   {"untrained", map_half(twin, store, labels, view)},
                   {"made_by", made_by}});
}

void SuiteRun::evaluate(ModelBundle& bundle, std::uint64_t seed, const SuiteTask& task, const fs::path& file,
                        const Json& made_by) {
  const Prompts own = bundle.prompts;
  if (!task.prompts.empty()) bundle.prompts = Prompts::load(task.prompts);
  if (task.kind == "zero-shot") zero_shot_task(bundle, seed, task, file, made_by);
  if (task.kind == "probe") probe_task(bundle, seed, task, file, made_by);
  if (task.kind == "robustness") robustness_task(bundle, seed, task, file, made_by);
  if (task.kind == "map") map_task(bundle, seed, task, file, made_by);
  bundle.prompts = own;
}

void SuiteRun::measure(const SuiteModel& model, std::uint64_t seed) {
  const fs::path model_folder = folder_.model(model, seed);
  std::optional<ModelBundle> bundle;
  for (const SuiteTask* task : suite_.tasks_of(model, seed)) {
    const fs::path file = folder_.result(model, seed, *task);
    const Json made_by = identity(model_folder, *task);
    if (fs::exists(file) && load_json(file).value("made_by", Json()) == made_by) continue;
    if (!bundle) {
      bundle = load_model(model_folder);
      bundle->model->to(device_);
    }
    spdlog::info("{}, seed {}: {}", model.name, seed, task->name);
    make_directories(file.parent_path());
    evaluate(*bundle, seed, *task, file, made_by);
  }
}

void SuiteRun::run_one(const SuiteModel& model, std::uint64_t seed) {
  const std::string name = fmt::format("{}, seed {}", model.name, seed);
  const auto lock = FileLock::try_take(folder_.lock(name));
  if (!lock) {
    spdlog::info("{}: another process is at it", name);
    return;
  }
  try {
    if (model.folder.empty()) train(model, seed);
    measure(model, seed);
    folder_.set_failure(model, seed, "");
  } catch (const Error& error) {
    spdlog::error("{}: {}", name, error.what());
    folder_.set_failure(model, seed, error.what());
  }
}

SuiteResults SuiteRun::run() {
  open_folder();
  for (const SuiteModel& model : suite_.models)
    if (model.folder.empty()) stores_.open(model.train_on);
  for (const SuiteModel& model : suite_.models)
    if (!model.tower.empty()) stores_.path(suite_.tower(model.tower).reports);
  for (const SuiteTask& task : suite_.tasks) stores_.open(task.data);
  // Seed by seed, so that a suite that is stopped has all models at the same seeds.
  std::size_t most = 0;
  for (const SuiteModel& model : suite_.models) most = std::max(most, suite_.seeds_of(model).size());
  for (std::size_t i = 0; i < most; ++i)
    for (const SuiteModel& model : suite_.models)
      if (const auto seeds = suite_.seeds_of(model); i < seeds.size()) run_one(model, seeds[i]);

  spdlog::info("writing the tables");
  const SuiteResults results = collect_results(suite_, folder_);
  save_json(folder_.path() / "results.json", to_json(results));
  write_file_atomic(folder_.path() / "tables.md", markdown_tables(results));
  write_file_atomic(folder_.path() / "tables.tex", latex_tables(results));
  write_file_atomic(folder_.path() / "index.html", suite_page(collect_page(suite_, folder_, results)));
  return results;
}

}  // namespace

SuiteResults run_suite(const Suite& suite, const SuiteRunOptions& options) {
  return SuiteRun(suite, options).run();
}

}  // namespace deri
