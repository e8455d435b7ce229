#include "deri/model/huggingface_gpt2.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/small_writer.hpp"
#include "testing/testing.hpp"
#include <torch/serialize.h>

#include "deri/base/json.hpp"
#include "deri/model/report_tokenizer.hpp"
#include "deri/model/weights.hpp"
#include "deri/model/writer_folder.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using torch::Tensor;
namespace fs = std::filesystem;

constexpr std::int64_t kPublishedTokens = 261, kGptWidth = 64, kGptLayers = 2, kGptPositions = 24;

Gpt2Options published_options(std::int64_t vocabulary, bool cross_attention) {
  return {.vocabulary = vocabulary,
          .positions = kGptPositions,
          .width = kGptWidth,
          .layers = kGptLayers,
          .heads = 4,
          .cross_attention = cross_attention};
}

std::map<std::string, Tensor> copies_by_name(const torch::nn::Module& module) {
  std::map<std::string, Tensor> copies;
  for (const auto& [name, tensor] : module_tensors(module)) copies[name] = tensor.detach().clone();
  return copies;
}

bool has_part(const std::string& name, const char* part) {
  return name.find(part) != std::string::npos;
}

bool of_cross_attention(const std::string& name) {
  return has_part(name, "crossattention") || has_part(name, "ln_cross_attn");
}

// A folder as published GPT-2s come: written by somebody else's program, so made by hand here.
class Gpt2Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    make_directories(path_);
    testing::small_bpe({"<|endoftext|>"}).save(path_);
    save_config({});
    published_ = published(false);
  }

  static std::shared_ptr<Gpt2> published(bool cross_attention) {
    auto network = std::make_shared<Gpt2>(published_options(kPublishedTokens, cross_attention));
    testing::make_decisive(*network, 8);
    network->eval();
    return network;
  }
  // The names as the plain model has them, buffers and the tied head beside them.
  static NamedTensors plain_tensors(const Gpt2& network) {
    constexpr std::string_view kPrefix = "transformer.";
    NamedTensors tensors;
    for (const auto& [name, tensor] : module_tensors(network))
      tensors.emplace_back(name.substr(kPrefix.size()), tensor);
    for (const std::string block : {"h.0.", "h.1."}) {
      tensors.emplace_back(
          block + "attn.bias",
          torch::ones({kGptPositions, kGptPositions}, torch::kUInt8).tril().view({1, 1, kGptPositions, kGptPositions}));
      tensors.emplace_back(block + "attn.masked_bias", torch::tensor(-1e4F));
    }
    tensors.emplace_back("lm_head.weight", copies_by_name(network).at("transformer.wte.weight"));
    return tensors;
  }
  void write_safetensors(const NamedTensors& tensors) const { save_tensors(path_ / "model.safetensors", tensors); }
  void write_bin(const NamedTensors& tensors) const {
    c10::Dict<std::string, Tensor> state;
    for (const auto& [name, tensor] : tensors) state.insert(name, tensor.detach());
    const std::vector<char> bytes = torch::pickle_save(state);
    write_file_atomic(path_ / "pytorch_model.bin", {bytes.data(), bytes.size()});
  }
  // GPT-2's own config.json with some keys changed; null takes one away.
  void save_config(const Json& changes) const {
    Json config = {{"activation_function", "gelu_new"},
                   {"architectures", {"GPT2LMHeadModel"}},
                   {"attn_pdrop", 0.1},
                   {"bos_token_id", 260},
                   {"layer_norm_epsilon", 1e-05},
                   {"model_type", "gpt2"},
                   {"n_ctx", kGptPositions},
                   {"n_embd", kGptWidth},
                   {"n_head", 4},
                   {"n_layer", kGptLayers},
                   {"n_positions", kGptPositions},
                   {"vocab_size", kPublishedTokens}};
    for (const auto& [key, value] : changes.items()) {
      config[key] = value;
      if (value.is_null()) config.erase(key);
    }
    save_json(path_ / "config.json", config);
  }

  // A network with room for two more tokens, before and after the folder's weights came into it.
  struct Loaded {
    std::shared_ptr<Gpt2> network;
    std::map<std::string, Tensor> before, after;
  };
  Loaded load() const {
    const HuggingFaceGpt2 gpt2 = open_huggingface_gpt2(path_);
    Gpt2Options options = gpt2.options;
    options.vocabulary = static_cast<std::int64_t>(make_report_tokenizer(gpt2.tokenizer)->size());
    torch::manual_seed(21);
    Loaded loaded{std::make_shared<Gpt2>(options), {}, {}};
    loaded.network->eval();
    loaded.before = copies_by_name(*loaded.network);
    load_gpt2_weights(path_, *loaded.network);
    loaded.after = copies_by_name(*loaded.network);
    return loaded;
  }
  void expect_published_weights(const Loaded& loaded) const {
    const std::map<std::string, Tensor> theirs = copies_by_name(*published_);
    for (const auto& [name, tensor] : loaded.after) {
      SCOPED_TRACE(name);
      if (of_cross_attention(name)) {
        EXPECT_TRUE(torch::equal(tensor, loaded.before.at(name)));
      } else if (name == "transformer.wte.weight") {
        ASSERT_EQ(tensor.size(0), kPublishedTokens + 2);
        EXPECT_TRUE(torch::equal(tensor.slice(0, 0, kPublishedTokens), theirs.at(name)));
        EXPECT_TRUE(torch::equal(tensor.slice(0, kPublishedTokens), loaded.before.at(name).slice(0, kPublishedTokens)));
      } else {
        EXPECT_TRUE(torch::equal(tensor, theirs.at(name)));
      }
    }
  }

  TemporaryDirectory folder_;
  fs::path path_ = folder_.path() / "gpt2";
  std::shared_ptr<Gpt2> published_;
};

