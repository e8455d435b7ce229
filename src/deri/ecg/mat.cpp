// zlib reads its input, and says so only if asked to.
#define ZLIB_CONST

#include "deri/ecg/mat.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <zlib.h>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

constexpr std::size_t kLevel5Header = 128;
constexpr std::size_t kLevel4Header = 20;
constexpr std::size_t kMaxNodes = 65536;  // variables and fields
constexpr int kMaxDepth = 8;              // structs within structs
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";

// Types of a data element of level 5.
enum : std::uint32_t {
  kInt8 = 1,
  kUint8 = 2,
  kInt16 = 3,
  kUint16 = 4,
  kInt32 = 5,
  kUint32 = 6,
  kSingle = 7,
  kDouble = 9,
  kInt64 = 12,
  kUint64 = 13,
  kMatrix = 14,
  kCompressed = 15,
  kUtf8 = 16,
  kUtf16 = 17,
  kUtf32 = 18,
};

// Classes of an array of level 5.
enum : std::uint32_t { kStructClass = 2, kCharClass = 4, kDoubleClass = 6, kUint64Class = 15 };

constexpr std::uint32_t kComplexFlag = 0x800;

template <typename T>
T load(std::string_view bytes, std::size_t at, bool swap) {
  std::array<char, sizeof(T)> raw{};
  std::memcpy(raw.data(), bytes.data() + at, sizeof(T));
  if (swap) std::reverse(raw.begin(), raw.end());
  return std::bit_cast<T>(raw);
}

template <typename T>
void append_numbers(std::string_view bytes, bool swap, std::vector<double>& values) {
  values.reserve(values.size() + bytes.size() / sizeof(T));
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T))
    values.push_back(static_cast<double>(load<T>(bytes, at, swap)));
}

// A storage type of numbers.
struct Storage {
  std::uint32_t type;
  std::size_t bytes;
  void (*append)(std::string_view bytes, bool swap, std::vector<double>& values);
};

constexpr std::array<Storage, 10> kStorages{{{kInt8, 1, append_numbers<std::int8_t>},
                                             {kUint8, 1, append_numbers<std::uint8_t>},
                                             {kInt16, 2, append_numbers<std::int16_t>},
                                             {kUint16, 2, append_numbers<std::uint16_t>},
                                             {kInt32, 4, append_numbers<std::int32_t>},
                                             {kUint32, 4, append_numbers<std::uint32_t>},
                                             {kSingle, 4, append_numbers<float>},
                                             {kDouble, 8, append_numbers<double>},
                                             {kInt64, 8, append_numbers<std::int64_t>},
                                             {kUint64, 8, append_numbers<std::uint64_t>}}};

const Storage* find_storage(std::uint32_t type) {
  const auto found =
      std::find_if(kStorages.begin(), kStorages.end(), [&](const Storage& storage) { return storage.type == type; });
  return found == kStorages.end() ? nullptr : found;
}

void append_utf8(std::uint32_t code, std::string& text) {
  constexpr std::uint32_t kReplacement = 0xFFFD;
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = kReplacement;
  const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// Code units of 1 (Latin-1), 2 (UTF-16) or 4 bytes as UTF-8.
template <typename Unit>
std::string to_utf8(std::string_view bytes, bool swap) {
  std::string text;
  std::uint32_t high = 0;  // the first half of a surrogate pair
  for (std::size_t at = 0; at + sizeof(Unit) <= bytes.size(); at += sizeof(Unit)) {
    const std::uint32_t unit = load<Unit>(bytes, at, swap);
    if (sizeof(Unit) == 2 && unit >= 0xD800 && unit < 0xDC00) {
      high = unit;
    } else if (high != 0 && unit >= 0xDC00 && unit < 0xE000) {
      append_utf8(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00), text);
      high = 0;
    } else {
      append_utf8(unit, text);
      high = 0;
    }
  }
  return text;
}

// What a whole file may still use of the limits.
struct Budget {
  std::uint64_t values = kMaxMatValues;
  std::uint64_t inflated = kMaxMatInflated;
  std::size_t nodes = kMaxNodes;
};

