#include "deri/eval/search.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include <fmt/format.h>

#include "deri/base/strings.hpp"
#include "deri/eval/embedding.hpp"

namespace deri {
namespace {

// The best of `rows` [N, width] for the query, named by `hits`.
std::vector<SearchHit> best_hits(const torch::Tensor& rows, const torch::Tensor& query, std::vector<SearchHit> hits,
                                 std::size_t count) {
  if (hits.empty()) return hits;
  const torch::Tensor cosines = rows.matmul(query.squeeze(0)).to(torch::kFloat64).contiguous();
  for (std::size_t i = 0; i < hits.size(); ++i) hits[i].cosine = cosines.data_ptr<double>()[i];
  std::stable_sort(hits.begin(), hits.end(),
                   [](const SearchHit& a, const SearchHit& b) { return a.cosine > b.cosine; });
  hits.resize(std::min(hits.size(), count));
  return hits;
}

Json hits_json(const std::vector<SearchHit>& hits) {
  Json list = Json::array();
  for (const SearchHit& hit : hits) list.push_back({{"cosine", hit.cosine}, {"id", hit.id}, {"report", hit.report}});
  return list;
}

void add_hits(std::string& text, const char* heading, const std::vector<SearchHit>& hits) {
  text += fmt::format("{}\n", heading);
  for (const SearchHit& hit : hits)
    text += fmt::format("  {:+.3f}  {:<12} {}\n", hit.cosine, hit.id, printable(hit.report));
}

}  // namespace

SearchResult search(const ModelBundle& bundle, EcgSession& session, const Store& store, const std::string& split,
                    const torch::Tensor& query, std::size_t count) {
  std::vector<std::size_t> records(store.size());
  std::iota(records.begin(), records.end(), std::size_t{0});
  if (!split.empty()) records = store.split(split);

  std::vector<SearchHit> ecgs, reports;
  std::vector<std::string> texts;
  std::unordered_set<std::string> seen;
  for (const std::size_t index : records) {
    const StoreRecord& record = store.record(index);
    ecgs.push_back({0, record.id, record.report});
    if (record.report.empty() || !seen.insert(record.report).second) continue;
    reports.push_back(ecgs.back());
    texts.push_back(record.report);
  }
  const SignalReader reader = make_reader(store, bundle.config.input);
  const torch::Tensor ecg_rows = embed_ecgs(session, reader, records);
  return {best_hits(ecg_rows, query, std::move(ecgs), count),
          best_hits(embed_texts(bundle, texts, session.device()), query, std::move(reports), count)};
}

Json to_json(const SearchResult& result) {
  return {{"records", hits_json(result.records)}, {"reports", hits_json(result.reports)}};
}

std::string to_text(const SearchResult& result) {
  std::string text;
  add_hits(text, "nearest ECGs (cosine, record, its report)", result.records);
  add_hits(text, "nearest reports (cosine, a record that has it, the report)", result.reports);
  return text;
}

}  // namespace deri