TEST_F(Gpt2Folder, SizesAndVocabularyAreRead) {
  const HuggingFaceGpt2 gpt2 = open_huggingface_gpt2(path_);
  EXPECT_EQ(gpt2.options.vocabulary, kPublishedTokens);
  EXPECT_EQ(gpt2.options.positions, kGptPositions);
  EXPECT_EQ(gpt2.options.width, kGptWidth);
  EXPECT_EQ(gpt2.options.layers, kGptLayers);
  EXPECT_EQ(gpt2.options.heads, 4);
  EXPECT_TRUE(gpt2.options.cross_attention);
  EXPECT_EQ(gpt2.tokenizer.id("<|endoftext|>"), 260);
}

TEST_F(Gpt2Folder, IsLoadedFromSafetensorsAndFromBin) {
  EXPECT_DERI_ERROR(load(), HasSubstr("neither model.safetensors nor pytorch_model.bin"));
  write_safetensors(plain_tensors(*published_));
  expect_published_weights(load());
  fs::remove(path_ / "model.safetensors");
  write_bin(plain_tensors(*published_));
  expect_published_weights(load());
}

TEST_F(Gpt2Folder, NamesMayBeginWithTransformer) {
  NamedTensors tensors = module_tensors(*published_);
  tensors.emplace_back("lm_head.weight", tensors.front().second);
  write_safetensors(tensors);
  expect_published_weights(load());
}

// Gpt2's documented start: N(0, 0.02), and N(0, 0.02 / sqrt(2 layers)) = 0.01 where a block's output is added.
TEST_F(Gpt2Folder, WhatItLacksBeginsAsGpt2Does) {
  write_safetensors(plain_tensors(*published_));
  const auto weights = load().after;
  const Tensor added = weights.at("transformer.wte.weight").slice(0, kPublishedTokens);
  EXPECT_NEAR(added.std().item<double>(), 0.02, 0.004);
  for (const std::string block : {"transformer.h.0.", "transformer.h.1."}) {
    const auto deviation = [&](const char* name) { return weights.at(block + name).std().item<double>(); };
    EXPECT_NEAR(deviation("crossattention.c_attn.weight"), 0.02, 0.001);
    EXPECT_NEAR(deviation("crossattention.q_attn.weight"), 0.02, 0.001);
    EXPECT_NEAR(deviation("crossattention.c_proj.weight"), 0.01, 0.0005);
    for (const char* bias : {"crossattention.c_attn.bias", "crossattention.q_attn.bias", "crossattention.c_proj.bias",
                             "ln_cross_attn.bias"})
      EXPECT_EQ(weights.at(block + bias).abs().max().item<double>(), 0) << block << bias;
    EXPECT_TRUE((weights.at(block + "ln_cross_attn.weight") == 1).all().item<bool>());
  }
}

