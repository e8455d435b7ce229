#pragma once
// Writes a report of an ECG: the encoder's vectors through a linear head into a decoder's cross-attention.

#include <memory>

#include <torch/torch.h>

#include "deri/model/ecg_text_model.hpp"
#include "deri/model/writer_config.hpp"
#include "deri/nn/language_decoder.hpp"

namespace deri {

class ReportWriter : public torch::nn::Module {
 public:
  // `encoder` is shared, not copied. Throws Error if the configuration makes no sense or asks for an encoding the
  // encoder does not have (mix, or tokens of a pooled one).
  ReportWriter(const ReportWriterConfig& config, std::shared_ptr<EcgTextModel> encoder);

  // As in PyTorch, but what is frozen stays in evaluation mode: the text tower always, the encoder unless it is
  // trained.
  void train(bool on = true) override;

  // What the encoder says of ECGs [B, leads, samples]: [B, N, d] float32, or [B, 1, d] for a pooled memory. Without
  // gradient unless the encoder is trained.
  torch::Tensor encode(const torch::Tensor& ecg);

  // The memory the decoder attends to: encode()'s result [B, N, d] -> [B, N, decoder width].
  torch::Tensor memory(const torch::Tensor& encoded);

  // Mean cross-entropy per token of reports ids [B, T], mask [B, T] bool (true = token; the end counts, pads do not).
  // `read` [B, T], if defined, is what the decoder reads in their place: the same with some tokens hidden.
  torch::Tensor loss(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& encoded,
                     const torch::Tensor& read = {});

  // From now on head and decoder have bfloat16 weights: for writing, not for training.
  void write_in_bfloat16();

  const ReportWriterConfig& config() const { return config_; }
  EcgTextModel& encoder() { return *encoder_; }
  LanguageDecoder& decoder() { return *decoder_; }
  torch::nn::Linear& head() { return head_; }

 private:
  const ReportWriterConfig config_;
  const EcgView view_;
  std::shared_ptr<EcgTextModel> encoder_;
  torch::nn::Linear head_{nullptr};
  std::shared_ptr<LanguageDecoder> decoder_;
};

}  // namespace deri
