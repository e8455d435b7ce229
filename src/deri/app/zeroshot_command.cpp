#include <iostream>
#include <memory>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/eval/comparison.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/zeroshot.hpp"

namespace deri {

void add_zeroshot_command(CLI::App& app) {
  struct Options {
    std::string model, data, prompts, json, device = "cpu", precision = "float32", protocol = "strict";
    ZeroShotOptions zero_shot;
  };
  auto options = std::make_shared<Options>();
  options->zero_shot.label_sets = {"super"};
  CLI::App* command = app.add_subcommand(
      "zeroshot", "Classify by class prompts, without training on labels; the untrained model beside it");
  command->add_option("--model", options->model, "Model folder")->required();
  command->add_option("--data", options->data, "Store")->required();
  command->add_option("--split", options->zero_shot.split, "train, validation or test")->capture_default_str();
  command
      ->add_option("--labels", options->zero_shot.label_sets,
                   "Label sets: super, sub, form, rhythm (several with commas)")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--prompts", options->prompts, "JSON of class prompts; by default the model's own");
  command
      ->add_option("--protocol", options->protocol,
                   "strict: F1 thresholds from the validation split; published: from the scored split itself")
      ->capture_default_str()
      ->check(CLI::IsMember({"strict", "published"}));
  command->add_option("--json", options->json, "Write every number to this file, and the scores beside it");
  command->add_option("--resamples", options->zero_shot.resamples, "Bootstrap resamples")
      ->capture_default_str()
      ->check(CLI::Range(100, 1'000'000));
  command->add_option("--seed", options->zero_shot.seed, "Of the bootstrap and the untrained model")
      ->capture_default_str();
  command->add_option("--batch", options->zero_shot.batch_size, "Records at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--device", options->device, "cpu, cuda, cuda:N")->capture_default_str();
  add_precision_option(*command, options->precision);
  command->footer(example("deri zeroshot --model run/best --data store --labels super,rhythm --json zeroshot.json"));
  command->callback([options] {
    options->zero_shot.published_protocol = options->protocol == "published";
    options->zero_shot.precision = parse_inference_precision(options->precision);
    const torch::Device device = parse_device(options->device);
    ModelBundle bundle = load_model(options->model);
    bundle.model->to(device);
    if (!options->prompts.empty()) bundle.prompts = Prompts::load(options->prompts);
    if (bundle.prompts.empty()) fail("{} has no prompts.json: name class prompts with --prompts", options->model);
    const Store store(options->data);
    const auto results = zero_shot(bundle, store, options->zero_shot, device);
    if (!options->json.empty()) {
      Json json = to_json(results, options->zero_shot);
      json["model"] = options->model;
      json["data"] = options->data;
      json["precision"] = options->precision;
      json["training"] = bundle.training;
      save_result(options->json, json, score_tables(results, {{"model", options->model}, {"data", options->data}}));
    }
    std::cout << to_text(results);
  });
}

}  // namespace deri
