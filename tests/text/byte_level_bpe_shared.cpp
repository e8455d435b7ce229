#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/csv.hpp"
#include "deri/base/json.hpp"
#include "deri/text/byte_level_bpe.hpp"
#include "deri/text/byte_level_bpe_trainer.hpp"
#include "deri/text/report.hpp"

namespace deri {
namespace {

using Ids = std::vector<std::int32_t>;

std::filesystem::path tokenizers() {
  return testing::shared_dir() / "tokenizers";
}

// The two files under the names they were first published with.
const ByteLevelBpe& gpt2() {
  static const auto tokenizer = [] {
    const auto vocab = tokenizers() / "gpt2/encoder.json", merges = tokenizers() / "gpt2/vocab.bpe";
    return ByteLevelBpe::parse(read_file(vocab), read_file(merges), vocab.string(), merges.string());
  }();
  return tokenizer;
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

std::vector<std::string> reports() {
  CsvReader csv(testing::shared_dir() / "data/ptbxl/all_reports.csv", {"report"});
  std::vector<std::string> texts, cells;
  while (csv.next(cells)) texts.push_back(clean_report(cells[csv.column("report")]));
  return texts;
}

TEST(ByteLevelBpeShared, Gpt2sVocabulary) {
  EXPECT_EQ(gpt2().size(), 50257u);
  EXPECT_EQ(gpt2().id("!"), 0);
  EXPECT_EQ(gpt2().id("Ġthe"), 262);
  EXPECT_EQ(gpt2().id("<|endoftext|>"), 50256);
  for (std::int32_t id = 0; id < 50257; ++id) EXPECT_EQ(gpt2().is_special(id), id == 50256);
}

TEST(ByteLevelBpeShared, EqualsTheReferenceOnHardCases) {
  const auto folder = tokenizers() / "vectors/hard-cases";
  const auto texts = split(read_file(folder / "ggml-vocab-gpt-2.gguf.inp"), "\n__ggml_vocab_test__\n");
  const auto lines = split(read_file(folder / "ggml-vocab-gpt-2.gguf.out"), "\n");
  ASSERT_EQ(texts.size(), 46u);
  ASSERT_EQ(lines.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::istringstream line(lines[i]);
    const Ids expected{std::istream_iterator<std::int32_t>(line), {}};
    EXPECT_EQ(gpt2().encode(texts[i]), expected) << texts[i];
    EXPECT_EQ(gpt2().decode(expected), texts[i]);
  }
}

// Words, pieces and ids of a French paragraph.
TEST(ByteLevelBpeShared, EqualsTheReferenceStepByStep) {
  const auto reference = load_json(tokenizers() / "vectors/squad/encoded_tokens.json");
  const auto text = reference.at("text").get<std::string>();
  std::vector<std::string> words, pieces;
  for (const auto word : byte_level_words(text)) words.push_back(byte_letters(word));
  EXPECT_EQ(words, reference.at("encoded_text").get<std::vector<std::string>>());
  const auto ids = gpt2().encode(text);
  for (const auto id : ids) pieces.push_back(gpt2().tokens()[id]);
  EXPECT_EQ(pieces, reference.at("bpe_tokens").get<std::vector<std::string>>());
  EXPECT_EQ(ids, reference.at("token_ids").get<Ids>());
  EXPECT_EQ(gpt2().decode(ids), text);
}

TEST(ByteLevelBpeShared, Gpt2IsSavedAsAFolder) {
  auto tokenizer = gpt2();
  EXPECT_EQ(tokenizer.add_special("[BOS]"), 50257);
  EXPECT_EQ(tokenizer.add_special("[PAD]"), 50258);
  const TemporaryDirectory folder;
  tokenizer.save(folder.path());
  EXPECT_EQ(read_file(folder.path() / "merges.txt"), read_file(tokenizers() / "gpt2/vocab.bpe"));
  const auto loaded = ByteLevelBpe::load(folder.path());
  EXPECT_EQ(loaded.tokens(), tokenizer.tokens());
  EXPECT_EQ(loaded.encode("[BOS] Sinus rhythm<|endoftext|>[PAD]", SpecialsInText::kMatched),
            (Ids{50257, 10884, 385, 18662, 50256, 50258}));
}

TEST(ByteLevelBpeShared, LearnsPtbXlsReports) {
  const auto texts = reports();
  ASSERT_EQ(texts.size(), 21737u);
  const auto tokenizer = train_byte_level_bpe(texts, 3000, {"<|endoftext|>", "[BOS]", "[PAD]"});
  EXPECT_EQ(tokenizer.size(), 3000u);
  std::size_t learnt = 0, published = 0;
  for (const auto& text : texts) {
    const auto ids = tokenizer.encode(text);
    ASSERT_EQ(tokenizer.decode(ids), text);
    learnt += ids.size();
    published += gpt2().encode(text).size();
  }
  // Half of the reports are German, which GPT-2's vocabulary hardly knows.
  EXPECT_LT(5 * learnt, 3 * published);
  for (const auto* token : {"Ġrhythm", "Ġecg", "Ġinfarkt", "sinusrhythmus"}) EXPECT_GE(tokenizer.id(token), 0) << token;
}

}  // namespace
}  // namespace deri
