#include "deri/nn/decoding.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/nn/evaluation_mode.hpp"

namespace deri {
namespace {

using torch::Tensor;
using Ids = std::vector<std::int64_t>;

constexpr double kImpossible = -1e9;  // of the beams that do not exist at the first token

void check(const DecodingOptions& options, const LanguageDecoder& network) {
  const std::int64_t vocabulary = network.vocabulary();
  if (options.bos < 0 || options.bos >= vocabulary || options.eos < 0 || options.eos >= vocabulary)
    fail("bos {} and eos {} must be tokens of the vocabulary of {}", options.bos, options.eos, vocabulary);
  if (options.max_length < 2 || options.max_length > network.positions())
    fail("max_length is {}: choose 2 to the network's {} positions", options.max_length, network.positions());
  if (options.min_length < 0 || options.min_length > options.max_length)
    fail("min_length is {}: choose 0 to max_length, {}", options.min_length, options.max_length);
  if (options.beams < 1 || options.beams > 64) fail("beams is {}: choose 1 to 64", options.beams);
  if (vocabulary < 2 * options.beams) fail("{} beams are too many for {} tokens", options.beams, vocabulary);
  if (!std::isfinite(options.length_penalty)) fail("length_penalty is not a number");
  if (options.no_repeat < 0) fail("no_repeat is {}: choose 0 (off) or more", options.no_repeat);
}

struct Sequence {
  Ids ids;
  std::vector<double> token_log_probability;
  double sum = 0;  // of them
};

struct Candidate {
  double log_probability;
  std::int64_t token;
};

Tensor id_tensor(const Ids& ids, const torch::Device& device) {
  return torch::tensor(ids, torch::kInt64).to(device);
}

// The tokens that would make a run of `length` tokens appear a second time.
Ids repeating_tokens(const Ids& ids, std::int64_t length) {
  Ids banned;
  const auto run = static_cast<std::size_t>(length);
  if (length == 0 || ids.size() + 1 < run) return banned;
  const auto tail = ids.end() - static_cast<std::ptrdiff_t>(run - 1);
  for (auto begin = ids.begin(); begin + static_cast<std::ptrdiff_t>(run) <= ids.end(); ++begin)
    if (std::equal(tail, ids.end(), begin)) banned.push_back(*(begin + static_cast<std::ptrdiff_t>(run - 1)));
  return banned;
}

// Takes away what may not come next; the rest keeps its probability, as in HuggingFace's logits processors.
void ban(Tensor& log_probabilities, const std::vector<const Sequence*>& sequences, const DecodingOptions& options) {
  Ids rows, tokens;
  for (std::size_t row = 0; row < sequences.size(); ++row) {
    Ids banned = repeating_tokens(sequences[row]->ids, options.no_repeat);
    if (static_cast<std::int64_t>(sequences[row]->ids.size()) + 1 < options.min_length) banned.push_back(options.eos);
    rows.insert(rows.end(), banned.size(), static_cast<std::int64_t>(row));
    tokens.insert(tokens.end(), banned.begin(), banned.end());
  }
  if (rows.empty()) return;
  const torch::Device device = log_probabilities.device();
  log_probabilities.index_put_({id_tensor(rows, device), id_tensor(tokens, device)},
                               torch::full({1}, -std::numeric_limits<float>::infinity(), log_probabilities.options()));
}

// log softmax of the step behind the last token of each sequence, without what is banned: [sequences, vocabulary]
// float32.
Tensor next_log_probabilities(LanguageDecoder& network, const std::vector<const Sequence*>& sequences,
                              DecoderState& state, const torch::Device& device, const DecodingOptions& options) {
  Ids last;
  for (const Sequence* sequence : sequences) last.push_back(sequence->ids.back());
  Tensor log_probabilities =
      torch::log_softmax(network.step(id_tensor(last, device), state).to(torch::kFloat32), 1).contiguous();
  ban(log_probabilities, sequences, options);
  return log_probabilities;
}

// The `count` greatest of a row, falling; of equal ones the lower token first. One pass: a vocabulary of 50,000 is
// mostly compared with the least of those kept, where sorting would move it about.
std::vector<Candidate> best_of_row(const float* values, std::int64_t vocabulary, std::size_t count) {
  std::vector<Candidate> best;
  best.reserve(count + 1);
  float least = -std::numeric_limits<float>::infinity();
  for (std::int64_t token = 0; token < vocabulary; ++token) {
    if (best.size() == count && !(values[token] > least)) continue;
    const double value = values[token];
    const auto place = std::upper_bound(best.begin(), best.end(), value, [](double wanted, const Candidate& candidate) {
      return wanted > candidate.log_probability;
    });
    best.insert(place, {value, token});
    if (best.size() > count) best.pop_back();
    least = static_cast<float>(best.back().log_probability);
  }
  return best;
}

// Of each row.
std::vector<std::vector<Candidate>> best_tokens(const Tensor& log_probabilities, std::size_t count) {
  std::vector<std::vector<Candidate>> rows(static_cast<std::size_t>(log_probabilities.size(0)));
  if (log_probabilities.is_cpu()) {
    const std::int64_t vocabulary = log_probabilities.size(1);
    const float* values = log_probabilities.data_ptr<float>();
    for (std::size_t i = 0; i < rows.size(); ++i, values += vocabulary)
      rows[i] = best_of_row(values, vocabulary, count);
    return rows;
  }
  const auto [values, tokens] = log_probabilities.topk(static_cast<std::int64_t>(count), 1);
  const Tensor all_values = values.cpu(), all_tokens = tokens.cpu();
  const auto value = all_values.accessor<float, 2>();
  const auto token = all_tokens.accessor<std::int64_t, 2>();
  for (std::int64_t i = 0; i < all_values.size(0); ++i)
    for (std::int64_t k = 0; k < all_values.size(1); ++k)
      rows[static_cast<std::size_t>(i)].push_back({value[i][k], token[i][k]});
  return rows;
}

Sequence extended(const Sequence& sequence, const Candidate& next) {
  Sequence longer = sequence;
  longer.ids.push_back(next.token);
  longer.token_log_probability.push_back(next.log_probability);
  longer.sum += next.log_probability;
  return longer;
}

double penalised(double sum, std::size_t length, double penalty) {
  return sum / std::pow(static_cast<double>(length), penalty);
}

DecodedText finished_text(Sequence sequence, const DecodingOptions& options) {
  DecodedText text;
  text.finished = sequence.ids.back() == options.eos;
  text.score = penalised(sequence.sum, sequence.ids.size() - (text.finished ? 1 : 0), options.length_penalty);
  text.ids = std::move(sequence.ids);
  text.token_log_probability = std::move(sequence.token_log_probability);
  return text;
}

// One text per memory, under way.
struct Writing {
  std::size_t record;
  Sequence sequence;
};

// Chooses each text's next token: one for every row of the log-probabilities.
using Choose = std::function<std::vector<Candidate>(const Tensor& log_probabilities, const std::vector<Writing>&)>;

std::vector<DecodedText> decode_singly(LanguageDecoder& network, const Tensor& memory, const DecodingOptions& options,
                                       const Choose& choose) {
  check(options, network);
  const torch::NoGradGuard no_grad;
  const EvaluationMode evaluation(network);
  std::vector<DecodedText> texts(static_cast<std::size_t>(memory.size(0)));
  std::vector<Writing> running;
  for (std::size_t record = 0; record < texts.size(); ++record) running.push_back({record, {{options.bos}, {}, 0}});
  DecoderState state = network.start(memory, 1);
  while (!running.empty()) {
    std::vector<const Sequence*> sequences;
    for (const Writing& writing : running) sequences.push_back(&writing.sequence);
    const Tensor log_probabilities = next_log_probabilities(network, sequences, state, memory.device(), options);
    const std::vector<Candidate> chosen = choose(log_probabilities, running);
    std::vector<Writing> still_running;
    Ids rows;
    for (std::size_t i = 0; i < running.size(); ++i) {
      Sequence longer = extended(running[i].sequence, chosen[i]);
      if (chosen[i].token == options.eos || static_cast<std::int64_t>(longer.ids.size()) >= options.max_length) {
        texts[running[i].record] = finished_text(std::move(longer), options);
        continue;
      }
      still_running.push_back({running[i].record, std::move(longer)});
      rows.push_back(static_cast<std::int64_t>(i));
    }
    if (!rows.empty() && rows.size() < running.size()) {
      const Tensor kept = id_tensor(rows, memory.device());
      state.select(kept, kept);
    }
    running = std::move(still_running);
  }
  return texts;
}

// The beams of one memory, and the texts it has finished.
class BeamSearch {
 public:
  BeamSearch(const DecodingOptions& options, std::size_t record) : options_(&options), record_(record) {
    beams_.assign(static_cast<std::size_t>(options.beams), Sequence{{options.bos}, {}, 0});
    for (std::size_t i = 1; i < beams_.size(); ++i) beams_[i].sum = kImpossible;
  }