TEST_F(Gpt2Folder, WithoutItsCrossAttentionItWritesAsThePublishedOne) {
  write_safetensors(plain_tensors(*published_));
  const Loaded loaded = load();
  const torch::NoGradGuard no_grad;
  const Tensor ids = torch::tensor({{260, 3, 64, 250, 17}, {260, 90, 90, 1, 0}}, torch::kInt64);
  const Tensor memory = 5 * torch::randn({2, 3, kGptWidth});
  const Tensor expected = published_->forward(ids, {}, memory);
  const auto of_known_tokens = [&] { return loaded.network->forward(ids, {}, memory).slice(2, 0, kPublishedTokens); };
  EXPECT_FALSE(torch::allclose(of_known_tokens(), expected, 1e-4, 1e-4)) << "cross-attention does nothing";
  for (auto& parameter : loaded.network->named_parameters())
    if (has_part(parameter.key(), "crossattention.c_proj")) parameter.value().zero_();
  EXPECT_TRUE(torch::allclose(of_known_tokens(), expected, 1e-4, 1e-4));
}

TEST_F(Gpt2Folder, CrossAttentionThatIsThereIsKept) {
  const auto trained = published(true);
  NamedTensors tensors = module_tensors(*trained);
  tensors.emplace_back("transformer.h.0.crossattention.masked_bias", torch::tensor(-1e4F));
  tensors.emplace_back("lm_head.weight", torch::zeros({kPublishedTokens, kGptWidth}));
  write_safetensors(tensors);
  const auto weights = load().after;
  std::size_t compared = 0;
  for (const auto& [name, tensor] : module_tensors(*trained)) {
    if (!of_cross_attention(name)) continue;
    EXPECT_TRUE(torch::equal(weights.at(name), tensor)) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 16U);  // two blocks of three projections and a norm, weight and bias each
}

TEST_F(Gpt2Folder, HalfACrossAttentionIsRefused) {
  NamedTensors tensors;
  for (const auto& [name, tensor] : module_tensors(*published(true)))
    if (!has_part(name, "h.1.crossattention.q_attn.weight")) tensors.emplace_back(name, tensor);
  write_safetensors(tensors);
  EXPECT_DERI_ERROR(load(), AllOf(HasSubstr(path_.string()), HasSubstr("transformer.h.1.crossattention.q_attn.weight"),
                                  HasSubstr("is missing")));
}

TEST_F(Gpt2Folder, MissingOrMisshapenTensorsAreNamed) {
  const auto spoilt = [&](const char* part, const Tensor& instead) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : plain_tensors(*published_)) {
      const bool meant = has_part(name, part);
      if (!meant || instead.defined()) tensors.emplace_back(name, meant ? instead : tensor);
    }
    write_safetensors(tensors);
    load();
  };
  EXPECT_DERI_ERROR(spoilt("h.1.mlp.c_fc.weight", {}),
                    AllOf(HasSubstr("'transformer.h.1.mlp.c_fc.weight'"), HasSubstr("is missing")));
  EXPECT_DERI_ERROR(spoilt("wte.weight", {}), AllOf(HasSubstr("'transformer.wte.weight'"), HasSubstr("is missing")));
  EXPECT_DERI_ERROR(spoilt("wpe.weight", torch::zeros({8, kGptWidth})),
                    AllOf(HasSubstr(path_.string()), HasSubstr("'transformer.wpe.weight' has shape [8, 64]")));
  EXPECT_DERI_ERROR(spoilt("wte.weight", torch::zeros({kPublishedTokens, 32})),
                    HasSubstr("'transformer.wte.weight' has shape [261, 32]"));
  EXPECT_DERI_ERROR(spoilt("wte.weight", torch::zeros({kPublishedTokens + 3, kGptWidth})),
                    HasSubstr("'transformer.wte.weight' has shape [264, 64]"));
}

