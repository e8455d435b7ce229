#pragma once
// What a text tower reads out of a report: the judge of clinical efficacy as published. A judge of the same model that
// wrote the report sees with the eyes of the writer; findings (finding_scores.hpp) are the measure that does not.

#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/data/store.hpp"
#include "deri/eval/bootstrap.hpp"
#include "deri/eval/report_comparison.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {

class ReportJudge {
 public:
  // The model's text tower and prompts. Throws Error if it has no prompts.
  ReportJudge(const ModelBundle& bundle, const torch::Device& device);

  // Clinical efficacy (a): of all prompts' labels the one whose embedding is nearest, for each report.
  std::vector<int> classes(const std::vector<std::string>& reports) const;
  int class_count() const { return static_cast<int>(labels_.size()); }

  // Clinical efficacy (b): the cosine of a record's report with each label's prompt as a score of the label, against
  // the record's labels; thresholds of F1 from the validation records. One report per record; records without a label
  // of the set are passed over. Throws Error for a set the store does not have, or a label without prompt.
  LabelSetScores label_set(const Store& store, const std::string& label_set, const std::vector<std::size_t>& records,
                           const std::vector<std::string>& reports, const std::vector<std::size_t>& validation_records,
                           const std::vector<std::string>& validation_reports, const BootstrapOptions& options) const;

 private:
  ScoredLabels scored(const Store& store, const std::string& label_set, const std::vector<std::size_t>& records,
                      const std::vector<std::string>& reports) const;

  const ModelBundle& bundle_;
  torch::Device device_;
  std::vector<std::string> labels_;
  torch::Tensor classes_;  // [labels, width]
};

// For each of `records` the report of the training record whose ECG is nearest, by cosine of the model's zero-shot
// embedding: what a model can say without writing. `training` are records with a report.
std::vector<std::string> nearest_reports(const ModelBundle& bundle, const Store& store,
                                         const std::vector<std::size_t>& training,
                                         const std::vector<std::size_t>& records);

}  // namespace deri