  std::size_t record() const { return record_; }
  const std::vector<Sequence>& beams() const { return beams_; }

  // One step, of the best 2 x beams candidates of each beam. Returns, for each new beam, the beam it grew from; empty
  // when the search is done.
  Ids grow(const std::vector<Candidate>* of_beams);
  // The best text, once grow() gave nothing.
  DecodedText best() const { return *std::max_element(finished_.begin(), finished_.end(), worse); }

 private:
  struct Growth {
    double sum;
    std::size_t beam;
    Candidate next;
  };

  static bool worse(const DecodedText& a, const DecodedText& b) { return a.score < b.score; }

  std::vector<Growth> best_growths(const std::vector<Candidate>* of_beams) const;
  void finish(Sequence sequence) {
    finished_.push_back(finished_text(std::move(sequence), *options_));
    if (finished_.size() > beams_.size()) finished_.erase(std::min_element(finished_.begin(), finished_.end(), worse));
  }
  // Whether no running beam can still beat the worst hypothesis, as far as its present score tells.
  bool settled(double best_sum, std::size_t length) const {
    return finished_.size() >= beams_.size() && std::min_element(finished_.begin(), finished_.end(), worse)->score >=
                                                    penalised(best_sum, length, options_->length_penalty);
  }

  const DecodingOptions* options_;
  std::size_t record_;
  std::vector<Sequence> beams_;
  std::vector<DecodedText> finished_;
};

std::vector<BeamSearch::Growth> BeamSearch::best_growths(const std::vector<Candidate>* of_beams) const {
  std::vector<Growth> growths;
  for (std::size_t beam = 0; beam < beams_.size(); ++beam)
    for (const Candidate& next : of_beams[beam])
      growths.push_back({beams_[beam].sum + next.log_probability, beam, next});
  std::stable_sort(growths.begin(), growths.end(), [](const Growth& a, const Growth& b) { return a.sum > b.sum; });
  growths.resize(2 * beams_.size());
  return growths;
}

Ids BeamSearch::grow(const std::vector<Candidate>* of_beams) {
  const std::vector<Growth> growths = best_growths(of_beams);
  std::vector<Sequence> next;
  Ids parents;
  for (std::size_t rank = 0; rank < growths.size() && next.size() < beams_.size(); ++rank) {
    const Growth& growth = growths[rank];
    const bool ends = growth.next.token == options_->eos;
    if (ends && rank >= beams_.size()) continue;
    Sequence longer = extended(beams_[growth.beam], growth.next);
    if (ends) {
      finish(std::move(longer));
    } else {
      next.push_back(std::move(longer));
      parents.push_back(static_cast<std::int64_t>(growth.beam));
    }
  }
  const std::size_t length = beams_.front().ids.size() + 1;
  const bool done = settled(growths.front().sum, length);
  beams_ = std::move(next);
  if (!done && static_cast<std::int64_t>(length) < options_->max_length) return parents;
  if (!done)
    for (Sequence& beam : beams_) finish(beam);
  return {};
}

std::vector<DecodedText> decode_beams(LanguageDecoder& network, const Tensor& memory, const DecodingOptions& options) {
  const torch::NoGradGuard no_grad;
  const EvaluationMode evaluation(network);
  const auto beams = static_cast<std::size_t>(options.beams);
  std::vector<DecodedText> texts(static_cast<std::size_t>(memory.size(0)));
  std::vector<BeamSearch> searches;
  for (std::size_t record = 0; record < texts.size(); ++record) searches.emplace_back(options, record);
  DecoderState state = network.start(memory, options.beams);
  while (!searches.empty()) {
    std::vector<const Sequence*> sequences;
    for (const BeamSearch& search : searches)
      for (const Sequence& beam : search.beams()) sequences.push_back(&beam);
    const auto candidates =
        best_tokens(next_log_probabilities(network, sequences, state, memory.device(), options), 2 * beams);
    std::vector<BeamSearch> running;
    Ids rows, records;
    for (std::size_t i = 0; i < searches.size(); ++i) {
      const Ids parents = searches[i].grow(&candidates[i * beams]);
      if (parents.empty()) {
        texts[searches[i].record()] = searches[i].best();
        continue;
      }
      for (const std::int64_t parent : parents) rows.push_back(static_cast<std::int64_t>(i * beams) + parent);
      records.push_back(static_cast<std::int64_t>(i));
      running.push_back(std::move(searches[i]));
    }
    if (!running.empty())
      state.select(id_tensor(rows, memory.device()),
                   running.size() < searches.size() ? id_tensor(records, memory.device()) : Tensor());
    searches = std::move(running);
  }
  return texts;
}

// One token out of the smallest set of the most probable ones that reaches top_p.
std::int64_t draw_token(const Tensor& log_probabilities, const NucleusOptions& nucleus, Rng rng) {
  const auto [values, places] = torch::softmax(log_probabilities / nucleus.temperature, 0).sort(0, true);
  const auto probability = values.accessor<float, 1>();
  double kept = 0;
  std::int64_t count = 0;
  while (count < values.size(0) && kept < nucleus.top_p) kept += probability[count++];
  double left = rng.uniform() * kept;
  std::int64_t chosen = 0;
  while (chosen + 1 < count && left >= probability[chosen]) left -= probability[chosen++];
  return places[chosen].item<std::int64_t>();
}

}  // namespace

std::vector<DecodedText> decode(LanguageDecoder& network, const Tensor& memory, const DecodingOptions& options) {
  check(options, network);
  if (options.beams > 1) return decode_beams(network, memory, options);
  return decode_singly(network, memory, options, [](const Tensor& log_probabilities, const std::vector<Writing>&) {
    std::vector<Candidate> chosen;
    for (const auto& best : best_tokens(log_probabilities, 1)) chosen.push_back(best.front());
    return chosen;
  });
}

std::vector<DecodedText> decode_nucleus(LanguageDecoder& network, const Tensor& memory, const DecodingOptions& options,
                                        const NucleusOptions& nucleus) {
  if (!(nucleus.top_p > 0 && nucleus.top_p <= 1)) fail("top_p is {}: choose more than 0, at most 1", nucleus.top_p);
  if (!(nucleus.temperature > 0 && nucleus.temperature < 1e6))
    fail("temperature is {}: choose more than 0", nucleus.temperature);
  DecodingOptions singly = options;
  singly.beams = 1;
  return decode_singly(
      network, memory, singly, [&](const Tensor& log_probabilities, const std::vector<Writing>& running) {
        const Tensor rows = log_probabilities.cpu();
        std::vector<Candidate> chosen;
        for (std::size_t i = 0; i < running.size(); ++i) {
          const Tensor row = rows[static_cast<std::int64_t>(i)];
          const std::uint64_t seed =
              mix_seed(nucleus.seed, {nucleus.first_memory + running[i].record, running[i].sequence.ids.size()});
          const std::int64_t token = draw_token(row, nucleus, Rng(seed));
          chosen.push_back({row[token].item<double>(), token});
        }
        return chosen;
      });
}

}  // namespace deri
