#include "deri/text/byte_level_bpe_trainer.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Tokens = std::vector<std::string>;

const Tokens kReports{
    "Sinus rhythm. Normal ECG.",
    "Sinus bradycardia. Left axis deviation. Abnormal ECG.",
    "Atrial fibrillation with rapid ventricular response. Abnormal ECG.",
    "sinusrhythmus linkstyp qt-verlÄngerung, wahrscheinlich inferiorer infarkt",
    "心電図 normal 😀\n\n  it's 60/min",
    "aaaaaaa aaaa aaa [PAD] [PAD]",
};

Tokens learnt(const Tokens& texts, std::size_t size, std::size_t min_frequency = 2) {
  const auto tokens = train_byte_level_bpe(texts, size, {}, min_frequency).tokens();
  return {tokens.begin() + 256, tokens.end()};
}

TEST(ByteLevelBpeTrainer, SpecialTokensThenBytesThenMerges) {
  const auto tokenizer = train_byte_level_bpe({"ab ab ab"}, 300, {"<|endoftext|>", "[BOS]", "[PAD]"});
  EXPECT_EQ(tokenizer.id("<|endoftext|>"), 0);
  EXPECT_EQ(tokenizer.id("[BOS]"), 1);
  EXPECT_EQ(tokenizer.id("[PAD]"), 2);
  EXPECT_EQ(tokenizer.id("!"), 3);
  EXPECT_EQ(tokenizer.id("Ń"), 258);
  EXPECT_EQ(tokenizer.id("ab"), 259);
  EXPECT_EQ(tokenizer.id("Ġab"), 260);
  EXPECT_EQ(tokenizer.size(), 261u);
  for (int id = 0; id < 3; ++id) EXPECT_TRUE(tokenizer.is_special(id));
  EXPECT_FALSE(tokenizer.is_special(3));
  EXPECT_FALSE(tokenizer.is_special(260));
}

// By hand: the words are ab 1×, " ab" 2×, " abc" 1×, " bd" 1×. Pairs: a+b 4, Ġ+a 3, b+c 1, Ġ+b 1, b+d 1.
// After ab: Ġ+ab 3, ab+c 1. After Ġab: Ġab+c 1.
TEST(ByteLevelBpeTrainer, MergesTheMostFrequentPairFirst) {
  const Tokens texts{"ab ab", " ab abc bd"};
  EXPECT_THAT(learnt(texts, 1000), ElementsAre("ab", "Ġab"));
  EXPECT_THAT(learnt(texts, 257), ElementsAre("ab"));
  EXPECT_THAT(learnt(texts, 256), IsEmpty());
  EXPECT_THAT(learnt(texts, 1000, 4), ElementsAre("ab"));
  EXPECT_THAT(learnt(texts, 1000, 5), IsEmpty());
  // Of the pairs seen once: b+d (ids 65, 67), then Ġ+bd, then Ġab+c.
  EXPECT_THAT(learnt(texts, 1000, 1), ElementsAre("ab", "Ġab", "bd", "Ġbd", "Ġabc"));
}

TEST(ByteLevelBpeTrainer, OverlappingPairs) {
  EXPECT_THAT(learnt({"aaaaa"}, 1000, 1), ElementsAre("aa", "aaa", "aaaaa"));
}

TEST(ByteLevelBpeTrainer, TiesGoToTheLowerIds) {
  EXPECT_THAT(learnt({"yz", "xy", "xz", "yz", "xy", "xz"}, 259), ElementsAre("xy", "xz", "yz"));
}

struct Naive {
  Tokens tokens = byte_alphabet();
  std::vector<std::pair<std::string, std::string>> merges;
};

// Counts every pair of the whole corpus afresh before each merge.
Naive train_naively(const Tokens& texts, std::size_t size, int min_frequency) {
  Naive result;
  std::vector<Tokens> words;
  for (const auto& text : texts) {
    for (const auto word : byte_level_words(text)) {
      auto& parts = words.emplace_back();
      for (const char byte : word) parts.push_back(byte_letters(std::string_view(&byte, 1)));
    }
  }
  const auto id = [&](const std::string& token) { return std::ranges::find(result.tokens, token); };
  while (result.tokens.size() < size) {
    std::map<std::pair<std::string, std::string>, int> counts;
    for (const auto& parts : words) {
      for (std::size_t i = 1; i < parts.size(); ++i) ++counts[{parts[i - 1], parts[i]}];
    }
    const auto is_worse = [&](const auto& a, const auto& b) {
      if (a.second != b.second) return a.second < b.second;
      return std::pair(id(a.first.first), id(a.first.second)) > std::pair(id(b.first.first), id(b.first.second));
    };
    const auto best = std::max_element(counts.begin(), counts.end(), is_worse);
    if (best == counts.end() || best->second < min_frequency) break;
    const auto [left, right] = best->first;
    if (id(left + right) == result.tokens.end()) result.tokens.push_back(left + right);
    result.merges.emplace_back(left, right);
    for (auto& parts : words) {
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        if (parts[i] != left || parts[i + 1] != right) continue;
        parts[i] += parts[i + 1];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
  }
  return result;
}

std::string merges_text(const Naive& naive) {
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : naive.merges) text += fmt::format("{} {}\n", left, right);
  return text;
}

