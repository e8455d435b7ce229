#include "deri/train/token_masking.hpp"

#include "testing/testing.hpp"

#include "deri/model/text_input.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

// [PAD] [UNK] [CLS] [SEP] [MASK], then 95 words.
WordPiece vocabulary(bool with_mask = true) {
  std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  if (with_mask) tokens.emplace_back("[MASK]");
  while (tokens.size() < 100) tokens.push_back(fmt::format("w{}", tokens.size()));
  return {tokens, "test"};
}

// [CLS] word … word [SEP], `words` of them, padded to 202.
TextInput texts(const std::vector<int>& words) {
  std::vector<std::vector<std::int32_t>> ids;
  for (const int count : words) {
    ids.push_back({2});
    for (int i = 0; i < count; ++i) ids.back().push_back(5 + i % 95);
    ids.back().push_back(3);
  }
  std::vector<const std::vector<std::int32_t>*> rows;
  for (const auto& row : ids) rows.push_back(&row);
  TextTowerConfig config;
  config.max_tokens = 202;
  return make_text_input(rows, config, 0, torch::kCPU);
}

TEST(MaskTokens, ChoosesAndReplacesAsBertDoes) {
  const TextInput text = texts(std::vector<int>(400, 200));
  const MaskedText masked = mask_tokens(text, vocabulary(), 0.15, 1);
  const torch::Tensor chosen = masked.input.ids.index({masked.masked});
  const auto count = static_cast<double>(chosen.size(0));
  EXPECT_TRUE(torch::equal(masked.targets, text.ids.index({masked.masked})));
  EXPECT_TRUE(torch::equal(masked.input.ids.index({~masked.masked}), text.ids.index({~masked.masked})));
  EXPECT_NEAR(count / (400 * 200), 0.15, 0.006);
  EXPECT_NEAR((chosen == 4).sum().item<double>() / count, 0.8, 0.02);
  // A random word is the same again in one of 95 cases.
  EXPECT_NEAR((chosen == masked.targets).sum().item<double>() / count, 0.1 + 0.1 / 95, 0.015);
  EXPECT_GE(chosen.min().item<std::int64_t>(), 4);
}

TEST(MaskTokens, LeavesTheFrameAloneAndFindsSomethingInEveryRow) {
  const TextInput text = texts({1, 2, 0, 5});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const MaskedText masked = mask_tokens(text, vocabulary(), 0.01, seed);
    EXPECT_FALSE(masked.masked.select(1, 0).any().item<bool>());
    EXPECT_FALSE(masked.masked.logical_and(text.ids == 3).any().item<bool>());
    EXPECT_FALSE(masked.masked.logical_and(~text.mask).any().item<bool>());
    const torch::Tensor rows = masked.masked.any(1);
    EXPECT_TRUE(torch::equal(rows, torch::tensor({true, true, false, true})));
  }
}

TEST(MaskTokens, FollowsFromItsSeed) {
  const TextInput text = texts({50, 60});
  EXPECT_TRUE(torch::equal(mask_tokens(text, vocabulary(), 0.2, 3).input.ids,
                           mask_tokens(text, vocabulary(), 0.2, 3).input.ids));
  EXPECT_FALSE(torch::equal(mask_tokens(text, vocabulary(), 0.2, 3).input.ids,
                            mask_tokens(text, vocabulary(), 0.2, 4).input.ids));
}

TEST(MaskTokens, NeedsAMask) {
  EXPECT_DERI_ERROR(mask_tokens(texts({3}), vocabulary(false), 0.2, 1), HasSubstr("[MASK]"));
}

}  // namespace
}  // namespace deri