template <typename... Args>
[[noreturn]] void fail_in(const std::string& source, fmt::format_string<Args...> format, Args&&... args) {
  fail("{}: MAT-file: {}", source, fmt::format(format, std::forward<Args>(args)...));
}

void spend(std::uint64_t count, std::uint64_t& budget, const char* what, const std::string& source) {
  if (count > budget) fail_in(source, "more {} than is read from one file; save the ECG alone", what);
  budget -= count;
}

void spend_node(Budget& budget, const std::string& source) {
  if (budget.nodes == 0) fail_in(source, "more than {} variables and fields; save the ECG alone", kMaxNodes);
  --budget.nodes;
}

// ---- Level 4: a header of five integers, the name, the numbers.

class Level4 {
 public:
  Level4(std::string_view content, std::string source) : rest_(content), source_(std::move(source)) {}

  std::vector<MatValue> parse() {
    std::vector<MatValue> variables;
    while (!rest_.empty()) {
      spend_node(budget_, source_);
      variables.push_back(parse_matrix());
    }
    return variables;
  }

  // The order of the bytes, found from the type MOPT, which is below 5000 in only one of them.
  static std::optional<bool> find_swap(std::string_view content) {
    if (content.size() < kLevel4Header) return std::nullopt;
    for (const bool big : {false, true}) {
      const bool swap = big != (std::endian::native == std::endian::big);
      const auto type = load<std::uint32_t>(content, 0, swap);
      const std::uint32_t machine = type / 1000, reserved = type / 100 % 10;
      const bool plausible = reserved == 0 && type / 10 % 10 <= 5 && type % 10 <= 2;
      // 2..4, VAX and Cray, have their own floating point; they are known to be refused with a reason.
      if (plausible && (machine == (big ? 1U : 0U) || (!big && machine >= 2 && machine <= 4)) &&
          has_name(content, swap))
        return swap;
    }
    return std::nullopt;
  }

 private:
  static bool has_name(std::string_view content, bool swap) {
    const auto name_bytes = load<std::uint32_t>(content, 16, swap);
    const char initial = content.size() > kLevel4Header ? lower_case(content.substr(kLevel4Header, 1))[0] : 'a';
    return name_bytes > 0 && name_bytes <= kMaxNameBytes && load<std::uint32_t>(content, 12, swap) <= 1 &&
           initial >= 'a' && initial <= 'z';
  }

  std::string_view take(std::uint64_t bytes, const char* what) {
    if (bytes > rest_.size())
      fail_in(source_, "promises {} bytes of {} where {} are left: it is cut short or damaged", bytes, what,
              rest_.size());
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }

  MatValue parse_matrix() {
    const std::optional<bool> swap = find_swap(rest_);
    if (!swap) fail_in(source_, "a variable's header makes no sense: it is damaged");
    const std::string_view header = take(kLevel4Header, "header");
    const auto type = load<std::uint32_t>(header, 0, *swap);
    const std::uint64_t rows = load<std::uint32_t>(header, 4, *swap);
    const std::uint64_t columns = load<std::uint32_t>(header, 8, *swap);
    const std::string_view name = take(load<std::uint32_t>(header, 16, *swap), "name");

    MatValue value;
    value.name = printable(name.substr(0, name.find('\0')));
    if (type >= 2000) fail_in(source_, "numbers of VAX and Cray machines are not read");
    if (load<std::uint32_t>(header, 12, *swap) != 0)
      fail_in(source_, "'{}' is complex; an ECG is real", shown(value.name));
    value.dims = {rows, columns};
    constexpr std::array<std::uint32_t, 6> kTypes{kDouble, kSingle, kInt32, kInt16, kUint16, kUint8};
    const Storage& storage = *find_storage(kTypes[type / 10 % 10]);
    const std::uint64_t count = rows * columns;  // both below 2^32
    if (count > rest_.size())
      fail_in(source_, "'{}' promises {} x {} numbers where {} bytes are left: it is cut short or damaged",
              shown(value.name), rows, columns, rest_.size());
    spend(count, budget_.values, "numbers", source_);
    const std::string_view data = take(count * storage.bytes, "numbers");
    if (type % 10 == 2) return value;  // sparse: kOther
    storage.append(data, *swap, value.values);
    value.kind = MatValue::Kind::kNumeric;
    if (type % 10 == 1) to_text(value);
    return value;
  }

