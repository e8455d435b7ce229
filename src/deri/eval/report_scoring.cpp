#include "deri/eval/report_scoring.hpp"

#include <algorithm>
#include <unordered_map>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/eval/report_judge.hpp"
#include "deri/eval/report_writing.hpp"
#include "deri/text/report.hpp"

namespace deri {
namespace {

// The records of one split that have a report, with that report.
struct TrueReports {
  std::vector<std::string> records, reports;
};

TrueReports true_reports(const std::vector<WrittenReport>& written, const std::string& split, std::int64_t* without) {
  TrueReports truth;
  for (const WrittenReport& report : written) {
    if (report.split != split) continue;
    std::string text = clean_report(report.truth);
    if (count_words(text) == 0) {
      if (without != nullptr) ++*without;
      continue;
    }
    truth.records.push_back(report.record);
    truth.reports.push_back(std::move(text));
  }
  return truth;
}

// What a system wrote for these records of a split; empty if it wrote nothing for the split.
std::vector<std::string> texts_for(const std::vector<WrittenReport>& written, const std::string& split,
                                   const std::vector<std::string>& records, const std::string& name) {
  std::unordered_map<std::string, const WrittenReport*> of;
  for (const WrittenReport& report : written)
    if (report.split == split) of[report.record] = &report;
  std::vector<std::string> texts;
  if (of.empty()) return texts;
  for (const std::string& record : records) {
    const auto found = of.find(record);
    if (found == of.end())
      fail("the reports of {} lack record {} of the split '{}': write them for the same records", name, shown(record),
           split);
    texts.push_back(clean_report(found->second->text));
  }
  return texts;
}

// A system's texts on the scored split and, for thresholds, on the validation split.
struct System {
  std::string name;
  std::vector<std::string> texts, validation_texts;
};

std::vector<std::size_t> store_records(const Store& store, const std::vector<std::string>& ids) {
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < store.size(); ++i) index[store.record(i).id] = i;
  std::vector<std::size_t> records;
  for (const std::string& id : ids) {
    const auto found = index.find(id);
    if (found == index.end())
      fail("{} has no record {}: are the reports of another store?", store.path().string(), shown(id));
    records.push_back(found->second);
  }
  return records;
}

std::vector<std::size_t> training_records(const Store& store) {
  std::vector<std::size_t> records;
  for (const std::size_t record : store.split(kTrain))
    if (count_words(clean_report(store.record(record).report)) > 0) records.push_back(record);
  return records;
}

class Scoring {
 public:
  Scoring(const ReportScoringInputs& inputs, const torch::Device& device) : inputs_(inputs), device_(device) {
    truth_ = true_reports(inputs.reports, inputs.split, &result_.without_truth);
    if (truth_.records.empty())
      fail("no report of the split '{}' has a true one beside it; there is nothing to score", inputs.split);
    if (inputs.split != kValidation) validation_ = true_reports(inputs.reports, kValidation, nullptr);
    if (inputs.store != nullptr) {
      records_ = store_records(*inputs.store, truth_.records);
      validation_records_ = store_records(*inputs.store, validation_.records);
    }
  }

  ReportScoring run() {
    gather_systems();
    judge_systems();
    english_truth_ = in_english(truth_.reports);
    result_.comparison =
        compare_report_systems(truth_.reports, english_truth_, true_classes_, classes_, judged_, inputs_.options);
    keep_reports();
    return std::move(result_);
  }

 private:
  void add_written(const std::string& name, const std::vector<WrittenReport>& written) {
    systems_.push_back({name, texts_for(written, inputs_.split, truth_.records, name),
                        texts_for(written, kValidation, validation_.records, name)});
    if (systems_.back().texts.empty()) fail("{} wrote no reports for the split '{}'", name, inputs_.split);
  }

