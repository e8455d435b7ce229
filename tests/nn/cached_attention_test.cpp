#include "deri/nn/cached_attention.hpp"

#include <cmath>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal(0, 1));
  return values;
}

// In double, straight from the formula.
std::vector<double> attended(const std::vector<float>& query, const std::vector<std::vector<float>>& keys,
                             const std::vector<std::vector<float>>& values, std::size_t heads) {
  const std::size_t width = query.size(), head_width = width / heads;
  std::vector<double> result(width, 0);
  for (std::size_t head = 0; head < heads; ++head) {
    std::vector<double> weights;
    double sum = 0;
    for (const auto& key : keys) {
      double score = 0;
      for (std::size_t i = head * head_width; i < (head + 1) * head_width; ++i)
        score += static_cast<double>(query[i]) * static_cast<double>(key[i]);
      weights.push_back(std::exp(score / std::sqrt(static_cast<double>(head_width))));
      sum += weights.back();
    }
    for (std::size_t t = 0; t < keys.size(); ++t)
      for (std::size_t i = head * head_width; i < (head + 1) * head_width; ++i)
        result[i] += weights[t] / sum * static_cast<double>(values[t][i]);
  }
  return result;
}

TEST(CachedAttention, EqualsTheFormulaForEveryWidthAndWhereverTokensLie) {
  constexpr std::size_t kRows = 3;
  for (const std::size_t heads : {1, 2, 5})
    for (const std::size_t head_width : {1, 7, 16, 24, 64, 70})
      for (const std::size_t tokens : {1, 2, 33}) {
        const std::size_t width = heads * head_width;
        const auto query = random_floats(width, 1), keys = random_floats(tokens * kRows * width, 2),
                   values = random_floats(tokens * kRows * width, 3);
        std::vector<std::int32_t> rows(tokens);
        for (std::size_t t = 0; t < tokens; ++t) rows[t] = static_cast<std::int32_t>(t * t % kRows);
        for (const bool looked_up : {false, true}) {
          std::vector<std::vector<float>> key_rows, value_rows;
          for (std::size_t t = 0; t < tokens; ++t) {
            const auto at =
                static_cast<std::ptrdiff_t>((t * kRows + (looked_up ? static_cast<std::size_t>(rows[t]) : 0)) * width);
            key_rows.emplace_back(keys.begin() + at, keys.begin() + at + static_cast<std::ptrdiff_t>(width));
            value_rows.emplace_back(values.begin() + at, values.begin() + at + static_cast<std::ptrdiff_t>(width));
          }
          std::vector<float> scores(tokens), result(width);
          attend_to_tokens(query.data(),
                           {keys.data(), values.data(), static_cast<std::int64_t>(tokens),
                            static_cast<std::int64_t>(kRows * width), looked_up ? rows.data() : nullptr},
                           static_cast<std::int64_t>(heads), static_cast<std::int64_t>(width), scores, result.data());
          const auto expected = attended(query, key_rows, value_rows, heads);
          for (std::size_t i = 0; i < width; ++i)
            EXPECT_NEAR(result[i], expected[i], 1e-5) << heads << " heads of " << head_width << ", " << tokens;
        }
      }
}

}  // namespace
}  // namespace deri