  // Text is stored as numbers, a character each.
  static void to_text(MatValue& value) {
    value.kind = MatValue::Kind::kText;
    for (const double number : value.values)
      append_utf8(number >= 0 && number <= 0x10FFFF ? static_cast<std::uint32_t>(number) : 0xFFFD, value.text);
    value.values.clear();
  }

  std::string_view rest_;
  std::string source_;
  Budget budget_;
};

// ---- Level 5: a tree of tagged elements.

struct Element {
  std::uint32_t type = 0;
  std::string_view data;
};

// Elements one after the other.
class ElementStream {
 public:
  ElementStream(std::string_view bytes, bool swap, const std::string& source)
      : rest_(bytes), swap_(swap), source_(source) {}

  bool empty() const { return rest_.empty(); }

  // A tag of 8 bytes and the data, or, of up to 4 bytes, both in 8.
  Element next() {
    constexpr std::size_t kTag = 8;
    if (rest_.size() < kTag) fail_in(source_, "is cut short within an element's tag");
    const auto first = load<std::uint32_t>(rest_, 0, swap_);
    if (first >> 16 != 0) return small_element(first);
    const std::uint64_t bytes = load<std::uint32_t>(rest_, 4, swap_);
    rest_.remove_prefix(kTag);
    if (bytes > rest_.size())
      fail_in(source_, "an element promises {} bytes where {} are left: it is cut short or damaged", bytes,
              rest_.size());
    const Element element{first, rest_.substr(0, bytes)};
    // Compressed elements are not padded to 8 bytes; the padding of the last may be left out.
    const std::uint64_t padded = first == kCompressed ? bytes : (bytes + 7) / 8 * 8;
    rest_.remove_prefix(std::min<std::uint64_t>(padded, rest_.size()));
    return element;
  }

 private:
  Element small_element(std::uint32_t first) {
    const std::uint32_t bytes = first >> 16;
    if (bytes > 4) fail_in(source_, "a small element promises {} bytes; it can hold 4", bytes);
    const Element element{first & 0xFFFF, rest_.substr(4, bytes)};
    rest_.remove_prefix(8);
    return element;
  }

  std::string_view rest_;
  bool swap_;
  const std::string& source_;
};

class Level5 {
 public:
  Level5(std::string_view content, bool swap, std::string source)
      : content_(content), swap_(swap), source_(std::move(source)) {}

  std::vector<MatValue> parse() {
    std::vector<MatValue> variables;
    ElementStream elements(content_.substr(kLevel5Header), swap_, source_);
    while (!elements.empty()) {
      const Element element = elements.next();
      if (element.type == kMatrix) {
        variables.push_back(parse_matrix(element.data, 0));
      } else if (element.type == kCompressed) {
        const std::string inflated = inflate_element(element.data);
        const Element inner = ElementStream(inflated, swap_, source_).next();
        if (inner.type == kMatrix) variables.push_back(parse_matrix(inner.data, 0));
      }
    }
    return variables;
  }

 private:
  // The element within a compressed one, tag included. Its size is in its tag, known before the rest is inflated.
  std::string inflate_element(std::string_view data) {
    Inflater inflater(data, source_);
    std::string element(8, '\0');
    inflater.read(element, 0);
    const std::uint64_t bytes = load<std::uint32_t>(element, 4, swap_);
    if (load<std::uint32_t>(element, 0, swap_) >> 16 != 0) return element;  // a small one
    // No deflate stream grows more than 1032-fold.
    if (bytes / 1032 > data.size())
      fail_in(source_, "a compressed variable of {} bytes promises {}: it is damaged", data.size(), bytes);
    spend(bytes, budget_.inflated, "compressed data", source_);
    element.resize(8 + bytes);
    inflater.read(element, 8);
    inflater.finish();
    return element;
  }

