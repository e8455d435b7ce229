#pragma once
// Nearest neighbours in the shared space: ECGs and reports of a store for a text or an ECG.

#include <cstdint>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/base/json.hpp"
#include "deri/data/store.hpp"
#include "deri/model/ecg_session.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {

struct SearchHit {
  double cosine = 0;
  std::string id;      // of a record; of a report: the first record that has it
  std::string report;  // as the store has it
};

struct SearchResult {
  std::vector<SearchHit> records;  // by falling cosine of their ECG with the query
  std::vector<SearchHit> reports;  // distinct ones, by falling cosine of their text with the query
};

// `query` [1, width] as embed_texts(), or embed_inputs() in the zero-shot view, gives it. Looks through the records of
// a split, or all of them where `split` is empty, and their distinct reports (records without one have none); `count`
// of each at most. `session` is one of the bundle's model. Throws Error for a split without records.
SearchResult search(const ModelBundle& bundle, EcgSession& session, const Store& store, const std::string& split,
                    const torch::Tensor& query, std::size_t count);

Json to_json(const SearchResult& result);
std::string to_text(const SearchResult& result);

}  // namespace deri
