#include <iostream>
#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/eval/comparison.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/probe.hpp"

namespace deri {
namespace {

void save(const std::string& file, const std::vector<ProbeResult>& results, const ProbeOptions& options,
          const Json& about) {
  Json json = to_json(results, options);
  for (const auto& [key, value] : about.items()) json[key] = value;
  save_result(file, json, score_tables(results, about));
}

}  // namespace

void add_probe_command(CLI::App& app) {
  struct Options {
    std::string model, data, json, device = "cpu", precision = "float32", protocol = "strict";
    std::vector<double> percent{1, 10, 100};
    std::vector<std::string> views;
    ProbeOptions probe;
  };
  auto options = std::make_shared<Options>();
  options->probe.label_sets = {"super"};
  CLI::App* command =
      app.add_subcommand("probe", "Train a linear classifier on the frozen encoder; the untrained encoder beside it");
  command->add_option("--model", options->model, "Model folder")->required();
  command->add_option("--data", options->data, "Store")->required();
  command->add_option("--labels", options->probe.label_sets, "Label sets (several with commas)")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--fraction", options->percent,
                   "Percent of the training records, as scikit-learn draws them (several with commas)")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1e-6, 100.0).description("(0, 100]"));
  command
      ->add_option("--protocol", options->protocol,
                   "strict: solved to convergence, everything chosen on validation; published: Adam for 100 epochs, "
                   "the best epoch and the thresholds chosen on the scored split")
      ->capture_default_str()
      ->check(CLI::IsMember({"strict", "published"}));
  command
      ->add_option("--view", options->views,
                   "Candidate views of an ECG: aligned, mix, encoder, zero-shot; the best on validation is taken "
                   "(published: one, by default encoder)")
      ->delimiter(',');
  command->add_option("--split", options->probe.split, "The split that is scored")->capture_default_str();
  command->add_option("--json", options->json, "Write every number to this file, and the scores beside it");
  command->add_option("--resamples", options->probe.resamples, "Bootstrap resamples")
      ->capture_default_str()
      ->check(CLI::Range(100, 1'000'000));
  command->add_option("--permutations", options->probe.permutations, "Of the paired test")
      ->capture_default_str()
      ->check(CLI::Range(100, 1'000'000));
  command->add_option("--seed", options->probe.seed, "Of the bootstrap, the test and the untrained model")
      ->capture_default_str();
  command->add_option("--threads", options->probe.threads, "0: one per core")->capture_default_str();
  command->add_option("--device", options->device, "cpu, cuda, cuda:N")->capture_default_str();
  add_precision_option(*command, options->precision);
  command->footer(
      example("deri probe --model run/best --data store --labels super --fraction 10,100 --json probe.json"));
  command->callback([options] {
    ProbeOptions& probe = options->probe;
    probe.published_protocol = options->protocol == "published";
    probe.fractions.clear();
    for (const double percent : options->percent) probe.fractions.push_back(percent / 100);
    for (const std::string& view : options->views) probe.views.push_back(parse_view(view));
    probe.precision = parse_inference_precision(options->precision);
    const torch::Device device = parse_device(options->device);
    const ModelBundle bundle = load_model(options->model, ModelParts::kEcg);
    bundle.model->to(device);
    const auto results = linear_probe(bundle, Store(options->data), probe, device);
    if (!options->json.empty())
      save(options->json, results, probe,
           {{"model", options->model}, {"data", options->data}, {"precision", options->precision}});
    std::cout << to_text(results);
  });
}

}  // namespace deri
