#include "deri/model/config_checks.hpp"

#include <algorithm>

#include <fmt/ranges.h>

#include "deri/base/config.hpp"

namespace deri {

bool within(double value, double low, double high) {
  return value >= low && value <= high;
}

void check_count(const char* key, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high) fail("{} is {}: choose {} to {}", key, value, low, high);
}

void check_dropout(const char* key, double value) {
  if (!within(value, 0, 0.99)) fail("{} is {}: choose 0 to 0.99", key, value);
}

void check_choice(const char* key, const std::string& value, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  const std::string nearest = nearest_word(value, choices);
  if (!nearest.empty()) fail("{} is \"{}\": did you mean \"{}\"?", key, value, nearest);
  fail("{} is \"{}\": choose one of {}", key, value, fmt::join(choices, ", "));
}

void check_heads(const char* key, std::int64_t heads, const char* width_key, std::int64_t width) {
  check_count(key, heads, 1, kMaxWidth);
  if (width % heads != 0) fail("{} is {}, which does not divide {} {}: choose a divisor", key, heads, width_key, width);
}

}  // namespace deri
