#pragma once
// Learns a WordPiece vocabulary from a corpus, so that nothing need be downloaded.

#include <cstddef>
#include <string>
#include <vector>

#include "deri/text/wordpiece.hpp"

namespace deri {

// [PAD] [UNK] [CLS] [SEP] [MASK] (ids 0-4, as in BiomedBERT), then the alphabet, then merges: of
// all neighbouring pieces in the words of `texts`, the pair seen most often becomes a piece, until
// there are `size` tokens or no pair is seen `min_frequency` times (byte-pair encoding, Sennrich et
// al. 2016, over WordPiece's notation; the criterion of HuggingFace's BertWordPieceTrainer).
//
// The alphabet holds every character seen, at a word's beginning and, unless it is punctuation or an
// ideograph, within one: no text over these characters gives [UNK], but for words above kMaxWordCharacters,
// which the tokenizer never cuts and the trainer does not count.
//
// Deterministic: the result depends on the words and their numbers, not on the order of `texts`;
// between equal pairs the one of earlier tokens wins. Throws Error if `texts` holds no word, or
// `size` has no room for the alphabet.
WordPiece train_wordpiece(const std::vector<std::string>& texts, std::size_t size, std::size_t min_frequency = 2);

}  // namespace deri
