#include "deri/model/report_tokenizer.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "model/small_writer.hpp"
#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using TokenizerPointer = std::shared_ptr<const ReportTokenizer>;

constexpr std::size_t kNoLimit = 100'000;

std::string there_and_back(const ReportTokenizer& tokenizer, std::string_view report) {
  const std::vector<std::int32_t> ids = tokenizer.encode(report, kNoLimit).ids;
  return tokenizer.decode(std::vector<std::int64_t>(ids.begin(), ids.end()));
}

TokenizerPointer saved_and_loaded(const ReportTokenizer& tokenizer) {
  const TemporaryDirectory folder;
  tokenizer.save(folder.path());
  return load_report_tokenizer(folder.path());
}

// The same ids for the same report, begin, end and padding alike.
void expect_same_tokenizer(const ReportTokenizer& one, const ReportTokenizer& other, std::string_view report) {
  EXPECT_EQ(one.size(), other.size());
  EXPECT_EQ(one.begin_id(), other.begin_id());
  EXPECT_EQ(one.end_id(), other.end_id());
  EXPECT_EQ(one.pad_id(), other.pad_id());
  EXPECT_EQ(one.encode(report, kNoLimit).ids, other.encode(report, kNoLimit).ids);
}

std::string random_text(Rng& rng) {
  std::u32string text;
  for (std::uint64_t length = rng.below(40); text.size() < length;) {
    // One, two, three and four bytes of UTF-8 equally often; no half of a surrogate pair.
    constexpr std::array<char32_t, 5> kBorders = {0, 0x80, 0x800, 0x10000, 0x110000};
    const std::uint64_t bytes = rng.below(4);
    const auto letter =
        static_cast<char32_t>(kBorders.at(bytes) + rng.below(kBorders.at(bytes + 1) - kBorders.at(bytes)));
    if (letter < 0xD800 || letter > 0xDFFF) text += letter;
  }
  return encode_utf8(text);
}

// ---- Byte-level BPE

TEST(BpeReportTokenizer, AppendsTheSpecialTokensThatAreMissing) {
  const auto tokenizer = make_report_tokenizer(testing::small_bpe());  // 256 letters and 4 merges
  EXPECT_EQ(tokenizer->end_id(), 260);
  EXPECT_EQ(tokenizer->begin_id(), 261);
  EXPECT_EQ(tokenizer->pad_id(), 262);
  EXPECT_EQ(tokenizer->size(), 263U);
  EXPECT_EQ(tokenizer->token(260), "<|endoftext|>");
  EXPECT_EQ(tokenizer->token(261), "[BOS]");
  EXPECT_EQ(tokenizer->token(262), "[PAD]");
}

TEST(BpeReportTokenizer, AsPublishedTheEndIsThereAndTwoFollow) {
  const auto tokenizer = make_report_tokenizer(testing::small_bpe({"[MASK]", "<|endoftext|>"}));
  EXPECT_EQ(tokenizer->end_id(), 261);
  EXPECT_EQ(tokenizer->begin_id(), 262);
  EXPECT_EQ(tokenizer->pad_id(), 263);
  EXPECT_EQ(tokenizer->size(), 264U);
}

TEST(BpeReportTokenizer, KeepsTheSpecialTokensThatAreThere) {
  const auto tokenizer = make_report_tokenizer(testing::small_bpe({"[PAD]", "<|endoftext|>", "[BOS]"}));
  EXPECT_EQ(tokenizer->pad_id(), 260);
  EXPECT_EQ(tokenizer->end_id(), 261);
  EXPECT_EQ(tokenizer->begin_id(), 262);
  EXPECT_EQ(tokenizer->size(), 263U);
}

// "!" is letter 0, "a" 64 and " " 220 (GPT-2's order); "Ġnorm" is token 259.
TEST(BpeReportTokenizer, AReportStandsBetweenBeginAndEnd) {
  const auto tokenizer = make_report_tokenizer(testing::small_bpe());
  const auto encoded = tokenizer->encode("a norm!", 6);
  EXPECT_THAT(encoded.ids, ElementsAre(261, 64, 259, 0, 260));
  EXPECT_FALSE(encoded.cut);
  EXPECT_THAT(tokenizer->encode("", 3).ids, ElementsAre(261, 260));
  EXPECT_EQ(tokenizer->token(259), " norm");
}

TEST(BpeReportTokenizer, CutsWhatIsLongerThanTheLimitAndSaysSo) {
  const auto tokenizer = make_report_tokenizer(testing::small_bpe());
  const auto fits = tokenizer->encode("a norm!", 5);
  EXPECT_EQ(fits.ids.size(), 5U);
  EXPECT_FALSE(fits.cut);
  const auto cut = tokenizer->encode("a norm!", 4);
  EXPECT_THAT(cut.ids, ElementsAre(261, 64, 259, 260));
  EXPECT_TRUE(cut.cut);
  EXPECT_THAT(tokenizer->encode("a norm!", 3).ids, ElementsAre(261, 64, 260));
  for (const std::size_t too_few : {0U, 1U, 2U})
    EXPECT_DERI_ERROR(tokenizer->encode("a", too_few), AllOf(HasSubstr(std::to_string(too_few)), HasSubstr("too few")));
}

