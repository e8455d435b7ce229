#include "deri/eval/report_writing.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>

#include "deri/base/error.hpp"
#include "deri/base/progress.hpp"
#include "deri/eval/embedding.hpp"
#include "deri/nn/evaluation_mode.hpp"
#include "deri/nn/gpt2.hpp"
#include "deri/nn/gpt2_session.hpp"
#include "deri/nn/packed_linear.hpp"
#include "deri/text/report_language.hpp"

namespace deri {
namespace {

DecodingOptions decoding_options(const WriterBundle& bundle, const WritingOptions& options) {
  return {.bos = bundle.tokenizer->begin_id(),
          .eos = bundle.tokenizer->end_id(),
          .max_length = options.max_tokens > 0 ? options.max_tokens : bundle.config.max_tokens,
          .min_length = options.min_tokens,
          .beams = options.beams,
          .length_penalty = options.length_penalty,
          .no_repeat = options.no_repeat};
}

// What writes: made once for many batches.
std::shared_ptr<LanguageDecoder> make_writing_decoder(const WriterBundle& bundle, const WritingOptions& options,
                                                      const torch::Device& device) {
  const torch::ScalarType type = options.bfloat16 ? torch::kBFloat16 : torch::kFloat32;
  LanguageDecoder& decoder = bundle.writer->decoder();
  if (const auto* gpt2 = dynamic_cast<const Gpt2*>(&decoder);
      gpt2 != nullptr && device.is_cpu() && PackedLinear::available(type))
    return std::make_shared<Gpt2Session>(*gpt2, type);
  if (options.bfloat16) bundle.writer->write_in_bfloat16();
  return {bundle.writer, &decoder};
}

std::vector<WrittenText> write_batch(const WriterBundle& bundle, LanguageDecoder& decoder, const torch::Tensor& encoded,
                                     const WritingOptions& options, std::uint64_t first) {
  const torch::NoGradGuard no_grad;
  const EvaluationMode evaluation(*bundle.writer);
  const torch::Tensor memory = bundle.writer->memory(encoded);
  const DecodingOptions decoding = decoding_options(bundle, options);
  std::vector<DecodedText> decoded = options.nucleus ? decode_nucleus(decoder, memory, decoding,
                                                                      {.top_p = options.top_p,
                                                                       .temperature = options.temperature,
                                                                       .seed = options.seed,
                                                                       .first_memory = first})
                                                     : decode(decoder, memory, decoding);
  std::vector<WrittenText> written;
  for (DecodedText& text : decoded) written.push_back({bundle.tokenizer->decode(text.ids), std::move(text)});
  return written;
}

void append(std::vector<WrittenText>& all, std::vector<WrittenText> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

double WrittenText::mean_log_probability() const {
  const std::vector<double>& tokens = decoded.token_log_probability;
  if (tokens.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(tokens.begin(), tokens.end(), 0.0) / static_cast<double>(tokens.size());
}

torch::Tensor encode_records(ReportWriter& writer, const SignalReader& reader, const std::vector<std::size_t>& records,
                             std::int64_t batch_size, const torch::Device& device) {
  DERI_CHECK(!records.empty());
  const torch::NoGradGuard no_grad;
  const EvaluationMode evaluation(writer);
  LoaderOptions options;
  options.batch = static_cast<std::size_t>(batch_size);
  Loader loader(reader, records, options);
  loader.start_epoch(0);
  Progress progress("encode", "records", static_cast<std::int64_t>(records.size()));
  std::vector<torch::Tensor> encoded;
  std::int64_t done = 0;
  while (auto batch = loader.next()) {
    encoded.push_back(writer.encode(ecg_tensor(*batch, writer.encoder().config().input, device)).cpu().clone());
    progress.update(done += static_cast<std::int64_t>(batch->indices.size()));
  }
  return torch::cat(encoded);
}

std::vector<WrittenText> write_reports(const WriterBundle& bundle, const torch::Tensor& encoded,
                                       const WritingOptions& options, const torch::Device& device,
                                       std::uint64_t first) {
  if (options.batch_size < 1) fail("batch_size is {}: choose 1 or more", options.batch_size);
  const auto decoder = make_writing_decoder(bundle, options, device);
  std::vector<WrittenText> written;
  for (std::int64_t i = 0; i < encoded.size(0); i += options.batch_size)
    append(written, write_batch(bundle, *decoder, encoded.slice(0, i, i + options.batch_size).to(device), options,
                                first + static_cast<std::uint64_t>(i)));
  return written;
}

std::vector<WrittenText> write_reports(const WriterBundle& bundle, const SignalReader& reader,
                                       const std::vector<std::size_t>& records, const WritingOptions& options,
                                       const torch::Device& device) {
  if (options.batch_size < 1) fail("batch_size is {}: choose 1 or more", options.batch_size);
  if (records.empty()) return {};
  LoaderOptions batches;
  batches.batch = static_cast<std::size_t>(options.batch_size);
  Loader loader(reader, records, batches);
  loader.start_epoch(0);
  Progress progress("write", "reports", static_cast<std::int64_t>(records.size()));
  const torch::NoGradGuard no_grad;
  const EvaluationMode evaluation(*bundle.writer);
  const auto decoder = make_writing_decoder(bundle, options, device);
  std::vector<WrittenText> written;
  while (auto batch = loader.next()) {
    const torch::Tensor ecg = ecg_tensor(*batch, bundle.encoder.config.input, device);
    append(written, write_batch(bundle, *decoder, bundle.writer->encode(ecg), options, written.size()));
    progress.update(static_cast<std::int64_t>(written.size()));
  }
  return written;
}

std::vector<std::string> in_english(const std::vector<std::string>& reports) {
  const ReportRenderer renderer(ReportLanguage::kEnglish);
  std::vector<std::string> english;
  english.reserve(reports.size());
  for (const std::string& report : reports) english.push_back(renderer.render(report).text);
  return english;
}

}  // namespace deri
