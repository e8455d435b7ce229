#include "deri/model/report_writer.hpp"

#include <utility>

#include "deri/base/error.hpp"
#include "deri/nn/gpt2.hpp"
#include "deri/nn/relational_decoder.hpp"

namespace deri {
namespace {

using torch::Tensor;

const ReportWriterConfig& validated_writer(const ReportWriterConfig& config) {
  validate(config);
  return config;
}

std::shared_ptr<LanguageDecoder> make_decoder(const ReportDecoderConfig& config) {
  if (config.kind == "relational")
    return std::make_shared<RelationalDecoder>(RelationalDecoderOptions{.vocabulary = config.vocabulary,
                                                                        .positions = config.positions,
                                                                        .width = config.width,
                                                                        .layers = config.layers,
                                                                        .heads = config.heads,
                                                                        .memory_width = config.width,
                                                                        .slots = config.slots,
                                                                        .relation_heads = config.relation_heads,
                                                                        .feed_forward = config.feed_forward,
                                                                        .dropout = config.dropout,
                                                                        .memory_dropout = config.memory_dropout});
  return std::make_shared<Gpt2>(Gpt2Options{.vocabulary = config.vocabulary,
                                            .positions = config.positions,
                                            .width = config.width,
                                            .layers = config.layers,
                                            .heads = config.heads,
                                            .dropout = config.dropout});
}

}  // namespace

ReportWriter::ReportWriter(const ReportWriterConfig& config, std::shared_ptr<EcgTextModel> encoder)
    : config_(validated_writer(config)),
      view_(parse_view(config.encoding)),
      encoder_(register_module("encoder", std::move(encoder))) {
  for (Tensor& parameter : encoder_->parameters()) parameter.set_requires_grad(config_.train_encoder);
  for (Tensor& parameter : encoder_->text_tower().parameters()) parameter.set_requires_grad(false);
  // Asking once tells whether the encoder has such an encoding, and how wide it is.
  const InputConfig& input = encoder_->config().input;
  encoder_->eval();
  Tensor example;
  {
    const torch::NoGradGuard no_grad;
    example = encode(torch::zeros({1, static_cast<std::int64_t>(input.leads.size()), input.samples()},
                                  encoder_->parameters().front().options().requires_grad(false)));
  }
  head_ = register_module("head", torch::nn::Linear(example.size(2), config_.decoder.width));
  decoder_ = register_module("decoder", make_decoder(config_.decoder));
}

void ReportWriter::train(bool on) {
  Module::train(on);
  if (!config_.train_encoder) encoder_->eval();
  encoder_->text_tower().eval();
}

Tensor ReportWriter::encode(const Tensor& ecg) {
  const torch::AutoGradMode gradient(config_.train_encoder && torch::GradMode::is_enabled());
  const Tensor encoded =
      config_.memory == "pooled" ? encoder_->ecg_view(ecg, view_).unsqueeze(1) : encoder_->ecg_token_view(ecg, view_);
  return encoded.to(torch::kFloat32);
}

Tensor ReportWriter::memory(const Tensor& encoded) {
  return head_->forward(encoded.to(head_->weight.scalar_type()));
}

void ReportWriter::write_in_bfloat16() {
  head_->to(torch::kBFloat16);
  decoder_->to(torch::kBFloat16);
}

Tensor ReportWriter::loss(const Tensor& ids, const Tensor& mask, const Tensor& encoded, const Tensor& read) {
  return next_token_loss(decoder_->forward(read.defined() ? read : ids, mask, memory(encoded)), ids, mask);
}

}  // namespace deri
