#pragma once
// How many multiplications with an addition a network makes: those of its convolutions, linear maps and attention
// products. Norms, activations, softmax and the losses' B x B similarities are not counted; they are under 1 %. A
// multiply-add is two floating-point operations.

#include <cstdint>
#include <vector>

#include "deri/model/config.hpp"
#include "deri/nn/backbone.hpp"

namespace deri {

struct MultiplyAdds {
  std::int64_t forward = 0;
  // Of them, in layers that read data. Nobody asks for the gradient by data.
  std::int64_t inputs = 0;

  // Forward, gradient by the layers' inputs, gradient by their weights.
  std::int64_t training() const { return 3 * forward - inputs; }

  MultiplyAdds& operator+=(const MultiplyAdds& other) {
    forward += other.forward;
    inputs += other.inputs;
    return *this;
  }
  friend MultiplyAdds operator*(std::int64_t times, const MultiplyAdds& one) {
    return {.forward = times * one.forward, .inputs = times * one.inputs};
  }
};

// One record of `samples` time steps through an encoder, found from the names and shapes of its weights.
MultiplyAdds encoder_multiply_adds(const Backbone& encoder, std::int64_t samples);

// One report of `tokens` tokens, pads included if they are computed, through the text tower.
MultiplyAdds text_tower_multiply_adds(const TextTowerConfig& text, std::int64_t tokens);

// A SeparatorPool of `width` channels on `tokens` tokens, forward.
std::int64_t separator_pool_multiply_adds(std::int64_t tokens, std::int64_t width);

// One of the model's two Interactions on `tokens` tokens, `out` wide at its end, forward.
std::int64_t interaction_multiply_adds(const ModelConfig& config, std::int64_t tokens, std::int64_t out);

// EcgTextModel::ecg_embedding() of one record.
MultiplyAdds embedding_multiply_adds(const ModelConfig& config);

// EcgTextModel::losses() of a batch whose reports have so many tokens each. Without the text tower.
MultiplyAdds losses_multiply_adds(const ModelConfig& config, const std::vector<std::int64_t>& text_tokens);

}  // namespace deri