  class Inflater {
   public:
    Inflater(std::string_view data, const std::string& source) : source_(source) {
      stream_.next_in = reinterpret_cast<const Bytef*>(data.data());  // zlib speaks unsigned char
      stream_.avail_in = static_cast<uInt>(data.size());              // below kMaxMatBytes
      if (inflateInit(&stream_) != Z_OK) fail_in(source_, "zlib cannot be used");
    }
    ~Inflater() { inflateEnd(&stream_); }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    // Fills `bytes` from `offset` to its end.
    void read(std::string& bytes, std::size_t offset) {
      stream_.next_out = reinterpret_cast<Bytef*>(bytes.data() + offset);
      stream_.avail_out = static_cast<uInt>(bytes.size() - offset);  // at most kMaxMatInflated
      while (stream_.avail_out > 0 && !ended_) step();
      if (stream_.avail_out > 0)
        fail_in(source_, "a compressed variable ends {} bytes early: it is damaged", stream_.avail_out);
    }

    // The stream must end here: only then zlib has compared its checksum.
    void finish() {
      std::array<Bytef, 8> beyond{};
      stream_.next_out = beyond.data();
      stream_.avail_out = beyond.size();
      while (!ended_ && stream_.avail_out == beyond.size()) step();
      if (stream_.avail_out != beyond.size())
        fail_in(source_, "a compressed variable holds more than it says: it is damaged");
    }

   private:
    void step() {
      const int status = inflate(&stream_, Z_NO_FLUSH);
      ended_ = status == Z_STREAM_END;
      if (ended_ || status == Z_OK) return;
      fail_in(source_, "a compressed variable cannot be inflated ({}): the file is damaged or cut short",
              stream_.msg != nullptr ? stream_.msg : "its data ends early");
    }

    z_stream stream_{};
    bool ended_ = false;
    const std::string& source_;
  };

  MatValue parse_matrix(std::string_view data, int depth) {
    spend_node(budget_, source_);
    MatValue value;
    if (data.empty()) return empty_matrix();
    ElementStream elements(data, swap_, source_);
    const Element flags = elements.next();
    if (flags.type != kUint32 || flags.data.size() < 8) fail_in(source_, "an array without array flags: it is damaged");
    const auto flag_word = load<std::uint32_t>(flags.data, 0, swap_);
    const std::uint32_t array_class = flag_word & 0xFF;
    // Opaque objects have their name where the others have dimensions.
    if (array_class < 1 || array_class > kUint64Class) return value;
    const std::uint64_t count = parse_dims(elements.next(), value.dims);
    value.name = printable(parse_text(elements.next(), "a name").substr(0, kMaxNameBytes));
    if (array_class >= kDoubleClass) {
      if ((flag_word & kComplexFlag) != 0) fail_in(source_, "'{}' is complex; an ECG is real", shown(value.name));
      parse_numbers(elements, count, value);
    } else if (array_class == kCharClass) {
      value.kind = MatValue::Kind::kText;
      if (count > 0) value.text = parse_text(elements.next(), "text");
    } else if (array_class == kStructClass) {
      parse_struct(elements, count, depth, value);
    }
    return value;
  }

  // MATLAB writes an empty array within a struct or cell as an element without content.
  static MatValue empty_matrix() {
    MatValue value;
    value.kind = MatValue::Kind::kNumeric;
    value.dims = {0, 0};
    return value;
  }

