#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/log.hpp"
#include "deri/base/npy.hpp"
#include "deri/base/progress.hpp"
#include "deri/eval/embedding.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatch = 64;

// The rows that were embedded, and what each is.
struct Embeddings {
  std::vector<torch::Tensor> rows;
  std::string index = csv_row({"id", "split", "source"});
  std::vector<std::string> rejected;
};

std::vector<std::size_t> chosen_records(const Store& store, const std::string& split) {
  std::vector<std::size_t> records;
  for (std::size_t i = 0; i < store.size(); ++i)
    if (split.empty() || store.record(i).split == split) records.push_back(i);
  if (records.empty()) fail("{} has no records of the split '{}'", store.path().string(), split);
  return records;
}

// Calibrated on another store where one is named, else on `records`.
EcgSession store_session(const ModelBundle& bundle, InferencePrecision precision, const std::string& calibration,
                         const Store& store, const std::vector<std::size_t>& records) {
  if (calibration.empty()) return make_session(bundle, precision, make_reader(store, bundle.config.input), records);
  const Store other(calibration);
  return make_session(bundle, precision, make_reader(other, bundle.config.input), chosen_records(other, ""));
}

// Calibrated on another store where one is named, else on the first inputs.
EcgSession file_session(const ModelBundle& bundle, InferencePrecision precision, const std::string& calibration,
                        std::vector<float>& inputs) {
  if (calibration.empty()) return EcgSession(*bundle.model, precision, input_tensor(inputs, bundle.config.input));
  const Store other(calibration);
  return make_session(bundle, precision, make_reader(other, bundle.config.input), chosen_records(other, ""));
}

Embeddings embed_store(EcgSession& session, const Store& store, const std::vector<std::size_t>& records, EcgView view) {
  Embeddings embeddings;
  Progress progress("embed", "records", records.size());
  EmbedOptions how{.batch_size = kBatch, .view = view};
  how.embedded = [&](std::int64_t done) { progress.update(done); };
  embeddings.rows.push_back(embed_ecgs(session, make_reader(store, session.config().input), records, how));
  for (const std::size_t i : records)
    embeddings.index += csv_row({store.record(i).id, store.record(i).split, store.record(i).source});
  return embeddings;
}

Embeddings embed_files(const ModelBundle& bundle, InferencePrecision precision, const std::string& calibration,
                       const std::vector<std::string>& files, const ReadOptions& options, EcgView view) {
  Embeddings embeddings;
  std::vector<float> batch;
  std::int64_t in_batch = 0;
  std::optional<EcgSession> session;
  const auto flush = [&] {
    if (in_batch == 0) return;
    if (!session) session.emplace(file_session(bundle, precision, calibration, batch));
    embeddings.rows.push_back(embed_inputs(*session, batch, view));
    batch.clear();
    in_batch = 0;
  };
  Progress progress("embed", "files", files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    try {
      const std::vector<float> input = model_input(read_recording(files[i], options), bundle.config.input);
      batch.insert(batch.end(), input.begin(), input.end());
      embeddings.index += csv_row({fs::path(files[i]).stem().string(), "", files[i]});
      ++in_batch;
    } catch (const Error& error) {
      embeddings.rejected.emplace_back(error.what());
    }
    if (in_batch == kBatch) flush();
    progress.update(static_cast<std::int64_t>(i + 1));
  }
  flush();
  return embeddings;
}

void save(const Embeddings& embeddings, const std::string& out) {
  const torch::Tensor all = torch::cat(embeddings.rows).contiguous();
  write_file_atomic(fs::path(out).replace_extension(".csv"), embeddings.index);
  write_npy<float>(out, {all.size(0), all.size(1)}, {all.data_ptr<float>(), static_cast<std::size_t>(all.numel())});
  spdlog::info("wrote {} embeddings of {} numbers to {}", all.size(0), all.size(1), out);
}

}  // namespace

void add_embed_command(CLI::App& app) {
  struct Options {
    std::string model, data, split, out, calibration, view = "zero-shot", device = "cpu", precision = "float32";
    std::vector<std::string> files;
  };
  auto options = std::make_shared<Options>();
  auto read = std::make_shared<ReadOptions>();
  CLI::App* command =
      app.add_subcommand("embed", "Write the embeddings of a store's records, or of ECG files, as a NumPy array");
  command->add_option("--model", options->model, "Model folder")->required();
  CLI::Option* data = command->add_option("--data", options->data, "Store");
  command->add_option("files", options->files, "ECG files of any format, instead of a store")->excludes(data);
  command->add_option("--split", options->split, "train, validation or test; by default all")->needs(data);
  command
      ->add_option("--view", options->view,
                   "zero-shot (as prompts are compared with), aligned, mix, or encoder (mean of the encoder's output, "
                   "not normalised)")
      ->capture_default_str();
  command->add_option("--out", options->out, "Array to write, float32 [records, d]; what its rows are stands in a .csv")
      ->required();
  command->add_option("--device", options->device, "cpu, cuda, cuda:N")->capture_default_str();
  add_precision_option(*command, options->precision);
  command->add_option(
      "--calibration", options->calibration,
      fmt::format("Store whose first {} records int8 is calibrated on; by default those that are embedded",
                  EcgSession::kCalibrationRecords));
  add_read_options(*command, read);
  command->footer(example("deri embed --model run/best --data store --out embeddings.npy"));
  command->callback([options, read] {
    if (options->data.empty() == options->files.empty()) fail("name a store with --data, or ECG files");
    if (fs::path(options->out).extension() != ".npy") fail("--out {}: name a file that ends in .npy", options->out);
    const EcgView view = parse_view(options->view);
    const torch::Device device = parse_device(options->device);
    const InferencePrecision precision = parse_inference_precision(options->precision);
    const ModelBundle bundle = load_model(options->model, ModelParts::kEcg);
    bundle.model->to(device);
    Embeddings embeddings;
    if (options->files.empty()) {
      const Store store(options->data);
      const auto records = chosen_records(store, options->split);
      EcgSession session = store_session(bundle, precision, options->calibration, store, records);
      embeddings = embed_store(session, store, records, view);
    } else {
      embeddings = embed_files(bundle, precision, options->calibration, options->files, *read, view);
    }
    for (const std::string& reason : embeddings.rejected) spdlog::warn("{}", reason);
    if (embeddings.rows.empty()) fail("none of {} files could be read", options->files.size());
    if (!embeddings.rejected.empty()) spdlog::warn("{} files were left out", embeddings.rejected.size());
    save(embeddings, options->out);
  });
}

}  // namespace deri
