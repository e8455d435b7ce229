#include "deri/text/wordpiece_trainer.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> kReports{
    "Sinus rhythm. Normal ECG.",
    "Sinus bradycardia. Left axis deviation. Abnormal ECG.",
    "Atrial fibrillation with rapid ventricular response. Abnormal ECG.",
    "sinusrhythmus linkstyp qt-verlÄngerung, wahrscheinlich inferiorer infarkt",
    "心電図 normal 😀",
};

// By hand: ab 3×, abc 2×, bd 1×. Alphabet a b c d, ##a … ##d (13 tokens). Pairs: a+##b 5, ##b+##c
// 2, b+##d 1.
TEST(WordPieceTrainer, MergesTheMostFrequentPairFirst) {
  const std::vector<std::string> texts{"ab abc ab", "AB bd abc"};
  EXPECT_THAT(train_wordpiece(texts, 100).tokens(), ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b",
                                                                "c", "d", "##a", "##b", "##c", "##d", "ab", "abc"));
  EXPECT_THAT(train_wordpiece(texts, 14).tokens().back(), "ab");
  EXPECT_EQ(train_wordpiece(texts, 14).size(), 14u);
  // Down to pairs seen once: b+##d follows.
  EXPECT_THAT(train_wordpiece(texts, 100, 1).tokens().back(), "bd");
  // Nothing is seen six times.
  EXPECT_EQ(train_wordpiece(texts, 100, 6).size(), 13u);
}

TEST(WordPieceTrainer, OverlappingPairs) {
  // aaaaa = a ##a ##a ##a ##a: ##a+##a 3, a+##a 1, and after it a ##aa ##aa.
  EXPECT_THAT(train_wordpiece({"aaaaa"}, 100, 1).tokens(),
              ElementsAre("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##a", "##aa", "aaa", "aaaaa"));
}

// x+##y and y+##z are seen twice each: the pair of earlier tokens wins.
TEST(WordPieceTrainer, TiesGoToTheEarlierTokens) {
  EXPECT_THAT(train_wordpiece({"yz xy yz xy"}, 12).tokens().back(), "xy");
}

TEST(WordPieceTrainer, DoesNotDependOnTheOrderOfTexts) {
  auto texts = kReports;
  const auto tokens = train_wordpiece(texts, 200).tokens();
  Rng rng(3);
  for (int i = 0; i < 5; ++i) {
    rng.shuffle(texts);
    EXPECT_EQ(train_wordpiece(texts, 200).tokens(), tokens);
  }
}

TEST(WordPieceTrainer, SpecialTokensHaveTheUsualIds) {
  const auto tokenizer = train_wordpiece(kReports, 200);
  EXPECT_EQ(tokenizer.pad_id(), 0);
  EXPECT_EQ(tokenizer.unknown_id(), 1);
  EXPECT_EQ(tokenizer.cls_id(), 2);
  EXPECT_EQ(tokenizer.sep_id(), 3);
  EXPECT_EQ(tokenizer.id("[MASK]"), 4);
}

TEST(WordPieceTrainer, KnowsItsCorpus) {
  for (const std::size_t size : {90u, 120u, 400u}) {
    const auto tokenizer = train_wordpiece(kReports, size);
    EXPECT_LE(tokenizer.size(), size);
    for (const auto& report : kReports) {
      EXPECT_THAT(tokenizer.tokenize(report), Not(Contains(tokenizer.unknown_id()))) << report;
    }
  }
  // Frequent words become one token; letters come together in words never seen.
  const auto tokenizer = train_wordpiece(kReports, 400);
  EXPECT_GE(tokenizer.id("sinus"), 0);
  EXPECT_GE(tokenizer.id("abnormal"), 0);
  EXPECT_THAT(tokenizer.tokenize("zzyqx"), Contains(tokenizer.unknown_id()));  // no z in the corpus
  EXPECT_THAT(tokenizer.tokenize("ycvwkmd"), Not(Contains(tokenizer.unknown_id())));
}

TEST(WordPieceTrainer, PunctuationAndIdeographsNeedNoContinuation) {
  const auto tokenizer = train_wordpiece(kReports, 200);
  for (const std::string alone : {".", "-", "心"}) {
    EXPECT_GE(tokenizer.id(alone), 0) << alone;
    EXPECT_EQ(tokenizer.id("##" + alone), -1) << alone;
  }
  EXPECT_GE(tokenizer.id("##😀"), 0);
}

TEST(WordPieceTrainer, OverlongWordsAreNotCounted) {
  const auto tokenizer = train_wordpiece({"ok " + std::string(101, 'x')}, 100, 1);
  EXPECT_EQ(tokenizer.id("x"), -1);
  EXPECT_GE(tokenizer.id("ok"), 0);
}

TEST(WordPieceTrainer, Errors) {
  EXPECT_DERI_ERROR(train_wordpiece({}, 100), HasSubstr("no word"));
  EXPECT_DERI_ERROR(train_wordpiece({"", " \n\x01"}, 100), HasSubstr("no word"));
  EXPECT_DERI_ERROR(train_wordpiece({"abc"}, 10), HasSubstr("at least 11"));
  EXPECT_EQ(train_wordpiece({"abc"}, 11).size(), 11u);
}

TEST(WordPieceTrainer, AnyBytesAreACorpus) {
  Rng rng(11);
  for (int round = 0; round < 30; ++round) {
    std::vector<std::string> texts(20);
    for (auto& text : texts) {
      for (auto n = rng.below(100); n > 0; --n) text += static_cast<char>(rng.below(256));
    }
    texts.push_back("a");
    const auto tokenizer = train_wordpiece(texts, 1000);
    for (const auto& text : texts) {
      ASSERT_THAT(tokenizer.tokenize(text), Not(Contains(tokenizer.unknown_id())));
    }
  }
}

}  // namespace
}  // namespace deri
