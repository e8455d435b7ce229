// How costs grow with what is worked off: records of a batch, samples of a record, records of an archive.

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "deri/data/ptbxl.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_step.hpp"
#include "deri/experiment/speed_workloads.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::int64_t kGrowthTokens = 32;      // of a report
constexpr std::int64_t kGrowthBatch = 16;       // where the length grows
constexpr std::int64_t kReferenceTokens = 256;  // of the released code's padded reports

TextFeatures random_features(std::int64_t records) {
  const std::int64_t width = TextTowerConfig().hidden;
  return {.pooled = torch::randn({records, width}),
          .hidden = torch::randn({records, kGrowthTokens, width}),
          .mask = torch::ones({records, kGrowthTokens}, torch::kBool)};
}

// A line of a figure and how its next point is made.
struct GrowthLine {
  std::string name;
  std::function<void()> run;
};

// The lines' points at `size`: medians of repetitions made in turns.
void add_points(const SpeedRun& run, double size, const std::vector<GrowthLine>& lines, SpeedFigure& figure) {
  std::vector<Alternative> alternatives;
  for (const GrowthLine& line : lines) alternatives.push_back({line.name, line.run});
  TimingPlan plan;
  plan.seconds = run.scale().growth_seconds;
  plan.settle = true;
  const std::vector<Timing> timings = time_alternatives(alternatives, plan, real_environment());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto line = std::find_if(figure.lines.begin(), figure.lines.end(),
                             [&](const SpeedLine& known) { return known.name == lines[i].name; });
    if (line == figure.lines.end()) line = figure.lines.insert(line, {lines[i].name});
    line->x.push_back(size);
    line->y.push_back(timings[i].median());
  }
}

GrowthLine growth_line(const std::string& what, const SpeedWay& way, std::function<void()> run) {
  return {fmt::format("{}, {}", what, way.name), timed_row(way, std::move(run)).run};
}

// Embedding and training of so many records of one length, in each way. The reference's step is left out where it
// would take too long.
std::vector<GrowthLine> network_lines(const ModelConfig& config, std::int64_t batch, bool reference_step) {
  const auto model = speed_model(config);
  model->eval();
  const Tensor ecg = torch::rand({batch, static_cast<std::int64_t>(config.input.leads.size()), config.input.samples()});
  std::vector<GrowthLine> lines;
  for (const SpeedWay& way : usable_ways({kReference, kOurs, kOursBfloat16})) {
    const auto session = std::make_shared<EcgSession>(*model, inference_precision(way));
    lines.push_back(growth_line("embedding", way, [model, session, ecg, way] {
      if (way.plain()) {
        const torch::NoGradGuard no_grad;
        model->ecg_embedding(ecg);
      } else {
        session->view(ecg, EcgView::kZeroShot);
      }
    }));
  }
  if (reference_step) {
    ModelConfig published = published_config();
    published.input = config.input;
    const auto reference = std::make_shared<ReferenceStep>(speed_model(published));
    const TextInput text{torch::ones({batch, kReferenceTokens}, torch::kInt64),
                         torch::ones({batch, kReferenceTokens}, torch::kBool)};
    lines.push_back(
        growth_line("step", kReference, [reference, ecg, text] { reference->run(ecg, text, Precision::kFloat32); }));
  }
  const TextFeatures text = random_features(batch);
  for (const SpeedWay& way : usable_ways({kOurs, kOursBfloat16})) {
    const auto step = std::make_shared<OurStep>(speed_model(config));
    lines.push_back(growth_line("step", way, [step, ecg, text, way] { step->run(ecg, text, way.precision); }));
  }
  return lines;
}

void measure_growth_with_batch(SpeedRun& run) {
  SpeedFigure figure{.key = "growth-batch",
                     .title = "Time and records of a batch (12 leads, 10 s at 500 Hz)",
                     .x_name = "records of a batch",
                     .y_name = "time (s)"};
  for (const std::int64_t batch : run.scale().growth_batches)
    add_points(run, static_cast<double>(batch),
               network_lines(stored_text_config(), batch, batch <= run.scale().growth_reference_batch), figure);
  run.add(std::move(figure));
}

void measure_growth_with_length(SpeedRun& run) {
  SpeedFigure figure{.key = "growth-length",
                     .title = fmt::format("Time and length of the records (12 leads, batch {})", kGrowthBatch),
                     .x_name = "samples of a lead",
                     .y_name = "time (s)"};
  for (const double seconds : run.scale().growth_lengths) {
    ModelConfig config = stored_text_config();
    config.input.seconds = seconds;
    add_points(run, static_cast<double>(config.input.samples()), network_lines(config, kGrowthBatch, false), figure);
  }
  run.add(std::move(figure));
}

void measure_growth_with_records(SpeedRun& run) {
  SpeedFigure figure{.key = "growth-records",
                     .title = "Time and records of an archive (12 leads, 10 s at 500 Hz)",
                     .x_name = "records of the archive",
                     .y_name = "time (s)"};
  const auto model = speed_model(stored_text_config());
  model->eval();
  const SpeedWay fastest = usable_ways({kOurs, kOursBfloat16}).back();
  const auto session = std::make_shared<EcgSession>(*model, inference_precision(fastest));
  for (const std::size_t records : run.scale().growth_records) {
    const std::filesystem::path archive = run.folder() / fmt::format("growth-{}", records), store = archive / "store";
    write_speed_archive(archive, records);
    PrepareOptions replace;
    replace.replace = true;
    prepare_ptbxl(archive, store, replace);
    const std::vector<GrowthLine> lines{
        growth_line("preparation", kOurs, [&] { prepare_ptbxl(archive, store, replace); }),
        growth_line("embedding of the store", fastest, [&] {
          const Store opened(store);
          std::vector<std::size_t> all(opened.size());
          std::iota(all.begin(), all.end(), std::size_t{0});
          embed_ecgs(*session, make_reader(opened, session->config().input), all);
        })};
    add_points(run, static_cast<double>(records), lines, figure);
    std::filesystem::remove_all(archive);
  }
  run.add(std::move(figure));
}

}  // namespace

void measure_growth(SpeedRun& run) {
  measure_growth_with_batch(run);
  measure_growth_with_length(run);
  measure_growth_with_records(run);
}

}  // namespace deri
