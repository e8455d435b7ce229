#include "deri/model/multiply_adds.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

TEST(MultiplyAdds, OfTheResNetsByHand) {
  // in * out * kernel * time steps, of every convolution.
  constexpr std::int64_t kStem = 12 * 64 * 7 * 2500;
  constexpr std::int64_t kStage1 = 4 * 64 * 64 * 3 * 2500;
  constexpr std::int64_t kStage2 = (64 * 128 * 3 + 3 * 128 * 128 * 3 + 64 * 128) * 1250;
  constexpr std::int64_t kStage3 = (128 * 256 * 3 + 3 * 256 * 256 * 3 + 128 * 256) * 625;
  constexpr std::int64_t kStage4 = (256 * 512 * 3 + 3 * 512 * 512 * 3 + 256 * 512) * 313;
  const MultiplyAdds count = encoder_multiply_adds(*make_backbone("resnet18", 12, 5000), 5000);
  EXPECT_EQ(count.forward, kStem + kStage1 + kStage2 + kStage3 + kStage4);
  EXPECT_EQ(count.forward, 1'714'721'792);
  EXPECT_EQ(count.inputs, kStem);
  EXPECT_EQ(count.training(), std::int64_t{3} * 1'714'721'792 - 13'440'000);
}

TEST(MultiplyAdds, OfBottlenecksByHand) {
  // 1 lead, 32 samples: lengths 16 | 16, 8, 4, 2. The first block of a stage widens at the length before.
  const auto stage = [](std::int64_t in, std::int64_t width, std::int64_t blocks, std::int64_t before,
                        std::int64_t length) {
    const std::int64_t first = in * width * before + (3 * width * width + 4 * width * width + 4 * in * width) * length;
    return first + (blocks - 1) * (4 * width * width + 3 * width * width + 4 * width * width) * length;
  };
  const std::int64_t expected = 64 * 7 * 16 + stage(64, 64, 3, 16, 16) + stage(256, 128, 4, 16, 8) +
                                stage(512, 256, 6, 8, 4) + stage(1024, 512, 3, 4, 2);
  EXPECT_EQ(encoder_multiply_adds(*make_backbone("resnet50", 1, 32), 32).forward, expected);
}

TEST(MultiplyAdds, OfAVitByHand) {
  // 3 tokens of 50 samples of 2 leads; width 192, 12 blocks of 3 heads, MLP 4 wide.
  const std::int64_t block = 3 * (4 * 192 * 192 + 8 * 192 * 192) + 2 * 3 * 3 * 192;
  const MultiplyAdds count = encoder_multiply_adds(*make_backbone("vit_tiny", 2, 170), 170);
  EXPECT_EQ(count.forward, 3 * 50 * 2 * 192 + 12 * block);
  EXPECT_EQ(count.inputs, 3 * 50 * 2 * 192);
}

TEST(MultiplyAdds, OfBertBaseByHand) {
  // 12 layers: four 768 x 768 maps, two 768 x 3072 maps, and 256 x 256 scores and weights; the pooler.
  const std::int64_t layer = std::int64_t{256} * (4 * 768 * 768 + 2 * 768 * 3072) + 2 * 256 * 256 * 768;
  EXPECT_EQ(text_tower_multiply_adds({}, 256).forward, 12 * layer + 768 * 768);
  EXPECT_NEAR(static_cast<double>(text_tower_multiply_adds({}, 256).forward), 22.95e9, 0.01e9);
}

// Small enough for every product to be written out.
ModelConfig hand_config(const std::string& kind) {
  ModelConfig config;
  config.kind = kind;
  config.backbone = "vit_tiny";
  config.input.leads = {"I"};
  config.input.rate = 50;
  config.input.seconds = 10;  // 10 tokens of width 192
  config.width = 2;
  config.downconv_stride = 3;  // 4 of them
  config.rme_keep = 0.5;       // 2 of them
  config.interaction_depth = 1;
  config.interaction_heads = 1;
  config.interaction_head_width = 3;
  config.text.hidden = 5;
  return config;
}

std::int64_t encoded(const ModelConfig& config) {
  return encoder_multiply_adds(*make_backbone("vit_tiny", 1, 500), 500).forward + 4 * 192 * config.width;
}

TEST(MultiplyAdds, OfDerisEmbeddingByHand) {
  ModelConfig config = hand_config("deri");
  const std::int64_t pool = 6 * 4 * 2 * 2 + 2 * 6 * 6 * 2;  // 4 tokens in a frame of two
  const std::int64_t block = 7 * 4 * 2 * 3 + 2 * 7 * 7 * 3 + 7 * 3 * 2 * 2;
  const std::int64_t decode_t = 5 * 3 * 2 * 2 + block + 5 * (2 * 2 * 2 + 2 * 5);  // 5 tokens in a frame of two
  const std::int64_t project = 5 * 2 + 2 * 2;
  EXPECT_EQ(embedding_multiply_adds(config).forward, encoded(config) + pool + decode_t + project);
  config.zero_shot_embedding = "aligned";
  EXPECT_EQ(embedding_multiply_adds(config).forward, encoded(config) + pool);
}

TEST(MultiplyAdds, OfDerisLossesByHand) {
  const ModelConfig config = hand_config("deri");
  const std::int64_t embedding = embedding_multiply_adds(config).forward;
  const std::int64_t rme_pool = 4 * 4 * 2 * 2 + 2 * 4 * 4 * 2;  // 2 tokens in a frame of two
  const std::int64_t project = 5 * 2 + 2 * 2;
  // A report of 3 tokens in a frame of two.
  const std::int64_t decode_e = 3 * 12 + (5 * 4 * 2 * 3 + 2 * 5 * 5 * 3 + 5 * 12) + 3 * 12;
  const MultiplyAdds count = losses_multiply_adds(config, {3});
  EXPECT_EQ(count.forward, embedding + 2 * rme_pool + 4 * project + decode_e);
  EXPECT_EQ(count.inputs, 10 * 50 * 192 + 4 * 5 * 2);
  EXPECT_EQ(losses_multiply_adds(config, {3, 7, 3}).forward,
            2 * count.forward + losses_multiply_adds(config, {7}).forward);
}

TEST(MultiplyAdds, OfMerlByHand) {
  const ModelConfig config = hand_config("merl");
  // Keys and values of 5 tokens, query, output and projection of one; one query with 5 keys.
  const std::int64_t pool = 5 * 2 * 4 + 3 * 4 + 2 * 5 * 2;
  EXPECT_EQ(embedding_multiply_adds(config).forward, encoded(config) + pool);
  EXPECT_EQ(losses_multiply_adds(config, {3}).forward, encoded(config) + pool + 2 * 4 + 14);
}

}  // namespace
}  // namespace deri
