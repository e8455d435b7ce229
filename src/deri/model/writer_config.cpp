#include "deri/model/writer_config.hpp"

#include "deri/base/error.hpp"
#include "deri/model/config_checks.hpp"

namespace deri {

void validate(const ReportWriterConfig& config) {
  check_choice("memory", config.memory, {"tokens", "pooled"});
  check_choice("encoding", config.encoding, {"aligned", "mix", "encoder"});
  const ReportDecoderConfig& decoder = config.decoder;
  check_choice("decoder.kind", decoder.kind, {"gpt2", "relational"});
  if (decoder.kind == "relational" && !decoder.pretrained.empty())
    fail("decoder.pretrained is for decoder.kind gpt2: there are no weights for a relational decoder to begin with");
  check_count("decoder.vocabulary", decoder.vocabulary, 4, kMaxVocabulary);
  check_count("decoder.width", decoder.width, 1, kMaxWidth);
  check_count("decoder.layers", decoder.layers, 1, kMaxDepth);
  check_heads("decoder.heads", decoder.heads, "decoder.width", decoder.width);
  check_count("decoder.positions", decoder.positions, 3, kMaxSamples);
  check_count("max_tokens", config.max_tokens, 3, decoder.positions);
  check_dropout("decoder.dropout", decoder.dropout);
  std::int64_t layer = decoder.width * decoder.width * 16;
  if (decoder.kind == "relational") {
    if (decoder.width % 2 != 0) fail("decoder.width is {}: choose an even number", decoder.width);
    check_heads("decoder.relation_heads", decoder.relation_heads, "decoder.width", decoder.width);
    check_count("decoder.slots", decoder.slots, 1, kMaxDepth);
    check_count("decoder.feed_forward", decoder.feed_forward, 1, 8 * kMaxWidth);
    check_dropout("decoder.memory_dropout", decoder.memory_dropout);
    // Three conditional norms, each with two networks on the whole relational memory.
    layer = decoder.width * (8 * decoder.width + 2 * decoder.feed_forward + 6 * decoder.width * (decoder.slots + 1));
  }
  const std::int64_t weights = decoder.layers * layer + decoder.width * (2 * decoder.vocabulary + decoder.positions);
  if (weights > kMaxTowerWeights)
    fail("the decoder would have {} weights, more than {}: reduce decoder.layers, width or vocabulary", weights,
         kMaxTowerWeights);
}

}  // namespace deri
