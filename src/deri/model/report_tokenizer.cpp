#include "deri/model/report_tokenizer.hpp"

#include <utility>

#include "deri/base/error.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

class BpeReportTokenizer : public ReportTokenizer {
 public:
  explicit BpeReportTokenizer(ByteLevelBpe bpe)
      : bpe_(std::move(bpe)),
        end_(bpe_.add_special("<|endoftext|>")),
        begin_(bpe_.add_special("[BOS]")),
        pad_(bpe_.add_special("[PAD]")) {}

  std::string decode(std::span<const std::int64_t> ids) const override {
    const std::vector<std::int32_t> narrow(ids.begin(), ids.end());
    return bpe_.decode(narrow, SpecialsInOutput::kSkipped);
  }
  std::string token(std::int64_t id) const override {
    return bpe_.decode(std::vector<std::int32_t>{static_cast<std::int32_t>(id)});
  }
  std::size_t size() const override { return bpe_.size(); }
  std::int32_t begin_id() const override { return begin_; }
  std::int32_t end_id() const override { return end_; }
  std::int32_t pad_id() const override { return pad_; }
  void save(const fs::path& folder) const override { bpe_.save(folder); }

 protected:
  std::vector<std::int32_t> pieces(std::string_view report) const override { return bpe_.encode(report); }

 private:
  ByteLevelBpe bpe_;
  std::int32_t end_, begin_, pad_;
};

// Whether a space belongs between two tokens, the basic tokenizer having taken all of them away.
bool space_between(std::string_view left, std::string_view right) {
  constexpr std::string_view kNoneBefore = ".,;:!?)]%/-", kNoneAfter = "([/-";
  const auto is_one_of = [](std::string_view token, std::string_view marks) {
    return token.size() == 1 && marks.find(token.front()) != std::string_view::npos;
  };
  return !is_one_of(right, kNoneBefore) && !is_one_of(left, kNoneAfter);
}

class WordPieceReportTokenizer : public ReportTokenizer {
 public:
  explicit WordPieceReportTokenizer(WordPiece wordpiece) : wordpiece_(std::move(wordpiece)) {}

  std::string decode(std::span<const std::int64_t> ids) const override {
    constexpr std::string_view kContinues = "##";
    std::string text;
    std::string_view before;
    for (const std::int64_t id : ids) {
      if (id == begin_id() || id == end_id() || id == pad_id()) continue;
      std::string_view piece = wordpiece_.tokens().at(static_cast<std::size_t>(id));
      if (piece.starts_with(kContinues) && piece.size() > kContinues.size())
        piece.remove_prefix(kContinues.size());
      else if (!text.empty() && space_between(before, piece))
        text += ' ';
      text += piece;
      before = piece;
    }
    return text;
  }
  std::string token(std::int64_t id) const override { return wordpiece_.tokens().at(static_cast<std::size_t>(id)); }
  std::size_t size() const override { return wordpiece_.size(); }
  std::int32_t begin_id() const override { return wordpiece_.cls_id(); }
  std::int32_t end_id() const override { return wordpiece_.sep_id(); }
  std::int32_t pad_id() const override { return wordpiece_.pad_id(); }
  void save(const fs::path& folder) const override { wordpiece_.save(folder / "vocab.txt"); }

 protected:
  std::vector<std::int32_t> pieces(std::string_view report) const override { return wordpiece_.tokenize(report); }

 private:
  WordPiece wordpiece_;
};

}  // namespace

ReportTokenizer::Encoded ReportTokenizer::encode(std::string_view report, std::size_t max_tokens) const {
  if (max_tokens < 3) fail("{} tokens are too few for a report between its begin and end", max_tokens);
  Encoded encoded;
  std::vector<std::int32_t> inner = pieces(report);
  encoded.cut = inner.size() > max_tokens - 2;
  if (encoded.cut) inner.resize(max_tokens - 2);
  encoded.ids.reserve(inner.size() + 2);
  encoded.ids.push_back(begin_id());
  encoded.ids.insert(encoded.ids.end(), inner.begin(), inner.end());
  encoded.ids.push_back(end_id());
  return encoded;
}

std::shared_ptr<const ReportTokenizer> make_report_tokenizer(ByteLevelBpe bpe) {
  return std::make_shared<BpeReportTokenizer>(std::move(bpe));
}

std::shared_ptr<const ReportTokenizer> make_report_tokenizer(WordPiece wordpiece) {
  return std::make_shared<WordPieceReportTokenizer>(std::move(wordpiece));
}

std::shared_ptr<const ReportTokenizer> load_report_tokenizer(const fs::path& folder) {
  if (fs::exists(folder / "vocab.txt")) return make_report_tokenizer(WordPiece::load(folder / "vocab.txt"));
  return make_report_tokenizer(ByteLevelBpe::load(folder));
}

}  // namespace deri
