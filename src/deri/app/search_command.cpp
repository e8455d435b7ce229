#include <iostream>
#include <memory>
#include <numeric>
#include <vector>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/eval/search.hpp"

namespace deri {

void add_search_command(CLI::App& app) {
  struct Options {
    std::string model, data, split, query, file, json, device = "cpu", precision = "float32";
    std::size_t count = 10;
  };
  auto options = std::make_shared<Options>();
  auto read = std::make_shared<ReadOptions>();
  CLI::App* command =
      app.add_subcommand("search", "Find the ECGs and reports of a store that are nearest to a text or an ECG");
  command->add_option("--model", options->model, "Model folder")->required();
  command->add_option("--data", options->data, "Store")->required();
  CLI::Option* query = command->add_option("--query", options->query, "A text in the words of reports");
  command->add_option("file", options->file, "An ECG file of any format, instead of a text")->excludes(query);
  command->add_option("--split", options->split, "train, validation or test; by default all");
  command->add_option("--count", options->count, "How many of each")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command->add_option("--json", options->json, "Write the hits to this file");
  command->add_option("--device", options->device, "cpu, cuda, cuda:N")->capture_default_str();
  add_precision_option(*command, options->precision);
  add_read_options(*command, read);
  command->footer(example("deri search --model run/best --data store --query \"atrial fibrillation\""));
  command->callback([options, read] {
    if (trimmed(options->query).empty() == options->file.empty()) fail("ask with --query TEXT, or name an ECG file");
    const InferencePrecision precision = parse_inference_precision(options->precision);
    const torch::Device device = parse_device(options->device);
    const ModelBundle bundle = load_model(options->model);
    bundle.model->to(device);
    const Store store(options->data);
    std::vector<std::size_t> records(store.size());
    std::iota(records.begin(), records.end(), std::size_t{0});
    EcgSession session = make_session(bundle, precision, make_reader(store, bundle.config.input), records);
    torch::Tensor query;
    if (options->file.empty()) {
      query = embed_texts(bundle, {options->query}, device);
    } else {
      std::vector<float> input = model_input(read_recording(options->file, *read), bundle.config.input);
      query = embed_inputs(session, input);
    }
    const SearchResult result = search(bundle, session, store, options->split, query, options->count);
    if (!options->json.empty()) save_json(options->json, to_json(result));
    std::cout << to_text(result);
  });
}

}  // namespace deri