  void gather_systems() {
    add_written(inputs_.name, inputs_.reports);
    for (const auto& [name, written] : inputs_.against) add_written(name, written);
    if (truth_.records.size() > 1) {
      const System& first = systems_.front();
      systems_.push_back({"shuffled ECGs", shuffled_texts(first.texts, inputs_.shuffle_seed),
                          first.validation_texts.size() > 1
                              ? shuffled_texts(first.validation_texts, inputs_.shuffle_seed)
                              : std::vector<std::string>{}});
    }
    if (inputs_.store == nullptr) {
      result_.not_computed.push_back("baselines from training reports and labels: name the store with --data");
      return;
    }
    add_training_baselines();
  }

  void add_training_baselines() {
    const Store& store = *inputs_.store;
    const std::vector<std::size_t> training = training_records(store);
    std::vector<std::string> reports;
    for (const std::size_t record : training) reports.push_back(clean_report(store.record(record).report));
    const std::string frequent = most_frequent_text(reports);
    systems_.push_back({"most frequent report", std::vector<std::string>(truth_.records.size(), frequent),
                        std::vector<std::string>(validation_.records.size(), frequent)});
    if (inputs_.judge == nullptr) {
      result_.not_computed.push_back("the nearest ECG's report: name a model with --model");
      return;
    }
    System nearest{"nearest ECG's report", nearest_reports(*inputs_.judge, store, training, records_), {}};
    if (!validation_records_.empty())
      nearest.validation_texts = nearest_reports(*inputs_.judge, store, training, validation_records_);
    systems_.push_back(std::move(nearest));
  }

  void judge_systems() {
    for (const System& system : systems_)
      judged_.push_back({system.name, system.texts, in_english(system.texts), {}, {}});
    if (inputs_.judge == nullptr) {
      result_.not_computed.push_back("clinical efficacy by class prompts: name a model with --model");
      return;
    }
    const ReportJudge judge(*inputs_.judge, device_);
    true_classes_ = judge.classes(truth_.reports);
    classes_ = judge.class_count();
    for (std::size_t i = 0; i < systems_.size(); ++i) {
      judged_[i].classes = judge.classes(systems_[i].texts);
      judge_label_sets(judge, systems_[i], judged_[i]);
    }
  }

  void judge_label_sets(const ReportJudge& judge, const System& system, ReportSystem& judged) {
    if (inputs_.store == nullptr || inputs_.label_sets.empty()) return;
    if (system.validation_texts.empty()) {
      result_.not_computed.push_back(
          fmt::format("labels told from the reports of {}: thresholds need its reports of the validation split beside "
                      "those scored (deri report write --split validation,test)",
                      system.name));
      return;
    }
    for (const std::string& set : inputs_.label_sets)
      judged.label_sets.push_back(judge.label_set(*inputs_.store, set, records_, system.texts, validation_records_,
                                                  system.validation_texts, inputs_.options.bootstrap));
  }

  void keep_reports() {
    std::unordered_map<std::string, const WrittenReport*> written;
    for (const WrittenReport& report : inputs_.reports)
      if (report.split == inputs_.split) written[report.record] = &report;
    for (std::size_t i = 0; i < truth_.records.size(); ++i)
      result_.reports.push_back({.record = truth_.records[i],
                                 .truth = truth_.reports[i],
                                 .generated = judged_.front().texts[i],
                                 .english_truth = english_truth_[i],
                                 .english_generated = judged_.front().english_texts[i],
                                 .log_probability = written.at(truth_.records[i])->log_probability,
                                 .tokens = written.at(truth_.records[i])->tokens});
  }

  const ReportScoringInputs& inputs_;
  torch::Device device_;
  ReportScoring result_;
  TrueReports truth_, validation_;
  std::vector<std::string> english_truth_;
  std::vector<std::size_t> records_, validation_records_;  // of the store
  std::vector<System> systems_;
  std::vector<ReportSystem> judged_;
  std::vector<int> true_classes_;
  int classes_ = 0;
};

}  // namespace

ReportScoring score_written_reports(const ReportScoringInputs& inputs, const torch::Device& device) {
  return Scoring(inputs, device).run();
}

}  // namespace deri
