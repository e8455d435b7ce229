#pragma once
// What a model is: its networks and the preprocessing its weights expect. Written to a model folder's config.json.

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "deri/ecg/leads.hpp"

namespace deri {

// How a recording becomes the network's input.
struct InputConfig {
  double rate = 500;                               // Hz
  double seconds = 10;                             // samples = rate * seconds
  std::vector<std::string> leads = mimic_leads();  // by name, in the network's channel order
  std::string scaling = "record-minmax";           // record-minmax (published), lead-zscore, millivolt

  std::int64_t samples() const { return std::llround(rate * seconds); }

  template <typename Visitor>
  void visit(Visitor& field) {
    field("rate", rate);
    field("seconds", seconds);
    field("leads", leads);
    field("scaling", scaling);
  }
};

// The BERT that reads reports. Published: BERT-base, frozen.
struct TextTowerConfig {
  std::string pretrained;  // a HuggingFace BERT folder; empty: a tower of our own, trained along
  bool trainable = false;  // false: run in evaluation mode without gradient
  std::int64_t vocabulary = 30522;
  std::int64_t hidden = 768;
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t intermediate = 3072;
  std::int64_t positions = 512;
  double dropout = 0.1;
  std::string pooling =
      "cls";  // what a text's one vector is made of: cls, its first token (BERT), or mean, all of them
  std::int64_t max_tokens = 256;  // reports are cut to this, [CLS] and [SEP] included
  bool pad_to_max = true;         // true: every report padded to max_tokens (published); false: to the batch's longest

  template <typename Visitor>
  void visit(Visitor& field) {
    field("pretrained", pretrained);
    field("trainable", trainable);
    field("vocabulary", vocabulary);
    field("hidden", hidden);
    field("layers", layers);
    field("heads", heads);
    field("intermediate", intermediate);
    field("positions", positions);
    field("dropout", dropout);
    field("pooling", pooling);
    field("max_tokens", max_tokens);
    field("pad_to_max", pad_to_max);
  }
};

struct ModelConfig {
  std::string kind = "deri";  // deri, merl
  InputConfig input;
  std::string backbone = "resnet18";  // resnet18/34/50/101, vit_tiny/small/middle/base
  std::int64_t width = 256;           // d: the shared embedding
  std::int64_t downconv_stride = 3;   // deri 3, merl 1
  std::int64_t pool_heads = 4;        // attention pool
  std::int64_t rme_heads = 2;         // the two RME pools
  double rme_keep = 0.9;              // share of the ECG tokens each RME head sees
  std::int64_t interaction_depth = 2;
  std::int64_t interaction_heads = 8;
  std::int64_t interaction_head_width = 64;
  double interaction_dropout = 0.2;    // both gate branches of to_patch and head
  double interaction_drop_path = 0.1;  // stochastic depth of the last block, linear from 0
  double view_dropout = 0.1;           // merl: dropout of the two views
  // deri: what zero-shot compares with a prompt. mix: the mix encoding as it is trained. mix-unnormalised: the released
  // ext_ecg_emb, whose pooled tokens are not normalised, which decode_t never saw in training. aligned: p_e alone.
  std::string zero_shot_embedding = "mix";
  bool mask_padding = true;  // false: pads enter the decoded ECG feature (published)
  TextTowerConfig text;

  template <typename Visitor>
  void visit(Visitor& field) {
    field("kind", kind);
    field("input", input);
    field("backbone", backbone);
    field("width", width);
    field("downconv_stride", downconv_stride);
    field("pool_heads", pool_heads);
    field("rme_heads", rme_heads);
    field("rme_keep", rme_keep);
    field("interaction_depth", interaction_depth);
    field("interaction_heads", interaction_heads);
    field("interaction_head_width", interaction_head_width);
    field("interaction_dropout", interaction_dropout);
    field("interaction_drop_path", interaction_drop_path);
    field("view_dropout", view_dropout);
    field("zero_shot_embedding", zero_shot_embedding);
    field("mask_padding", mask_padding);
    field("text", text);
  }
};

// The training objective: weights of its terms (method.md section 4). A term of weight 0 is not computed.
struct ObjectiveConfig {
  double cma = 1;       // clip(p_e, p_t)
  double cma_mix = 1;   // clip(mix_e, mix_t); deri only
  double uma = 1;       // clip(r1, r2)
  double dec_ecg = 1;   // clip(e0, decoded ECG feature); deri only
  double dec_text = 1;  // clip(t0, decoded text feature); deri only; the released trainer has 0
  double temperature = 0.07;
  bool exclude_duplicates = true;  // pairs with the same report are not each other's negatives

  template <typename Visitor>
  void visit(Visitor& field) {
    field("cma", cma);
    field("cma_mix", cma_mix);
    field("uma", uma);
    field("dec_ecg", dec_ecg);
    field("dec_text", dec_text);
    field("temperature", temperature);
    field("exclude_duplicates", exclude_duplicates);
  }
};

// Throws Error for a combination that cannot be built, naming the key.
void validate(const ModelConfig& config);
void validate(const TextTowerConfig& config);
void validate(const ObjectiveConfig& config);

}  // namespace deri
