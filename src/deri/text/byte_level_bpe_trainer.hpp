#pragma once
// Learns a vocabulary of byte-level BPE from a corpus, so that nothing need be downloaded.

#include <cstddef>
#include <string>
#include <vector>

#include "deri/text/byte_level_bpe.hpp"

namespace deri {

// Longer words, in bytes, are not learnt from: they are no language, and each merge would walk through them again.
inline constexpr std::size_t kMaxLearntWordBytes = 1000;

// `special_tokens` as given, then the 256 letters for bytes, then merges: of all neighbouring pieces in the words of
// `texts`, the pair seen most often becomes a piece, until there are `size` tokens or no pair is seen `min_frequency`
// times (the ids and the order of HuggingFace's ByteLevelBPETokenizer.train).
//
// Deterministic: the result depends on the words and their numbers, not on the order of `texts`; between equal pairs
// the one with the lower left id wins, then the one with the lower right id. Special tokens that stand in the texts are
// ordinary text; a pair that would make one is left alone. Throws Error if `size` has no room for the letters, or a
// special token is repeated or not written in [ ] or < >. Without words the vocabulary has no merges.
ByteLevelBpe train_byte_level_bpe(const std::vector<std::string>& texts, std::size_t size,
                                  const std::vector<std::string>& special_tokens, std::size_t min_frequency = 2);

}  // namespace deri