void expect_equal(const ByteLevelBpe& tokenizer, const Naive& naive) {
  EXPECT_EQ(tokenizer.tokens(), naive.tokens);
  const TemporaryDirectory folder;
  tokenizer.save(folder.path());
  EXPECT_EQ(read_file(folder.path() / "merges.txt"), merges_text(naive));
}

TEST(ByteLevelBpeTrainer, EqualsCountingAfresh) {
  for (const int min_frequency : {1, 2, 3}) {
    const auto tokenizer = train_byte_level_bpe(kReports, 400, {}, min_frequency);
    expect_equal(tokenizer, train_naively(kReports, 400, min_frequency));
  }
}

// Two letters and much repetition: pairs vanish, come back and make tokens that are there already.
TEST(ByteLevelBpeTrainer, EqualsCountingAfreshOnRepetitions) {
  Rng rng(4);
  for (int round = 0; round < 30; ++round) {
    Tokens texts;
    for (int i = 0; i < 12; ++i) {
      std::string word;
      for (auto n = 1 + rng.below(16); n > 0; --n) word += rng.chance(0.7) ? 'a' : 'b';
      texts.push_back(word);
    }
    expect_equal(train_byte_level_bpe(texts, 300, {}, 1), train_naively(texts, 300, 1));
  }
}

TEST(ByteLevelBpeTrainer, DoesNotDependOnTheOrderOfTexts) {
  auto texts = kReports;
  const auto tokens = train_byte_level_bpe(texts, 400, {"[PAD]"}, 1).tokens();
  Rng rng(3);
  for (int i = 0; i < 5; ++i) {
    rng.shuffle(texts);
    EXPECT_EQ(train_byte_level_bpe(texts, 400, {"[PAD]"}, 1).tokens(), tokens);
  }
}

TEST(ByteLevelBpeTrainer, WritesItsCorpusBack) {
  const auto tokenizer = train_byte_level_bpe(kReports, 400, {"<|endoftext|>", "[BOS]", "[PAD]"});
  for (const auto& report : kReports) EXPECT_EQ(tokenizer.decode(tokenizer.encode(report)), report);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("never seen: ∂ÿ")), "never seen: ∂ÿ");
  const TemporaryDirectory folder;
  tokenizer.save(folder.path());
  const auto loaded = ByteLevelBpe::load(folder.path());
  EXPECT_EQ(loaded.tokens(), tokenizer.tokens());
  EXPECT_TRUE(loaded.is_special(2));
  for (const auto& report : kReports) EXPECT_EQ(loaded.encode(report), tokenizer.encode(report));
}

// "<>>" is one word of the corpus: its pieces < and >> would make the special token.
TEST(ByteLevelBpeTrainer, NeverLearnsASpecialToken) {
  const auto tokenizer = train_byte_level_bpe({"<>> <>>", ">> >>"}, 300, {"<>>"});
  EXPECT_GE(tokenizer.id(">>"), 257);
  EXPECT_TRUE(tokenizer.is_special(0));
  EXPECT_EQ(tokenizer.encode("<>>").size(), 2u);
  EXPECT_THAT(tokenizer.encode("<>>", SpecialsInText::kMatched), ElementsAre(0));
}

TEST(ByteLevelBpeTrainer, WithoutWords) {
  EXPECT_THAT(learnt({}, 300), IsEmpty());
  EXPECT_THAT(learnt({"", "a"}, 300), IsEmpty());
  EXPECT_THAT(learnt({std::string(kMaxLearntWordBytes + 1, 'a')}, 300, 1), IsEmpty());
  EXPECT_THAT(learnt({std::string(kMaxLearntWordBytes, 'a')}, 257, 1), ElementsAre("aa"));
}

TEST(ByteLevelBpeTrainer, RefusesWhatCannotBe) {
  EXPECT_DERI_ERROR(train_byte_level_bpe(kReports, 257, {"[BOS]", "[PAD]"}), HasSubstr("ask for at least 258"));
  EXPECT_DERI_ERROR(train_byte_level_bpe(kReports, 300, {"[PAD]", "[PAD]"}),
                    HasSubstr("\"[PAD]\" has the ids 0 and 1"));
  EXPECT_DERI_ERROR(train_byte_level_bpe(kReports, 300, {"PAD"}), HasSubstr("\"PAD\" (id 0)"));
  EXPECT_DERI_ERROR(train_byte_level_bpe(kReports, 300, {"a"}), HasSubstr("\"a\" has the ids"));
}

}  // namespace
}  // namespace deri
