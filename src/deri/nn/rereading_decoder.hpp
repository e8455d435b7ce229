#pragma once
// A network that writes without keeping anything of the past: for every token it reads the whole text anew. What the
// cache and the sessions are compared with.

#include <cstdint>
#include <memory>

#include <torch/torch.h>

#include "deri/nn/language_decoder.hpp"

namespace deri {

class RereadingDecoder : public LanguageDecoder {
 public:
  explicit RereadingDecoder(std::shared_ptr<LanguageDecoder> network);

  std::int64_t vocabulary() const override { return network_->vocabulary(); }
  std::int64_t positions() const override { return network_->positions(); }
  std::int64_t memory_width() const override { return network_->memory_width(); }
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& memory) override;
  // The texts so far stand in the state where a relational memory would, and the memories where their keys would, so
  // that select() moves them along.
  DecoderState start(const torch::Tensor& memory, std::int64_t beams) override;
  torch::Tensor step(const torch::Tensor& ids, DecoderState& state) override;

 private:
  std::shared_ptr<LanguageDecoder> network_;
};

}  // namespace deri
