#include "deri/train/text_features.hpp"

#include <algorithm>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <ATen/Parallel.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "deri/base/error.hpp"
#include "deri/base/log.hpp"
#include "deri/base/progress.hpp"
#include "deri/base/strings.hpp"
#include "deri/model/text_input.hpp"
#include "deri/model/weights.hpp"
#include "deri/nn/evaluation_mode.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

const char* rows_name(HiddenRows rows) {
  switch (rows) {
    case HiddenRows::kNone:
      return "none";
    case HiddenRows::kTokens:
      return "tokens";
    case HiddenRows::kAll:
      return "all";
  }
  DERI_CHECK(false);
}

// Whether a folder of this name is there and can be written, or could be made.
bool can_be_written(const fs::path& folder) {
  fs::path there = fs::absolute(folder);
  std::error_code ignored;
  while (!fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
  return fs::is_directory(there, ignored) && ::access(there.c_str(), W_OK | X_OK) == 0;
}

// The numbers of the records' reports, each once; the longest first, so that a batch that memory has no room for comes
// at once, and batches are of nearly equal lengths.
std::vector<std::size_t> distinct_reports(const ReportSet& reports, const std::vector<std::size_t>& records) {
  std::vector<std::size_t> found;
  found.reserve(records.size());
  for (const std::size_t record : records) found.push_back(reports.report_of(record));
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::stable_sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
    return reports.token_ids(a).size() > reports.token_ids(b).size();
  });
  return found;
}

// Two texts with the same tokens are one report to the tower.
std::vector<std::size_t> without_twins(const ReportSet& reports, const std::vector<std::size_t>& numbers) {
  std::unordered_set<ReportKey, ReportKeyHash> seen;
  std::vector<std::size_t> once;
  for (const std::size_t number : numbers)
    if (seen.insert(report_key(reports.token_ids(number))).second) once.push_back(number);
  return once;
}

bool holds_all(const TextFeatureStore& store, const ReportSet& reports, const std::vector<std::size_t>& needed) {
  return std::all_of(needed.begin(), needed.end(),
                     [&](std::size_t number) { return store.has(report_key(reports.token_ids(number))); });
}

// The first of the folders with all that is needed.
std::optional<TextFeatureStore> open_complete(const std::vector<fs::path>& folders, const TextFeatureInfo& info,
                                              const ReportSet& reports, const std::vector<std::size_t>& needed) {
  for (const fs::path& folder : folders) {
    const fs::path path = folder / info.fingerprint();
    if (!fs::exists(path)) continue;
    TextFeatureStore store(path, info);
    if (holds_all(store, reports, needed)) return store;
  }
  return std::nullopt;
}

fs::path writable_folder(const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders)
    if (can_be_written(folder)) return folder;
  std::vector<std::string> names;
  for (const fs::path& folder : folders) names.push_back(folder.string());
  fail(
      "text features cannot be written to {}: name another folder, text_features=FOLDER, or compute them in every "
      "step, text_features=off",
      fmt::join(names, " or "));
}

std::span<const float> row_of(const torch::Tensor& rows, std::int64_t row, std::int64_t count) {
  const std::int64_t stride = rows.numel() / rows.size(0);
  return {rows.data_ptr<float>() + row * stride, static_cast<std::size_t>(count)};
}

torch::Tensor plain_rows(const torch::Tensor& rows) {
  return rows.to(torch::kCPU, torch::kFloat32).contiguous();
}

// The tower on some reports, into a writer.
class TextFeatureMaker {
 public:
  TextFeatureMaker(EcgTextModel& model, const ReportSet& reports, TextFeatureWriter& writer, torch::Device device)
      : model_(model), reports_(reports), writer_(writer), device_(device), rows_(hidden_rows(model.config())) {}

  // Rows that the tower computes for a report.
  std::int64_t columns(std::size_t number) const {
    return rows_ == HiddenRows::kAll ? model_.config().text.max_tokens
                                     : static_cast<std::int64_t>(reports_.token_ids(number).size());
  }
  // names[i] is what messages call report batch[i].
  void add(const std::vector<std::size_t>& batch, const std::vector<std::string>& names);

 private:
  EcgTextModel& model_;
  const ReportSet& reports_;
  TextFeatureWriter& writer_;
  const torch::Device device_;
  const HiddenRows rows_;
};

void TextFeatureMaker::add(const std::vector<std::size_t>& batch, const std::vector<std::string>& names) {
  const torch::InferenceMode inference;
  const std::int64_t width = model_.config().text.hidden;
  std::vector<const std::vector<std::int32_t>*> ids;
  std::int64_t longest = 0;
  for (const std::size_t number : batch) {
    ids.push_back(&reports_.token_ids(number));
    longest = std::max(longest, columns(number));
  }
  const TextFeatures features =
      model_.encode_text(padded_batch(ids, static_cast<std::size_t>(longest), reports_.pad_id(), device_));
  const torch::Tensor pooled = plain_rows(features.pooled), hidden = plain_rows(features.hidden);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const std::int64_t kept = rows_ == HiddenRows::kNone ? 0 : columns(batch[i]);
    writer_.add(report_key(*ids[i]), row_of(pooled, row, width), row_of(hidden, row, kept * width), names[i]);
  }
  writer_.end_batch();
}

}  // namespace

HiddenRows hidden_rows(const ModelConfig& config) {
  if (config.kind == "merl") return HiddenRows::kNone;
  return config.mask_padding ? HiddenRows::kTokens : HiddenRows::kAll;
}

