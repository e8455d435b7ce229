#include "deri/train/token_masking.hpp"

#include <vector>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"

namespace deri {
namespace {

constexpr double kMasked = 0.8, kRandom = 0.1;  // of the chosen; the rest stay

// Tokens a text is made of: neither "[PAD]" nor the like.
std::vector<std::int64_t> content_tokens(const WordPiece& tokenizer) {
  std::vector<std::int64_t> ids;
  for (std::size_t id = 0; id < tokenizer.size(); ++id) {
    const std::string& token = tokenizer.tokens()[id];
    if (!(token.size() > 2 && token.front() == '[' && token.back() == ']'))
      ids.push_back(static_cast<std::int64_t>(id));
  }
  return ids;
}

}  // namespace

MaskedText mask_tokens(const TextInput& text, const WordPiece& tokenizer, double ratio, std::uint64_t seed) {
  const std::int64_t mask_id = tokenizer.id("[MASK]");
  if (mask_id < 0) fail("the vocabulary has no [MASK]: masked-language modelling needs one");
  const std::vector<std::int64_t> replacements = content_tokens(tokenizer);
  DERI_CHECK(!replacements.empty());
  MaskedText result{{text.ids.clone(), text.mask}, torch::zeros_like(text.mask), {}};
  auto ids = result.input.ids.accessor<std::int64_t, 2>();
  const auto is_token = text.mask.accessor<bool, 2>();
  auto masked = result.masked.accessor<bool, 2>();
  std::vector<std::int64_t> targets;
  Rng rng(seed);
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    std::int64_t tokens = 0;
    while (tokens < ids.size(1) && is_token[row][tokens]) ++tokens;
    std::vector<std::int64_t> chosen;
    for (std::int64_t t = 1; t + 1 < tokens; ++t)
      if (rng.chance(ratio)) chosen.push_back(t);
    if (chosen.empty() && tokens > 2)
      chosen.push_back(1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(tokens - 2))));
    for (const std::int64_t t : chosen) {
      masked[row][t] = true;
      targets.push_back(ids[row][t]);
      const double kind = rng.uniform();
      if (kind < kMasked)
        ids[row][t] = mask_id;
      else if (kind < kMasked + kRandom)
        ids[row][t] = rng.pick(replacements);
    }
  }
  result.targets = torch::tensor(targets, torch::kInt64);
  return result;
}

}  // namespace deri