  // Returns their product.
  std::uint64_t parse_dims(const Element& element, std::vector<std::size_t>& dims) {
    constexpr std::size_t kMaxRank = 32;
    const std::size_t rank = element.data.size() / 4;
    if (element.type != kInt32 || rank < 2 || rank > kMaxRank)
      fail_in(source_, "an array without dimensions: it is damaged");
    std::uint64_t count = 1;
    for (std::size_t i = 0; i < rank; ++i) {
      const auto size = load<std::int32_t>(element.data, 4 * i, swap_);
      if (size < 0) fail_in(source_, "an array with a side of {}: it is damaged", size);
      dims.push_back(static_cast<std::size_t>(size));
      if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count))
        fail_in(source_, "an array of impossible size: it is damaged");
    }
    return count;
  }

  void parse_numbers(ElementStream& elements, std::uint64_t count, MatValue& value) {
    value.kind = MatValue::Kind::kNumeric;
    if (count == 0) return;
    const Element element = elements.next();
    const Storage* storage = find_storage(element.type);
    if (storage == nullptr) fail_in(source_, "'{}' has numbers of unknown type {}", shown(value.name), element.type);
    if (element.data.size() % storage->bytes != 0 || element.data.size() / storage->bytes != count)
      fail_in(source_, "'{}' promises {} numbers and has {} bytes of {} each: it is damaged", shown(value.name), count,
              element.data.size(), storage->bytes);
    spend(count, budget_.values, "numbers", source_);
    storage->append(element.data, swap_, value.values);
  }

  std::string parse_text(const Element& element, const char* what) {
    spend(element.data.size(), budget_.values, "text", source_);
    switch (element.type) {
      case kInt8:
      case kUtf8:
        return std::string(element.data.substr(0, element.data.find('\0')));
      case kUint8:
        return to_utf8<std::uint8_t>(element.data, swap_);
      case kUint16:
      case kUtf16:
        return to_utf8<std::uint16_t>(element.data, swap_);
      case kUint32:
      case kUtf32:
        return to_utf8<std::uint32_t>(element.data, swap_);
      default:
        fail_in(source_, "{} of type {}: it is damaged", what, element.type);
    }
  }

  // The length of a field's name, all names in slots of that length, and then the values. Of struct arrays other than
  // 1 x 1 the names alone would be of no use.
  void parse_struct(ElementStream& elements, std::uint64_t count, int depth, MatValue& value) {
    value.kind = MatValue::Kind::kStruct;
    if (count != 1) return;
    if (depth >= kMaxDepth) fail_in(source_, "structs nested more than {} deep", kMaxDepth);
    const Element slot = elements.next();
    const Element names = elements.next();
    const std::int64_t slot_bytes =
        slot.type == kInt32 && slot.data.size() == 4 ? load<std::int32_t>(slot.data, 0, swap_) : 0;
    if (slot_bytes < 1 || slot_bytes > static_cast<std::int64_t>(kMaxNameBytes) || names.type != kInt8 ||
        names.data.size() % static_cast<std::size_t>(slot_bytes) != 0)
      fail_in(source_, "the field names of '{}' cannot be read: it is damaged", shown(value.name));
    for (std::size_t at = 0; at < names.data.size(); at += static_cast<std::size_t>(slot_bytes)) {
      const Element element = elements.next();
      if (element.type != kMatrix) fail_in(source_, "a field of '{}' is no array: it is damaged", shown(value.name));
      value.fields.push_back(parse_matrix(element.data, depth + 1));
      const std::string_view name = names.data.substr(at, static_cast<std::size_t>(slot_bytes));
      value.fields.back().name = printable(name.substr(0, name.find('\0')));
    }
  }

  std::string_view content_;
  bool swap_;
  std::string source_;
  Budget budget_;
};

// Of a level 5 file: whether its bytes must be swapped; nothing for other files.
std::optional<bool> level5_swap(std::string_view content) {
  if (content.size() < kLevel5Header) return std::nullopt;
  const std::string_view mark = content.substr(126, 2);
  constexpr bool kBigMachine = std::endian::native == std::endian::big;
  if (mark == "IM") return kBigMachine;
  if (mark == "MI") return !kBigMachine;
  return std::nullopt;
}

bool is_level73(std::string_view content) {
  return content.starts_with("MATLAB 7.3 MAT-file") || content.starts_with(kHdf5Signature);
}

}  // namespace

const MatValue* MatValue::field(std::string_view field_name) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const MatValue& value) { return value.name == field_name; });
  return found == fields.end() ? nullptr : &*found;
}

std::vector<MatValue> parse_mat_variables(std::string_view content, const std::string& source) {
  if (content.size() > kMaxMatBytes)
    fail_in(source, "{} bytes are more than is read (limit {}); save the ECG alone", content.size(), kMaxMatBytes);
  if (is_level73(content))
    fail("{}: a MAT-file of version 7.3 (HDF5), which is not read; save it with -v7 in MATLAB", source);
  if (const std::optional<bool> swap = level5_swap(content); swap) return Level5(content, *swap, source).parse();
  if (Level4::find_swap(content)) return Level4(content, source).parse();
  fail("{}: not a MAT-file of level 4 or 5, or cut short", source);
}

}  // namespace deri
