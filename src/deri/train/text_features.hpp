#pragma once
// The text features of a store's reports, computed once per distinct report and kept on disk
// (data/text_feature_store.hpp). While the text tower is frozen they never change, and BERT-base at 256 tokens costs
// more than the rest of a training step.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/data/store.hpp"
#include "deri/data/text_feature_store.hpp"
#include "deri/model/ecg_text_model.hpp"
#include "deri/train/report_set.hpp"

namespace deri {

// Which hidden rows of a report a model reads.
enum class HiddenRows {
  kNone,    // MERL: the pooled feature is all it reads
  kTokens,  // DERI: its tokens'
  kAll      // DERI without mask_padding: those of pads, too; they follow from the report and the position, so that
            // max_tokens rows are kept
};
HiddenRows hidden_rows(const ModelConfig& config);

// What the features of this model's tower depend on: its weights, heads and pooling, max_tokens, and which rows are
// kept. The tokens themselves are the reports' keys.
TextFeatureInfo text_feature_info(EcgTextModel& model, std::int32_t pad_id);

struct TextFeatureOptions {
  std::int64_t batch_tokens = 8192;  // of one batch through the tower, pads included
  std::uint64_t shard_bytes = TextFeatureWriterOptions{}.shard_bytes;
};

class KeptTextFeatures {
 public:
  // The features of the reports of `records`. Of `folders` (each a FEATURES folder), the first that holds them all is
  // read; if none does, what is missing is computed in the first that can be written: in float32, in evaluation mode,
  // on `device`, where the model must be. Call it outside of autocast. Throws Error if no folder can be written, the
  // one chosen is damaged, or a feature does not fit into float16. `reports` must outlive this.
  KeptTextFeatures(EcgTextModel& model, const Store& store, const ReportSet& reports,
                   const std::vector<std::size_t>& records, const std::vector<std::filesystem::path>& folders,
                   const torch::Device& device, const TextFeatureOptions& options = {});

  // What EcgTextModel::encode_text() makes of ReportSet::batch(), within float16's rounding: pooled [B, H], hidden
  // [B, T, H], float32, and mask [B, T]. Rows that the model does not read are zero; without any, hidden is undefined.
  // Throws Error if a feature was damaged on disk.
  TextFeatures batch(const std::vector<std::size_t>& records, const torch::Device& device) const;

  const TextFeatureStore& store() const { return *store_; }
  // How many reports this had to compute.
  std::size_t computed() const { return computed_; }

 private:
  void compute(EcgTextModel& model, const Store& store, const std::vector<std::size_t>& needed,
               const std::filesystem::path& folder, const TextFeatureInfo& info, const torch::Device& device,
               const TextFeatureOptions& options);
  // Throws Error for what is not a number.
  void widen(std::span<const Half> halfs, std::span<float> values) const;

  const ReportSet& reports_;
  HiddenRows rows_;
  std::int64_t width_;
  std::optional<TextFeatureStore> store_;
  std::vector<StoredText> texts_;  // by the report's number; of those not needed, empty
  std::size_t computed_ = 0;
};

// STORE.text-features, beside the store.
std::filesystem::path text_features_beside(const std::filesystem::path& store);

}  // namespace deri
