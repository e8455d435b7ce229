#pragma once
// What a report writer is, beside the ECG encoder it reads from. Written to its folder's config.json.

#include <cstdint>
#include <string>

namespace deri {

// The network that writes. Published: DistilGPT2, 6 layers of 768 with cross-attention.
struct ReportDecoderConfig {
  // gpt2        GPT-2 with cross-attention (nn/gpt2.hpp), byte-level BPE
  // relational  transformer with relational memory (nn/relational_decoder.hpp), the encoder's WordPiece vocabulary
  std::string kind = "gpt2";
  std::string pretrained;  // gpt2: a HuggingFace GPT-2 folder, whose sizes and tokenizer count; empty: from nothing
  std::int64_t vocabulary = 50259;
  std::int64_t width = 768;
  std::int64_t layers = 6;
  std::int64_t heads = 12;
  std::int64_t positions = 256;  // tokens that it has positions for
  double dropout = 0.1;
  std::int64_t slots = 3;           // relational: of the memory
  std::int64_t relation_heads = 8;  // relational: of the attention in it
  std::int64_t feed_forward = 512;  // relational
  double memory_dropout = 0.5;      // relational: of the ECG memory

  template <typename Visitor>
  void visit(Visitor& field) {
    field("kind", kind);
    field("pretrained", pretrained);
    field("vocabulary", vocabulary);
    field("width", width);
    field("layers", layers);
    field("heads", heads);
    field("positions", positions);
    field("dropout", dropout);
    field("slots", slots);
    field("relation_heads", relation_heads);
    field("feed_forward", feed_forward);
    field("memory_dropout", memory_dropout);
  }
};

struct ReportWriterConfig {
  std::string memory = "tokens";     // tokens: every ECG token; pooled: one vector, their mean (published)
  std::string encoding = "aligned";  // aligned; mix (published), which DERI alone has; encoder: before any projection
  bool train_encoder = false;        // false: the encoder stays as it is, in evaluation mode
  std::int64_t max_tokens = 256;     // reports are cut to this, begin and end included
  ReportDecoderConfig decoder;

  template <typename Visitor>
  void visit(Visitor& field) {
    field("memory", memory);
    field("encoding", encoding);
    field("train_encoder", train_encoder);
    field("max_tokens", max_tokens);
    field("decoder", decoder);
  }
};

// Throws Error for a combination that cannot be built, naming the key.
void validate(const ReportWriterConfig& config);

}  // namespace deri
