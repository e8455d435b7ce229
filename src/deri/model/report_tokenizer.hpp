#pragma once
// Reports ↔ the token ids a report decoder writes: [begin] report [end].

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deri/text/byte_level_bpe.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {

class ReportTokenizer {
 public:
  virtual ~ReportTokenizer() = default;

  struct Encoded {
    std::vector<std::int32_t> ids;  // begin first, end last
    bool cut = false;               // the report did not fit
  };
  // A report as clean_report() leaves it, cut to `max_tokens` ids, begin and end included. Throws Error if that is less
  // than 3.
  Encoded encode(std::string_view report, std::size_t max_tokens) const;
  // The text of ids; begin, end and padding are passed over, and what is no id is an internal error.
  virtual std::string decode(std::span<const std::int64_t> ids) const = 0;
  // One id as a person may read it.
  virtual std::string token(std::int64_t id) const = 0;

  virtual std::size_t size() const = 0;
  virtual std::int32_t begin_id() const = 0;
  virtual std::int32_t end_id() const = 0;
  virtual std::int32_t pad_id() const = 0;

  // Into a folder that exists; load_report_tokenizer() reads it.
  virtual void save(const std::filesystem::path& folder) const = 0;

 protected:
  virtual std::vector<std::int32_t> pieces(std::string_view report) const = 0;
};

// GPT-2's: begin [BOS], end <|endoftext|>, padding [PAD]; those that are not there yet are appended to the vocabulary.
std::shared_ptr<const ReportTokenizer> make_report_tokenizer(ByteLevelBpe bpe);

// BERT's: begin [CLS], end [SEP], padding [PAD]. Case, accents and the spacing of punctuation are not kept: decode()
// joins pieces, and spaces marks as reports do ("st-t changes, nonspecific.").
std::shared_ptr<const ReportTokenizer> make_report_tokenizer(WordPiece wordpiece);

// What save() wrote: vocab.txt (WordPiece), or vocab.json and merges.txt. Throws Error.
std::shared_ptr<const ReportTokenizer> load_report_tokenizer(const std::filesystem::path& folder);

}  // namespace deri
