#include "deri/experiment/speed_writing.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_workloads.hpp"
#include "deri/nn/decoding.hpp"
#include "deri/nn/gpt2_session.hpp"
#include "deri/nn/packed_linear.hpp"
#include "deri/nn/rereading_decoder.hpp"

namespace deri {
namespace {

constexpr std::int64_t kMemoryTokens = 105, kMemoryWidth = 768, kBegin = 50257, kEnd = 50256;

double share_of_other_tokens(const torch::Tensor& texts, const torch::Tensor& expected) {
  return (texts != expected).to(torch::kFloat32).mean().item<double>();
}

}  // namespace

std::shared_ptr<Gpt2> random_distil_gpt2() {
  torch::manual_seed(1);
  return std::make_shared<Gpt2>(
      Gpt2Options{.vocabulary = 50259, .positions = 1024, .width = kMemoryWidth, .layers = 6, .heads = 12});
}

torch::Tensor write_random_reports(LanguageDecoder& network, const WritingSize& size) {
  torch::manual_seed(2);
  const torch::Tensor memory = torch::randn({size.ecgs, kMemoryTokens, kMemoryWidth});
  const DecodingOptions options{
      .bos = kBegin, .eos = kEnd, .max_length = size.tokens + 1, .min_length = size.tokens + 1, .beams = 3};
  std::vector<torch::Tensor> texts;
  for (const DecodedText& text : decode(network, memory, options))
    texts.push_back(torch::tensor(text.ids, torch::kInt64));
  return torch::stack(texts);
}

void measure_report_writing(SpeedRun& run) {
  const WritingSize size{.ecgs = run.scale().written_ecgs, .tokens = run.scale().written_tokens};
  const auto network = random_distil_gpt2();
  const auto expected = std::make_shared<torch::Tensor>();
  std::vector<TimedRow> rows;
  const auto add = [&](const SpeedWay& way, const std::shared_ptr<LanguageDecoder>& decoder) {
    const auto texts = way.reference() ? expected : std::make_shared<torch::Tensor>();
    rows.push_back(timed_row(
        way, [decoder, texts, size] { *texts = write_random_reports(*decoder, size); },
        [decoder] { write_random_reports(*decoder, {.ecgs = 1, .tokens = 2}); }));
    rows.back().row.work = static_cast<double>(size.ecgs * size.tokens);
    rows.back().difference = [texts, expected] { return share_of_other_tokens(*texts, *expected); };
  };
  add(kReference, std::make_shared<RereadingDecoder>(network));
  rows.back().row.note = "reads the whole text anew for every token";
  if (PackedLinear::available(torch::kFloat32))
    add(kOurs, std::make_shared<Gpt2Session>(*network, torch::kFloat32));
  else
    add(kOurs, network);
  if (PackedLinear::available(torch::kBFloat16))
    add(kOursBfloat16, std::make_shared<Gpt2Session>(*network, torch::kBFloat16));
  SpeedWorkload workload;
  workload.key = "write";
  workload.title =
      fmt::format("report writing: DistilGPT2's size, {} ECGs, 3 beams, {} tokens", size.ecgs, size.tokens);
  workload.unit = "tokens";
  workload.difference_of = "share of tokens that are others (with random weights, near ties are many)";
  run.measure(std::move(workload), std::move(rows), Repeated::kSteps);
}

}  // namespace deri