TextFeatureInfo text_feature_info(EcgTextModel& model, std::int32_t pad_id) {
  const TextTowerConfig& text = model.config().text;
  TextFeatureInfo info;
  info.width = text.hidden;
  info.tower = {{"weights", weights_fingerprint(model.text_tower())},
                {"layers", text.layers},
                {"heads", text.heads},
                {"pooling", text.pooling},
                {"max_tokens", text.max_tokens},
                {"pad_id", pad_id},
                {"rows", rows_name(hidden_rows(model.config()))}};
  info.made_by = {{"pretrained", text.pretrained}, {"computed_in", "float32"}};
  return info;
}

fs::path text_features_beside(const fs::path& store) {
  fs::path folder = fs::absolute(store).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  return folder.string() + ".text-features";
}

KeptTextFeatures::KeptTextFeatures(EcgTextModel& model, const Store& store, const ReportSet& reports,
                                   const std::vector<std::size_t>& records, const std::vector<fs::path>& folders,
                                   const torch::Device& device, const TextFeatureOptions& options)
    : reports_(reports), rows_(hidden_rows(model.config())), width_(model.config().text.hidden) {
  const TextFeatureInfo info = text_feature_info(model, reports.pad_id());
  const std::vector<std::size_t> needed = distinct_reports(reports, records);
  store_ = open_complete(folders, info, reports, needed);
  if (!store_) {
    const fs::path folder = writable_folder(folders);
    compute(model, store, needed, folder, info, device, options);
    store_.emplace(folder / info.fingerprint(), info);
  }
  for (const std::size_t number : needed) {
    if (number >= texts_.size()) texts_.resize(number + 1);
    const auto found = store_->find(report_key(reports.token_ids(number)));
    DERI_CHECK(found.has_value());
    texts_[number] = *found;
  }
}

void KeptTextFeatures::compute(EcgTextModel& model, const Store& store, const std::vector<std::size_t>& needed,
                               const fs::path& folder, const TextFeatureInfo& info, const torch::Device& device,
                               const TextFeatureOptions& options) {
  const EvaluationMode evaluation(model.text_tower());
  TextFeatureWriter writer(folder, info, {.shard_bytes = options.shard_bytes});
  TextFeatureMaker maker(model, reports_, writer, device);
  std::unordered_map<std::size_t, std::size_t> record_of;  // one with that report, for messages
  for (std::size_t record = store.size(); record-- > 0;) record_of[reports_.report_of(record)] = record;

  const std::vector<std::size_t> once = without_twins(reports_, needed);
  std::int64_t total = 0, done = 0;
  for (const std::size_t number : once) total += maker.columns(number);
  const auto missing = std::count_if(once.begin(), once.end(), [&](std::size_t number) {
    return !writer.has(report_key(reports_.token_ids(number)));
  });
  spdlog::info("the text tower reads {} of {} different reports, to be kept in {}", missing, once.size(),
               (folder / info.fingerprint()).string());
  Progress progress("text features", "tokens", total);
  for (std::size_t first = 0; first < once.size();) {
    // Batches follow from the reports alone: a resumed run computes the same ones, to the same bits.
    const std::int64_t longest = maker.columns(once[first]);
    const std::size_t last = std::min(
        once.size(), first + static_cast<std::size_t>(std::max<std::int64_t>(1, options.batch_tokens / longest)));
    std::vector<std::size_t> batch;
    std::vector<std::string> names;
    for (; first < last; ++first) {
      done += maker.columns(once[first]);
      if (writer.has(report_key(reports_.token_ids(once[first])))) continue;
      batch.push_back(once[first]);
      names.push_back(fmt::format("the report of record {}", shown(store.record(record_of.at(once[first])).id)));
    }
    if (batch.empty()) {
      progress.start_at(done);
      continue;
    }
    maker.add(batch, names);
    computed_ += batch.size();
    progress.update(done, fmt::format("{}/{} reports", last, once.size()));
  }
  writer.finish();
}

void KeptTextFeatures::widen(std::span<const Half> halfs, std::span<float> values) const {
  if (!all_finite(halfs))
    fail("{}: a feature is not a number: the file was damaged; move the folder away, and it is computed again",
         store_->path().string());
  to_float(halfs, values);
}

TextFeatures KeptTextFeatures::batch(const std::vector<std::size_t>& records, const torch::Device& device) const {
  const auto count = static_cast<std::int64_t>(records.size());
  const std::int64_t columns = reports_.columns(records);
  TextFeatures features{torch::empty({count, width_}), {}, torch::zeros({count, columns}, torch::kBool)};
  if (rows_ != HiddenRows::kNone) features.hidden = torch::empty({count, columns, width_});
  const auto width = static_cast<std::size_t>(width_), room = static_cast<std::size_t>(columns) * width;
  float* const pooled = features.pooled.data_ptr<float>();
  float* const hidden = features.hidden.defined() ? features.hidden.data_ptr<float>() : nullptr;
  bool* const mask = features.mask.data_ptr<bool>();
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = static_cast<std::size_t>(begin); row < static_cast<std::size_t>(end); ++row) {
      const std::size_t number = reports_.report_of(records[row]);
      DERI_CHECK(number < texts_.size() && !texts_[number].pooled.empty());
      const StoredText& text = texts_[number];
      widen(text.pooled, {pooled + row * width, width});
      std::fill_n(mask + row * static_cast<std::size_t>(columns), reports_.token_ids(number).size(), true);
      if (hidden == nullptr) continue;
      // Of max_tokens rows, as many as the batch has columns.
      const std::size_t filled = std::min(text.hidden.size(), room);
      widen(text.hidden.first(filled), {hidden + row * room, filled});
      std::fill_n(hidden + row * room + filled, room - filled, 0.0F);
    }
  });
  features.pooled = features.pooled.to(device);
  if (hidden != nullptr) features.hidden = features.hidden.to(device);
  features.mask = features.mask.to(device);
  return features;
}

}  // namespace deri
