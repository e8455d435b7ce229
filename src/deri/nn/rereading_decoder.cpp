#include "deri/nn/rereading_decoder.hpp"

#include <utility>

namespace deri {

using torch::Tensor;

RereadingDecoder::RereadingDecoder(std::shared_ptr<LanguageDecoder> network)
    : network_(register_module("network", std::move(network))) {}

Tensor RereadingDecoder::forward(const Tensor& ids, const Tensor& mask, const Tensor& memory) {
  return network_->forward(ids, mask, memory);
}

DecoderState RereadingDecoder::start(const Tensor& memory, std::int64_t beams) {
  DecoderState state;
  state.beams = beams;
  state.layers.resize(1);
  state.layers[0].memory_key = memory;
  return state;
}

Tensor RereadingDecoder::step(const Tensor& ids, DecoderState& state) {
  state.relation = state.relation.defined() ? torch::cat({state.relation, ids.unsqueeze(1)}, 1) : ids.unsqueeze(1);
  return network_->forward(state.relation, {}, state.layers[0].memory_key.repeat_interleave(state.beams, 0))
      .select(1, state.relation.size(1) - 1);
}

}  // namespace deri
