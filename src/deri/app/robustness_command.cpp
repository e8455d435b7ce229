#include <iostream>
#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/eval/comparison.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/robustness.hpp"

namespace deri {

void add_robustness_command(CLI::App& app) {
  struct Options {
    std::string model, data, prompts, json, device = "cpu", precision = "float32";
    RobustnessOptions robustness;
  };
  auto options = std::make_shared<Options>();
  options->robustness.label_sets = {"super"};
  CLI::App* command = app.add_subcommand(
      "robustness",
      "Zero-shot and probe AUROC on ECGs with fewer leads and with noise; prompts and probe stay as they are");
  command->add_option("--model", options->model, "Model folder")->required();
  command->add_option("--data", options->data, "Store")->required();
  command->add_option("--labels", options->robustness.label_sets, "Label sets (several with commas)")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--leads", options->robustness.leads,
                   "How many leads are left: 12, 8 (I II V1-V6), 6 (limb), 4, 3, 2 (I II), 1 (I); the others are 0 mV")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--noise", options->robustness.noise, "White noise, its deviation in percent of each lead's own")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1000.0).description("[0, 1000]"));
  command->add_option("--prompts", options->prompts, "JSON of class prompts; by default the model's own");
  command->add_option("--split", options->robustness.split, "The split that is scored")->capture_default_str();
  command->add_option("--json", options->json, "Write every number to this file, and the scores beside it");
  command->add_option("--resamples", options->robustness.resamples, "Bootstrap resamples")
      ->capture_default_str()
      ->check(CLI::Range(100, 1'000'000));
  command->add_option("--seed", options->robustness.seed, "Of the bootstrap")->capture_default_str();
  command->add_option("--threads", options->robustness.threads, "0: one per core")->capture_default_str();
  command->add_option("--device", options->device, "cpu, cuda, cuda:N")->capture_default_str();
  add_precision_option(*command, options->precision);
  command->footer(
      example("deri robustness --model run/best --data store --leads 12,2 --noise 0,25 --json robust.json"));
  command->callback([options] {
    options->robustness.precision = parse_inference_precision(options->precision);
    const torch::Device device = parse_device(options->device);
    ModelBundle bundle = load_model(options->model);
    bundle.model->to(device);
    if (!options->prompts.empty()) bundle.prompts = Prompts::load(options->prompts);
    const auto points = robustness(bundle, Store(options->data), options->robustness, device);
    if (!options->json.empty()) {
      const Json about = {{"model", options->model}, {"data", options->data}, {"precision", options->precision}};
      Json json = to_json(points, options->robustness);
      json.update(about);
      save_result(options->json, json, score_tables(points, about));
    }
    std::cout << to_text(points);
  });
}

}  // namespace deri