TEST(BpeReportTokenizer, DecodingGivesTheReportBack) {
  const auto tokenizer = make_report_tokenizer(testing::small_bpe());
  for (const std::string_view report :
       {"sinus rhythm. normal ecg", "  two  blanks \n and a line", "Überleitungsstörung, ST-Senkung ≥ 1 mm", "心電図 😀",
        "somebody wrote [BOS] and <|endoftext|> here"})
    EXPECT_EQ(there_and_back(*tokenizer, report), report);
  Rng rng(3);
  for (int i = 0; i < 200; ++i) {
    const std::string report = random_text(rng);
    ASSERT_EQ(there_and_back(*tokenizer, report), report);
  }
}

TEST(BpeReportTokenizer, DecodingPassesOverSpecialTokensAndMendsHalfCharacters) {
  const auto tokenizer = make_report_tokenizer(testing::small_bpe());
  EXPECT_EQ(tokenizer->decode(std::vector<std::int64_t>{261, 64, 260, 262, 262}), "a");
  const auto umlaut = tokenizer->encode("ü", 3);  // two bytes, of which one fits
  EXPECT_TRUE(umlaut.cut);
  EXPECT_EQ(tokenizer->decode(std::vector<std::int64_t>{umlaut.ids[1]}), "\uFFFD");
}

TEST(BpeReportTokenizer, LoadsWhatWasSaved) {
  for (const auto& tokenizer : {make_report_tokenizer(testing::small_bpe()),
                                make_report_tokenizer(testing::small_bpe({"[PAD]", "<|endoftext|>", "[BOS]"}))})
    expect_same_tokenizer(*saved_and_loaded(*tokenizer), *tokenizer, "no norm, norm");
}

TEST(BpeReportTokenizer, AFolderWithoutVocabularyIsRefused) {
  const TemporaryDirectory folder;
  EXPECT_DERI_ERROR(load_report_tokenizer(folder.path()), HasSubstr((folder.path() / "vocab.json").string()));
}

// ---- WordPiece

TokenizerPointer wordpiece_tokenizer() {
  return make_report_tokenizer(
      WordPiece({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "st", "-",    "t", "changes", ",",  "non", "##specific",
                 ".",     "poss",  "(",     ")",     "q",  "##rs", "/", "%",       "12", ":",   "##-"},
                "small"));
}

TEST(WordPieceReportTokenizer, AReportStandsBetweenClsAndSep) {
  const auto tokenizer = wordpiece_tokenizer();
  EXPECT_EQ(tokenizer->size(), 22U);
  EXPECT_EQ(tokenizer->begin_id(), 2);
  EXPECT_EQ(tokenizer->end_id(), 3);
  EXPECT_EQ(tokenizer->pad_id(), 0);
  const auto encoded = tokenizer->encode("QRS changes", 5);
  EXPECT_THAT(encoded.ids, ElementsAre(2, 15, 16, 7, 3));
  EXPECT_FALSE(encoded.cut);
  const auto cut = tokenizer->encode("QRS changes", 4);
  EXPECT_THAT(cut.ids, ElementsAre(2, 15, 16, 3));
  EXPECT_TRUE(cut.cut);
  EXPECT_DERI_ERROR(tokenizer->encode("QRS", 2), HasSubstr("too few"));
  EXPECT_EQ(tokenizer->token(16), "##rs");
}

TEST(WordPieceReportTokenizer, DecodingJoinsPiecesAndSpacesMarksAsReportsDo) {
  const auto tokenizer = wordpiece_tokenizer();
  EXPECT_EQ(there_and_back(*tokenizer, "ST-T Changes, nonspecific."), "st-t changes, nonspecific.");
  EXPECT_EQ(there_and_back(*tokenizer, "poss. (qrs 12/12): 12 %"), "poss. (qrs 12/12): 12%");
  EXPECT_EQ(there_and_back(*tokenizer, "t  (t)t"), "t (t) t");
  EXPECT_EQ(there_and_back(*tokenizer, "unheard t"), "[UNK] t");
  EXPECT_EQ(there_and_back(*tokenizer, ""), "");
}

TEST(WordPieceReportTokenizer, DecodingPassesOverBeginEndAndPadding) {
  const auto tokenizer = wordpiece_tokenizer();
  EXPECT_EQ(tokenizer->decode(std::vector<std::int64_t>{2, 6, 7, 3, 0, 0}), "t changes");
  // A network may begin with the rest of a word.
  EXPECT_EQ(tokenizer->decode(std::vector<std::int64_t>{2, 16, 6, 3}), "rs t");
}

TEST(WordPieceReportTokenizer, LoadsWhatWasSaved) {
  const auto tokenizer = wordpiece_tokenizer();
  const auto again = saved_and_loaded(*tokenizer);
  expect_same_tokenizer(*again, *tokenizer, "st-t changes, nonspecific.");
  EXPECT_EQ(there_and_back(*again, "nonspecific."), "nonspecific.");
}

}  // namespace
}  // namespace deri
