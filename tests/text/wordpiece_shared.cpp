#include <chrono>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/csv.hpp"
#include "deri/base/json.hpp"
#include "deri/text/report.hpp"
#include "deri/text/wordpiece.hpp"
#include "deri/text/wordpiece_trainer.hpp"

namespace deri {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

std::filesystem::path tokenizers() {
  return testing::shared_dir() / "tokenizers";
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (auto at = text.find(separator); at != std::string::npos; at = text.find(separator, begin)) {
    parts.push_back(text.substr(begin, at - begin));
    begin = at + separator.size();
  }
  if (begin < text.size()) parts.push_back(text.substr(begin));
  return parts;
}

std::vector<std::string> tokens_of(const WordPiece& tokenizer, const std::vector<std::int32_t>& ids) {
  std::vector<std::string> out;
  for (const auto id : ids) out.push_back(tokenizer.tokens().at(id));
  return out;
}

const WordPiece& bert() {
  static const auto tokenizer = WordPiece::load(tokenizers() / "bert-base-uncased/vocab.txt");
  return tokenizer;
}

TEST(WordPieceShared, EqualsTheReferenceOnEveryQuestion) {
  const auto folder = tokenizers() / "vectors/squad";
  const auto questions = load_json(folder / "question_tokens.json");
  const auto ids = load_json(folder / "tokenized_questions.json");
  ASSERT_EQ(questions.size(), 10570u);
  ASSERT_EQ(ids.size(), questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto text = questions[i].at("original").get<std::string>();
    ASSERT_EQ(basic_tokenize(text), questions[i].at("basic").get<std::vector<std::string>>()) << text;
    const auto found = bert().tokenize(text);
    ASSERT_EQ(tokens_of(bert(), found), questions[i].at("wordpiece").get<std::vector<std::string>>()) << text;
    ASSERT_EQ(found, ids[i].get<std::vector<std::int32_t>>()) << text;
  }
}

TEST(WordPieceShared, EqualsTheReferenceOnHardCases) {
  const auto folder = tokenizers() / "vectors/hard-cases";
  const auto texts = split(read_file(folder / "ggml-vocab-bert-bge.gguf.inp"), "\n__ggml_vocab_test__\n");
  const auto lines = split(read_file(folder / "ggml-vocab-bert-bge.gguf.out"), "\n");
  ASSERT_EQ(texts.size(), 46u);
  ASSERT_EQ(lines.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::istringstream line(lines[i]);
    const std::vector<std::int32_t> expected{std::istream_iterator<std::int32_t>(line), {}};
    EXPECT_EQ(bert().tokenize(texts[i]), expected) << texts[i];
  }
}

TEST(WordPieceShared, BiomedBert) {
  const auto tokenizer = WordPiece::load(tokenizers() / "biomedbert/vocab.txt");
  EXPECT_EQ(tokenizer.size(), 30522u);
  EXPECT_EQ(tokenizer.pad_id(), 0);
  EXPECT_EQ(tokenizer.unknown_id(), 1);
  EXPECT_EQ(tokenizer.cls_id(), 2);
  EXPECT_EQ(tokenizer.sep_id(), 3);
  EXPECT_EQ(tokenizer.id("[MASK]"), 4);
  const auto ids = tokenizer.encode("Sinus rhythm. Atrial fibrillation.", 256);
  EXPECT_THAT(tokens_of(tokenizer, ids),
              ElementsAre("[CLS]", "sinus", "rhythm", ".", "atrial", "fibrillation", ".", "[SEP]"));
  EXPECT_EQ(ids.front(), 2);
  EXPECT_EQ(ids.back(), 3);
}

TEST(WordPieceShared, LearnsPtbXlsReportsInSeconds) {
  CsvReader csv(testing::shared_dir() / "data/ptbxl/all_reports.csv", {"report"});
  std::vector<std::string> reports, cells;
  while (csv.next(cells)) reports.push_back(clean_report(cells[csv.column("report")]));
  ASSERT_EQ(reports.size(), 21737u);
  const auto begin = std::chrono::steady_clock::now();
  for (const std::size_t size : {2000u, 8000u}) {
    const auto tokenizer = train_wordpiece(reports, size);
    EXPECT_LE(tokenizer.size(), size);
    EXPECT_GE(tokenizer.size(), 2000u);
    std::size_t pieces = 0, words = 0;
    for (const auto& report : reports) {
      const auto ids = tokenizer.tokenize(report);
      ASSERT_THAT(ids, Not(Contains(tokenizer.unknown_id()))) << report;
      pieces += ids.size();
      words += basic_tokenize(report).size();
    }
    EXPECT_LT(static_cast<double>(pieces), 1.1 * static_cast<double>(words)) << size;
    for (const auto* term : {"sinusrhythmus", "rhythm", "ecg", "infarkt", "verlangerung"}) {
      EXPECT_GE(tokenizer.id(term), 0) << term;
    }
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  RecordProperty("seconds", std::to_string(taken.count()));
  EXPECT_LT(taken.count(), 60.0);  // a second or two; far more under a sanitizer
}

}  // namespace
}  // namespace deri
