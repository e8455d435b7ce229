#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/model_folder.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/train/pretrain_config.hpp"
#include "deri/train/text_features.hpp"

namespace deri {
namespace {

constexpr double kMegabyte = 1 << 20;

// The model that `deri pretrain` begins with; of its weights only the text tower's count here.
ModelBundle model_to_be_trained(const std::string& file, const std::vector<std::string>& overrides) {
  const PretrainConfig config = load_pretrain_config(file, overrides);
  const TextTowerConfig& text = config.model.text;
  if (text.trainable || text.pretrained.empty())
    fail(
        "{}: its text tower is trained along, so that no features of it can be kept: name a frozen one with "
        "model.text.pretrained",
        file);
  return new_model(config.model, open_huggingface_bert(text.pretrained, text).tokenizer, Prompts(), config.seed);
}

// What pre-training reads.
std::vector<std::size_t> records_of_pretraining(const Store& store) {
  std::vector<std::size_t> records = records_with_report(store, kTrain);
  const std::vector<std::size_t> validation = records_with_report(store, kValidation);
  records.insert(records.end(), validation.begin(), validation.end());
  return records;
}

}  // namespace

void add_text_features_command(CLI::App& app) {
  struct Options {
    std::string model, config, data, out, device = "cpu";
    std::vector<std::string> overrides;
    std::uint64_t shard_megabytes = 1024;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "text-features",
      "Compute a frozen text tower's features of a store's training and validation reports, once, for deri pretrain; "
      "what is there already is checked, and kept");
  auto* which = command->add_option_group("tower", "Whose text tower");
  which->add_option("--model", options->model, "Model folder");
  which->add_option("--config", options->config, "YAML file of deri pretrain, with model.text.pretrained");
  which->require_option(1);
  command->add_option("--set", options->overrides, "Override a key of --config (repeatable)");
  command->add_option("--data", options->data, "Store")->required();
  command->add_option(
      "--out", options->out,
      "Folder of features, of any number of stores and towers; deri pretrain takes it as "
      "--set text_features=FOLDER. Without it: STORE.text-features, where deri pretrain looks by itself");
  command->add_option("--shard-mb", options->shard_megabytes, "Size of a shard, MB; a kill loses at most one")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--device", options->device, "cpu, cuda, cuda:1 ...")->capture_default_str();
  command->add_option("--threads", options->threads, "Threads of the computation; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->footer(example("deri text-features --model run/best --data store --out text-features"));
  command->callback([options] {
    set_computation_threads(options->threads);
    const torch::Device device = parse_device(options->device);
    const ModelBundle bundle =
        options->model.empty() ? model_to_be_trained(options->config, options->overrides) : load_model(options->model);
    bundle.model->to(device);
    const Store store(options->data);
    const ReportSet reports(store, *bundle.tokenizer, bundle.config.text);
    const std::filesystem::path out =
        options->out.empty() ? text_features_beside(options->data) : std::filesystem::path(options->out);
    TextFeatureOptions sizes;
    sizes.shard_bytes = options->shard_megabytes << 20;
    const KeptTextFeatures kept(*bundle.model, store, reports, records_of_pretraining(store), {out}, device, sizes);
    if (kept.computed() == 0) {
      spdlog::info("every report is there already; comparing the checksums");
      kept.store().verify();
    }
    spdlog::info("done: {} reports, {} rows of {} in {} shards, {:.1f} MB, in {}", kept.store().reports(),
                 kept.store().rows(), bundle.config.text.hidden, kept.store().shards(),
                 static_cast<double>(kept.store().bytes()) / kMegabyte, kept.store().path().string());
  });
}

}  // namespace deri