TEST_F(Gpt2Folder, OtherNetworksAreRefused) {
  const auto open_with = [&](const Json& changes) {
    save_config(changes);
    open_huggingface_gpt2(path_);
  };
  EXPECT_DERI_ERROR(open_with({{"activation_function", "relu"}}),
                    AllOf(HasSubstr("config.json"), HasSubstr("activation_function is \"relu\"")));
  EXPECT_DERI_ERROR(open_with({{"scale_attn_weights", false}}), HasSubstr("scale_attn_weights is false"));
  EXPECT_DERI_ERROR(open_with({{"scale_attn_by_inverse_layer_idx", true}}),
                    HasSubstr("scale_attn_by_inverse_layer_idx is true"));
  EXPECT_DERI_ERROR(open_with({{"tie_word_embeddings", false}}), HasSubstr("tie_word_embeddings is false"));
  EXPECT_DERI_ERROR(open_with({{"n_inner", 100}}), HasSubstr("n_inner is 100"));
  EXPECT_DERI_ERROR(open_with({{"layer_norm_epsilon", 1e-12}}), HasSubstr("layer_norm_epsilon is 1e-12"));
  EXPECT_DERI_ERROR(open_with({{"layer_norm_epsilon", "small"}}), HasSubstr("layer_norm_epsilon is \"small\""));
  EXPECT_DERI_ERROR(open_with({{"vocab_size", 50257}}),
                    AllOf(HasSubstr(path_.string()), HasSubstr("261"), HasSubstr("50257")));
  EXPECT_DERI_ERROR(open_with({{"n_head", nullptr}}), AllOf(HasSubstr("config.json"), HasSubstr("'n_head'")));
  EXPECT_DERI_ERROR(open_with({{"n_embd", "64"}}), AllOf(HasSubstr("config.json"), HasSubstr("'n_embd'")));
  open_with({{"n_inner", 4 * kGptWidth}, {"layer_norm_epsilon", nullptr}, {"activation_function", nullptr}});
}

TEST_F(Gpt2Folder, WhatIsNoFolderOrHalfOfOneIsRefused) {
  EXPECT_DERI_ERROR(open_huggingface_gpt2(folder_.path() / "absent"),
                    AllOf(HasSubstr("absent"), HasSubstr("not a folder")));
  fs::remove(path_ / "merges.txt");
  EXPECT_DERI_ERROR(open_huggingface_gpt2(path_), HasSubstr("merges.txt"));
  fs::remove(path_ / "config.json");
  EXPECT_DERI_ERROR(open_huggingface_gpt2(path_), HasSubstr("config.json"));
}

TEST_F(Gpt2Folder, AWriterTakesItsSizesTokensAndWeights) {
  write_safetensors(plain_tensors(*published_));
  ReportWriterConfig config = testing::small_writer_config("gpt2");
  config.decoder.pretrained = path_.string();
  ModelBundle encoder;
  encoder.config = testing::small_config("merl");
  encoder.model = make_model(encoder.config);
  config.encoding = "encoder";
  const WriterBundle bundle = new_writer(config, encoder, nullptr, 1);
  EXPECT_EQ(bundle.config.decoder.vocabulary, kPublishedTokens + 2);
  EXPECT_EQ(bundle.config.decoder.width, kGptWidth);
  EXPECT_EQ(bundle.config.decoder.layers, kGptLayers);
  EXPECT_EQ(bundle.config.decoder.heads, 4);
  EXPECT_EQ(bundle.config.decoder.positions, kGptPositions);
  EXPECT_EQ(bundle.tokenizer->size(), 263U);
  EXPECT_EQ(bundle.tokenizer->end_id(), 260);
  EXPECT_EQ(bundle.writer->decoder().vocabulary(), kPublishedTokens + 2);
  EXPECT_TRUE(torch::equal(copies_by_name(bundle.writer->decoder()).at("transformer.wpe.weight"),
                           copies_by_name(*published_).at("transformer.wpe.weight")));
  config.max_tokens = kGptPositions + 1;
  EXPECT_DERI_ERROR(new_writer(config, encoder, nullptr, 1), AllOf(HasSubstr("max_tokens is 25"), HasSubstr("24")));
}

}  // namespace
}  // namespace deri
