#include "deri/eval/embedding.hpp"

#include <algorithm>
#include <span>

#include "deri/base/error.hpp"
#include "deri/ecg/input.hpp"
#include "deri/ecg/repair.hpp"
#include "deri/model/text_input.hpp"
#include "deri/nn/evaluation_mode.hpp"

namespace deri {
namespace {

constexpr std::size_t kTextBatch = 64;

torch::Tensor view_rows(EcgSession& session, const torch::Tensor& ecg, EcgView view) {
  const torch::InferenceMode inference;
  const torch::Tensor rows = session.view(ecg, view);
  return (view == EcgView::kEncoder ? rows : l2_normalised(rows)).cpu();
}

}  // namespace

SignalReader make_reader(const Store& store, const InputConfig& config) {
  return SignalReader(store, config.leads, config.rate, config.seconds, parse_scaling(config.scaling));
}

torch::Tensor ecg_tensor(Batch& batch, const InputConfig& input, const torch::Device& device) {
  return input_tensor(batch.ecg, input).to(device);
}

torch::Tensor input_tensor(std::vector<float>& inputs, const InputConfig& input) {
  const auto leads = static_cast<std::int64_t>(input.leads.size());
  const auto records = static_cast<std::int64_t>(inputs.size()) / (leads * input.samples());
  return torch::from_blob(inputs.data(), {records, leads, input.samples()}, torch::kFloat32);
}

EcgSession make_session(const ModelBundle& bundle, InferencePrecision precision, const SignalReader& reader,
                        const std::vector<std::size_t>& records) {
  std::vector<float> calibration;
  if (precision == InferencePrecision::kInt8) {
    if (records.empty()) fail("precision int8 needs records to be calibrated on, and there are none");
    const auto count = std::min(records.size(), static_cast<std::size_t>(EcgSession::kCalibrationRecords));
    calibration.resize(count * reader.values());
    for (std::size_t i = 0; i < count; ++i)
      reader.read(records[i], std::span(calibration).subspan(i * reader.values(), reader.values()));
  }
  return EcgSession(*bundle.model, precision, input_tensor(calibration, bundle.config.input));
}

torch::Tensor embed_ecgs(EcgSession& session, const SignalReader& reader, const std::vector<std::size_t>& records,
                         const EmbedOptions& options) {
  const torch::InferenceMode inference;
  LoaderOptions loading;
  loading.batch = static_cast<std::size_t>(options.batch_size);
  loading.augment = options.change;
  Loader loader(reader, records, loading);
  loader.start_epoch(0);
  std::vector<torch::Tensor> rows;
  std::int64_t done = 0;
  while (auto batch = loader.next()) {
    rows.push_back(view_rows(session, input_tensor(batch->ecg, session.config().input), options.view));
    done += rows.back().size(0);
    if (options.embedded) options.embedded(done);
  }
  return rows.empty() ? torch::empty({0, session.config().width}) : torch::cat(rows);
}

EmbeddedRecords::EmbeddedRecords(EcgSession& session, const Store& store, std::vector<std::size_t> records,
                                 const EmbedOptions& options) {
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end()), records.end());
  for (std::size_t row = 0; row < records.size(); ++row) rows_[records[row]] = static_cast<std::int64_t>(row);
  embeddings_ = embed_ecgs(session, make_reader(store, session.config().input), records, options);
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

torch::Tensor embed_inputs(EcgSession& session, std::vector<float>& inputs, EcgView view) {
  return view_rows(session, input_tensor(inputs, session.config().input), view);
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
