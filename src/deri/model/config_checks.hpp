#pragma once
// Checks of a configuration's values; each throws Error, naming the key, its value and what may be chosen.

#include <cstdint>
#include <string>
#include <vector>

namespace deri {

// Bounds on what a configuration file may ask for: far beyond any network of this kind, and small enough that no sum or
// product of sizes overflows.
inline constexpr std::int64_t kMaxSamples = 1'000'000;
inline constexpr std::int64_t kMaxWidth = 8192;
inline constexpr std::int64_t kMaxDepth = 256;
inline constexpr std::int64_t kMaxVocabulary = 1'000'000;
inline constexpr std::int64_t kMaxTowerWeights = std::int64_t{1} << 30;

// False for NaN, too.
bool within(double value, double low, double high);
void check_count(const char* key, std::int64_t value, std::int64_t low, std::int64_t high);
// A probability of dropping: dropping everything leaves nothing to learn from.
void check_dropout(const char* key, double value);
void check_choice(const char* key, const std::string& value, const std::vector<std::string>& choices);
void check_heads(const char* key, std::int64_t heads, const char* width_key, std::int64_t width);

}  // namespace deri
