// WFDB's compressed formats, through libFLAC.

#include <algorithm>
#include <cstring>
#include <memory>

#include "deri/base/error.hpp"
#include "deri/ecg/wfdb_format.hpp"

#if DERI_WITH_FLAC
#include <FLAC/stream_decoder.h>
#endif

namespace deri {

#if DERI_WITH_FLAC

namespace {

// A constant signal shrinks to almost nothing, so the file's size says little: 1 GiB of samples is the end.
constexpr std::uint64_t kMostFlacSamples = std::uint64_t{1} << 28;

int bits_of(const WfdbFormat& format) {
  return format.code - 500;
}

class FlacReader {
 public:
  FlacReader(const WfdbFormat& format, std::span<const std::uint8_t> bytes, std::size_t channels,
             std::optional<std::uint64_t> most_samples, const std::string& source)
      : format_(format),
        bytes_(bytes),
        channels_(channels),
        most_(std::min(most_samples.value_or(kMostFlacSamples), kMostFlacSamples) * channels),
        source_(source) {}

  std::vector<std::int32_t> decode() {
    const std::unique_ptr<FLAC__StreamDecoder, decltype(&FLAC__stream_decoder_delete)> decoder(
        FLAC__stream_decoder_new(), FLAC__stream_decoder_delete);
    if (!decoder) throw std::bad_alloc();
    if (FLAC__stream_decoder_init_stream(decoder.get(), read, nullptr, nullptr, nullptr, nullptr, write, nullptr, error,
                                         this) != FLAC__STREAM_DECODER_INIT_STATUS_OK)
      fail("{}: libFLAC cannot begin", source_);
    while (problem_.empty() && samples_.size() < most_ &&
           FLAC__stream_decoder_get_state(decoder.get()) != FLAC__STREAM_DECODER_END_OF_STREAM)
      if (!FLAC__stream_decoder_process_single(decoder.get())) break;
    if (!problem_.empty()) fail("{}: format {}: {}", source_, format_.code, problem_);
    if (samples_.empty()) fail("{}: holds no FLAC stream, as format {} promises", source_, format_.code);
    samples_.resize(std::min<std::uint64_t>(samples_.size(), most_));
    return std::move(samples_);
  }

 private:
  static FlacReader& self(void* client) { return *static_cast<FlacReader*>(client); }

  static FLAC__StreamDecoderReadStatus read(const FLAC__StreamDecoder*, FLAC__byte* buffer, std::size_t* count,
                                            void* client) {
    FlacReader& reader = self(client);
    *count = std::min(*count, reader.bytes_.size());
    if (*count == 0) return FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM;
    std::memcpy(buffer, reader.bytes_.data(), *count);
    reader.bytes_ = reader.bytes_.subspan(*count);
    return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
  }

  static FLAC__StreamDecoderWriteStatus write(const FLAC__StreamDecoder*, const FLAC__Frame* frame,
                                              const FLAC__int32* const* channel, void* client) {
    FlacReader& reader = self(client);
    const auto& header = frame->header;
    if (header.channels != reader.channels_ || static_cast<int>(header.bits_per_sample) != bits_of(reader.format_)) {
      reader.problem_ = fmt::format("the FLAC stream has {} channels of {} bits, the header says {} of {}",
                                    header.channels, header.bits_per_sample, reader.channels_, bits_of(reader.format_));
      return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
    }
    for (unsigned i = 0; i < header.blocksize; ++i)
      for (unsigned c = 0; c < header.channels; ++c) reader.samples_.push_back(channel[c][i]);
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
  }

  static void error(const FLAC__StreamDecoder*, FLAC__StreamDecoderErrorStatus status, void* client) {
    self(client).problem_ =
        fmt::format("the FLAC stream is damaged ({}); fetch it again", FLAC__StreamDecoderErrorStatusString[status]);
  }

  const WfdbFormat& format_;
  std::span<const std::uint8_t> bytes_;
  std::size_t channels_;
  std::uint64_t most_;  // samples, of all channels together
  const std::string& source_;
  std::vector<std::int32_t> samples_;
  std::string problem_;
};

}  // namespace

std::vector<std::int32_t> decode_flac(const WfdbFormat& format, std::span<const std::uint8_t> bytes,
                                      std::size_t channels, std::optional<std::uint64_t> most_samples,
                                      const std::string& source) {
  return FlacReader(format, bytes, channels, most_samples, source).decode();
}

#else

std::vector<std::int32_t> decode_flac(const WfdbFormat& format, std::span<const std::uint8_t>, std::size_t,
                                      std::optional<std::uint64_t>, const std::string& source) {
  fail("{}: this build cannot read format {}: install libflac-dev and build again", source, format.code);
}

#endif

}  // namespace deri
