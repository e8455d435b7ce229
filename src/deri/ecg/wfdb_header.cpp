#include "deri/ecg/wfdb_header.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <type_traits>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/units.hpp"

namespace deri {
namespace {

constexpr std::string_view kBlanks = " \t\r";

// Takes the next word off the front of `line`; "" at its end.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

// Takes a number off the front of `text`; nothing if there is none, or it is not finite.
template <typename T>
std::optional<T> take_number(std::string_view& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>)
    if (!std::isfinite(value)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take_char(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

// Two digits off the front of `text`, as part of a date or time, and the separator after them unless it is 0.
std::optional<int> take_two_digits(std::string_view& text, char separator) {
  const std::string_view before = text;
  const std::optional<unsigned> value = take_number<unsigned>(text);
  if (!value || before.size() - text.size() > 2 || (separator != 0 && !take_char(text, separator))) return std::nullopt;
  return static_cast<int>(*value);
}

// HH:MM:SS[.sss] and DD/MM/YYYY to "YYYY-MM-DDTHH:MM:SS[.sss]"; the time alone where there is no date; nothing where
// they cannot be read, for nothing depends on them.
std::string recorded_at(std::string_view time, std::string_view date) {
  const std::optional<int> hours = take_two_digits(time, ':');
  const std::optional<int> minutes = take_two_digits(time, 0);
  if (!hours || !minutes) return {};
  const std::string clock = fmt::format("{:02}:{:02}{}", *hours, *minutes, printable(time.substr(0, 10)));
  const std::optional<int> day = take_two_digits(date, '/');
  const std::optional<int> month = take_two_digits(date, '/');
  const std::optional<unsigned> year = take_number<unsigned>(date);
  if (!day || !month || !year || !date.empty()) return clock;
  return fmt::format("{:04}-{:02}-{:02}T{}", *year, *month, *day, clock);
}

class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string source) : text_(text), source_(std::move(source)) {}

  WfdbHeader parse() {
    std::string_view line;
    if (!next_line(line)) fail("{}: no WFDB header, the file is empty", source_);
    const Counts counts = parse_record_line(line);
    const auto expect_line = [&](std::uint64_t i, std::uint64_t count, const char* what) {
      if (!next_line(line)) fail("{}: promises {} {} and describes {}", source_, count, what, i);
    };
    if (counts.segments) {
      for (std::uint64_t i = 0; i < *counts.segments; ++i) {
        expect_line(i, *counts.segments, "segments");
        header_.segments.push_back(parse_segment_line(line));
      }
    } else {
      for (std::uint64_t i = 0; i < counts.signals; ++i) {
        expect_line(i, counts.signals, "signals");
        header_.signals.push_back(parse_signal_line(line));
      }
    }
    while (next_line(line)) {
      // Only comments may follow, and next_line() keeps them; WFDB's tools ignore the rest too.
    }
    return std::move(header_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: line {}: {}", source_, line_number_, fmt::format(format, std::forward<Args>(args)...));
  }

  // The next line that says something; comments are put aside on the way.
  bool next_line(std::string_view& line) {
    while (!text_.empty()) {
      const std::size_t end = std::min(text_.find('\n'), text_.size());
      line = trimmed(text_.substr(0, end));
      text_.remove_prefix(std::min(end + 1, text_.size()));
      ++line_number_;
      if (line.starts_with('#'))
        header_.comments.emplace_back(trimmed(line.substr(1)));
      else if (!line.empty())
        return true;
    }
    return false;
  }

  template <typename T>
  T whole_number(std::string_view word, const char* what) const {
    std::string_view rest = word;
    const std::optional<T> value = take_number<T>(rest);
    if (!value || !rest.empty()) fail_here("'{}' is not {}", shown(word), what);
    return *value;
  }

  struct Counts {
    std::optional<std::uint64_t> segments;
    std::uint64_t signals;
  };

  // NAME[/SEGMENTS] SIGNALS [RATE[/COUNTER[(BASE)]] [SAMPLES [TIME [DATE]]]]
  Counts parse_record_line(std::string_view line) {
    Counts counts{};
    const std::string_view name = take_word(line);
    if (const std::size_t slash = name.find('/'); slash != std::string_view::npos) {
      counts.segments = whole_number<std::uint64_t>(name.substr(slash + 1), "a number of segments");
      if (counts.segments == 0) fail("{}: the record has no segments", source_);
    }
    counts.signals = whole_number<std::uint64_t>(take_word(line), "a number of signals");
    if (counts.signals == 0) fail("{}: the record has no signals", source_);
    const std::string_view rate = take_word(line);
    if (!rate.empty()) header_.rate = parse_rate(rate);
    const std::string_view length = take_word(line);
    if (!length.empty()) {
      const auto samples = whole_number<std::uint64_t>(length, "a number of samples");
      if (samples > 0) header_.length = samples;
    }
    const std::string_view time = take_word(line);
    header_.recorded_at = recorded_at(time, take_word(line));
    return counts;
  }

  double parse_rate(std::string_view word) const {
    constexpr double kLeast = 1e-3;
    constexpr double kMost = 1e6;
    std::string_view rest = word;
    const std::optional<double> rate = take_number<double>(rest);
    if (!rate || (!rest.empty() && rest.front() != '/')) fail_here("'{}' is not a sampling rate", shown(word));
    if (!(*rate >= kLeast && *rate <= kMost))
      fail_here("a rate of {} Hz makes no sense; correct the header", shown(word));
    return *rate;
  }

  // NAME LENGTH; the name "~" stands for a gap.
  WfdbSegmentSpec parse_segment_line(std::string_view line) const {
    WfdbSegmentSpec segment;
    const std::string_view name = take_word(line);
    segment.length = whole_number<std::uint64_t>(take_word(line), "the length of a segment");
    if (name != "~") segment.name = parse_file_name(name);
    return segment;
  }

  // FILE FORMAT[xN][:SKEW][+OFFSET] and then, each only if the ones before are there:
  // GAIN[(BASELINE)][/UNIT] RESOLUTION ZERO INITIAL CHECKSUM BLOCK NAME
  WfdbSignalSpec parse_signal_line(std::string_view line) const {
    WfdbSignalSpec signal;
    signal.file = parse_file_name(take_word(line));
    parse_format(take_word(line), signal);
    if ((signal.format == nullptr) != (signal.file == "~"))
      fail_here("a signal without samples is in file '~' and of format 0; this one is '{}'", shown(signal.file));
    const std::optional<std::int64_t> baseline = parse_gain(take_word(line), signal);
    take_word(line);  // the resolution in bits says nothing that is needed
    const std::string_view zero = take_word(line);
    signal.baseline = baseline.value_or(zero.empty() ? 0 : whole_number<std::int32_t>(zero, "an ADC zero"));
    const std::string_view initial = take_word(line);
    if (!initial.empty()) signal.initial = whole_number<std::int32_t>(initial, "an initial value");
    const std::string_view checksum = take_word(line);
    if (!checksum.empty()) signal.checksum = whole_number<std::int32_t>(checksum, "a checksum");
    take_word(line);  // the block size of tape drives
    signal.name = canonical_lead(printable(trimmed(line)));
    if (signal.name.empty()) signal.name = fmt::format("signal {}", header_.signals.size() + 1);
    return signal;
  }

  // Signal files and segments lie beside the header; a name that leads elsewhere is not followed.
  std::string parse_file_name(std::string_view word) const {
    const bool leads_away = word.find_first_of("/\\") != std::string_view::npos || word == ".." || word == ".";
    const bool unprintable = printable(word) != word;
    if (word.empty() || leads_away || unprintable)
      fail_here("'{}' is not the name of a file in the header's folder", shown(word));
    return std::string(word);
  }

  void parse_format(std::string_view word, WfdbSignalSpec& signal) const {
    std::string_view rest = word;
    const std::optional<int> code = take_number<int>(rest);
    if (!code) fail_here("'{}' is not a signal format", shown(word));
    signal.format = find_wfdb_format(*code);
    if (signal.format == nullptr && *code != 0)
      fail_here("there is no signal format {}; there are {}", *code, wfdb_format_codes());
    if (take_char(rest, 'x')) signal.samples_per_frame = take_count(rest, word, 1, "samples per frame");
    if (take_char(rest, ':')) signal.skew = take_count(rest, word, 0, "frames of skew");
    if (take_char(rest, '+')) {
      const std::optional<std::uint64_t> offset = take_number<std::uint64_t>(rest);
      if (!offset) fail_here("'{}': no byte offset after '+'", shown(word));
      signal.offset = *offset;
    }
    if (!rest.empty()) fail_here("'{}' is not a signal format", shown(word));
  }

  // A number within a format word, small enough that no product of such numbers overflows.
  std::uint64_t take_count(std::string_view& rest, std::string_view word, std::uint64_t least, const char* what) const {
    constexpr std::uint64_t kMost = 1'000'000;
    const std::optional<std::uint64_t> count = take_number<std::uint64_t>(rest);
    if (!count || *count < least || *count > kMost)
      fail_here("'{}': the {} must lie between {} and {}", shown(word), what, least, kMost);
    return *count;
  }

  // Sets gain and unit; returns the baseline if there is one.
  std::optional<std::int64_t> parse_gain(std::string_view word, WfdbSignalSpec& signal) const {
    if (word.empty()) return std::nullopt;
    std::string_view rest = word;
    const std::optional<double> gain = take_number<double>(rest);
    if (!gain) fail_here("'{}' is not a gain", shown(word));
    if (*gain == 0)
      fail_here("a gain of 0 says that the amplitude was never calibrated; write the true one into the header");
    signal.gain = *gain;
    signal.gain_given = true;
    std::optional<std::int64_t> baseline;
    if (take_char(rest, '(')) {
      baseline = take_number<std::int32_t>(rest);
      if (!baseline || !take_char(rest, ')')) fail_here("'{}': no baseline in brackets", shown(word));
    }
    if (take_char(rest, '/')) {
      const std::optional<double> millivolts = millivolts_per(rest);
      signal.scale = millivolts.value_or(1);
      if (!millivolts) signal.unit = printable(rest);
    } else if (!rest.empty()) {
      fail_here("'{}' is not a gain", shown(word));
    }
    // Wide enough for every instrument, and no 32-bit sample leaves the range of float.
    const double steps = std::abs(signal.gain / signal.scale);
    if (!(steps > 1e-20 && steps < 1e20)) fail_here("a gain of {} makes no sense", signal.gain);
    return baseline;
  }

  std::string_view text_;
  std::string source_;
  std::size_t line_number_ = 0;
  WfdbHeader header_;
};

// The word after "KEY:" or "<KEY>:" in `comment` (lower case, as `key`); "" if there is none.
std::string_view comment_field(std::string_view comment, std::string_view key) {
  for (std::size_t at = comment.find(key); at != std::string_view::npos; at = comment.find(key, at + 1)) {
    const bool begins_word = at == 0 || comment[at - 1] == ' ' || comment[at - 1] == '<';
    std::string_view rest = comment.substr(at + key.size());
    take_char(rest, '>');
    rest = trimmed(rest);
    if (begins_word && take_char(rest, ':')) return take_word(rest);
  }
  return {};
}

}  // namespace

WfdbHeader parse_wfdb_header(std::string_view text, const std::string& source) {
  return HeaderParser(text, source).parse();
}

Patient patient_from_comments(const std::vector<std::string>& comments) {
  Patient patient;
  for (const std::string& comment : comments) {
    const std::string lower = lower_case(comment);
    std::string_view age_word = comment_field(lower, "age");
    const std::optional<double> age = take_number<double>(age_word);
    if (!patient.age && age && *age >= 0) patient.age = age;
    const std::string_view sex = comment_field(lower, "sex");
    if (!patient.sex.empty()) continue;
    if (sex == "m" || sex == "male") patient.sex = "male";
    if (sex == "f" || sex == "female") patient.sex = "female";
  }
  return patient;
}

}  // namespace deri
