#include "deri/eval/embedding.hpp"

#include <algorithm>

#include "deri/base/error.hpp"
#include "deri/ecg/input.hpp"
#include "deri/ecg/repair.hpp"
#include "deri/model/text_input.hpp"
#include "deri/nn/evaluation_mode.hpp"

namespace deri {
namespace {

constexpr std::size_t kTextBatch = 64;

torch::Tensor batch_tensor(std::vector<float>& ecgs, const InputConfig& input, const torch::Device& device) {
  const auto leads = static_cast<std::int64_t>(input.leads.size());
  const auto records = static_cast<std::int64_t>(ecgs.size()) / (leads * input.samples());
  return torch::from_blob(ecgs.data(), {records, leads, input.samples()}, torch::kFloat32).to(device);
}

torch::Tensor view_rows(EcgTextModel& model, const torch::Tensor& ecg, EcgView view) {
  const torch::Tensor rows = model.ecg_view(ecg, view).to(torch::kFloat32);
  return (view == EcgView::kEncoder ? rows : l2_normalised(rows)).cpu();
}

}  // namespace

SignalReader make_reader(const Store& store, const InputConfig& config) {
  return SignalReader(store, config.leads, config.rate, config.seconds, parse_scaling(config.scaling));
}

torch::Tensor ecg_tensor(Batch& batch, const InputConfig& input, const torch::Device& device) {
  return batch_tensor(batch.ecg, input, device);
}

torch::Tensor embed_ecgs(EcgTextModel& model, const SignalReader& reader, const std::vector<std::size_t>& records,
                         std::int64_t batch_size, const torch::Device& device, EcgView view,
                         const RecordChange& change) {
  const torch::InferenceMode inference;
  const EvaluationMode evaluation(model);
  const InputConfig& input = model.config().input;
  LoaderOptions options;
  options.batch = static_cast<std::size_t>(batch_size);
  options.augment = change;
  Loader loader(reader, records, options);
  loader.start_epoch(0);
  std::vector<torch::Tensor> rows;
  while (auto batch = loader.next()) rows.push_back(view_rows(model, ecg_tensor(*batch, input, device), view));
  return rows.empty() ? torch::empty({0, model.config().width}) : torch::cat(rows);
}

EmbeddedRecords::EmbeddedRecords(const ModelBundle& bundle, const Store& store, std::vector<std::size_t> records,
                                 std::int64_t batch_size, const torch::Device& device, EcgView view,
                                 const RecordChange& change) {
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end()), records.end());
  for (std::size_t row = 0; row < records.size(); ++row) rows_[records[row]] = static_cast<std::int64_t>(row);
  embeddings_ =
      embed_ecgs(*bundle.model, make_reader(store, bundle.config.input), records, batch_size, device, view, change);
}

torch::Tensor EmbeddedRecords::of(const std::vector<std::size_t>& records) const {
  std::vector<std::int64_t> rows;
  rows.reserve(records.size());
  for (const std::size_t record : records) rows.push_back(rows_.at(record));
  return embeddings_.index_select(0, torch::tensor(rows, torch::kInt64));
}

std::vector<float> model_input(const Recording& recording, const InputConfig& config) {
  SignalMatrix signal = select_leads(recording, config.leads);
  const RepairReport report = repair(signal);
  if (report.rejection) fail("{}: {}", recording.source, *report.rejection);
  const auto samples = static_cast<std::size_t>(config.samples());
  std::vector<float> input(config.leads.size() * samples);
  write_input(std::move(signal), config.rate, samples, parse_scaling(config.scaling), input);
  return input;
}

torch::Tensor embed_inputs(EcgTextModel& model, std::vector<float>& inputs, const torch::Device& device, EcgView view) {
  const torch::InferenceMode inference;
  const EvaluationMode evaluation(model);
  return view_rows(model, batch_tensor(inputs, model.config().input, device), view);
}

torch::Tensor embed_texts(const ModelBundle& bundle, const std::vector<std::string>& texts,
                          const torch::Device& device) {
  const torch::InferenceMode inference;
  const EvaluationMode evaluation(*bundle.model);
  const TextTowerConfig& config = bundle.config.text;
  const auto token_ids = tokenize_texts(*bundle.tokenizer, config, texts);
  std::vector<torch::Tensor> rows;
  for (std::size_t first = 0; first < token_ids.size(); first += kTextBatch) {
    std::vector<const std::vector<std::int32_t>*> batch;
    for (std::size_t i = first; i < std::min(first + kTextBatch, token_ids.size()); ++i) batch.push_back(&token_ids[i]);
    const TextInput input = make_text_input(batch, config, bundle.tokenizer->pad_id(), device);
    rows.push_back(bundle.model->text_embedding(bundle.model->encode_text(input)).to(torch::kFloat32).cpu());
  }
  return rows.empty() ? torch::empty({0, bundle.config.width}) : torch::cat(rows);
}

torch::Device parse_device(const std::string& name) {
  const bool known = name == "cpu" || name == "cuda" || name.starts_with("cuda:");
  if (!known) fail("device: '{}' is not one of cpu, cuda, cuda:N", name);
  if (name != "cpu" && !torch::cuda::is_available())
    fail("device: '{}' is not available: this libtorch or machine has no CUDA", name);
  try {
    return torch::Device(name);
  } catch (const c10::Error&) {
    fail("device: '{}' cannot be read; use cpu, cuda or cuda:N", name);
  }
}

}  // namespace deri
