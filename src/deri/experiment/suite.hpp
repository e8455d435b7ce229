#pragma once
// An experiment as a file: which models are trained on what, how often, and how they are measured.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deri/base/json.hpp"

namespace deri {

struct SuiteData {
  std::string name;
  std::string about;  // what it is and how to prepare it; said when the store is not there
  std::string store;  // a store (or a CSV of reports), from the suite file's folder; empty: named with --data
                      // NAME=STORE, or made here
  std::int64_t synthetic_records = 0;  // above 0: so many synthetic records, made by the suite
  std::uint64_t synthetic_seed = 1;

  template <typename Visitor>
  void visit(Visitor& field) {
    field("name", name);
    field("about", about);
    field("store", store);
    field("synthetic_records", synthetic_records);
    field("synthetic_seed", synthetic_seed);
  }
};

// A text tower to pre-train on reports (deri pretrain-text), for models to begin with.
struct SuiteTower {
  std::string name;
  std::string config;            // of deri pretrain-text, from the suite file's folder
  std::vector<std::string> set;  // overrides of it
  std::string reports;           // a data set's name: its store, or a CSV as deri pretrain-text takes it

  template <typename Visitor>
  void visit(Visitor& field) {
    field("name", name);
    field("config", config);
    field("set", set);
    field("reports", reports);
  }
};

// A model to train, or, with `folder`, one that is there (measured once, as seed 0).
struct SuiteModel {
  std::string name;
  std::string config;            // of deri pretrain, from the suite file's folder
  std::vector<std::string> set;  // overrides of it, as --set takes them
  std::string train_on;          // a data set's name
  std::string tower;             // a text tower's name: what model.text.pretrained becomes
  std::string folder;            // a model folder, from the suite file's folder

  template <typename Visitor>
  void visit(Visitor& field) {
    field("name", name);
    field("config", config);
    field("set", set);
    field("train_on", train_on);
    field("tower", tower);
    field("folder", folder);
  }
};

struct SuiteTask {
  std::string name;                           // by default, kind and data
  std::string kind;                           // zero-shot, probe, robustness, map (t-SNE)
  std::string data;                           // a data set's name; its test split is scored
  std::vector<std::string> labels;            // label sets; map: the one that colours
  std::string protocol = "strict";            // zero-shot, probe
  std::vector<double> fractions{1, 10, 100};  // probe: percent of the training records
  std::vector<std::string> views;             // probe: see ProbeOptions; map: one, by default zero-shot
  std::string prompts;                        // zero-shot: instead of the model's own, from the suite file's folder
  std::vector<std::int64_t> leads{12, 8, 6, 2, 1};  // robustness: leads left
  std::vector<double> noise{0, 5, 10, 15, 20, 25};  // robustness: percent of a lead's deviation

  template <typename Visitor>
  void visit(Visitor& field) {
    field("name", name);
    field("kind", kind);
    field("data", data);
    field("labels", labels);
    field("protocol", protocol);
    field("fractions", fractions);
    field("views", views);
    field("prompts", prompts);
    field("leads", leads);
    field("noise", noise);
  }
};

struct Suite {
  std::string title, note;
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::int64_t resamples = 1000;     // of bootstrap intervals
  std::int64_t permutations = 2000;  // of paired tests
  std::vector<SuiteData> data;
  std::vector<SuiteTower> towers;
  std::vector<SuiteModel> models;
  std::vector<SuiteTask> tasks;
  std::vector<std::vector<std::string>> compare;  // pairs of models, the first minus the second

  template <typename Visitor>
  void visit(Visitor& field) {
    field("title", title);
    field("note", note);
    field("seeds", seeds);
    field("resamples", resamples);
    field("permutations", permutations);
    field("data", data);
    field("towers", towers);
    field("models", models);
    field("tasks", tasks);
    field("compare", compare);
  }

  const SuiteData& data_set(const std::string& data_name) const;
  const SuiteTower& tower(const std::string& tower_name) const;
  const SuiteModel& model(const std::string& model_name) const;
  // A model that is trained has the suite's seeds, one that is there has seed 0.
  std::vector<std::uint64_t> seeds_of(const SuiteModel& model) const;
  // What is measured of one training: every task; maps of the first training only.
  std::vector<const SuiteTask*> tasks_of(const SuiteModel& model, std::uint64_t seed) const;
};

// Reads a suite; names of files in it become absolute. Throws Error, naming the file and the entry, for unknown keys,
// names that are not there or twice, and what a task cannot do.
Suite load_suite(const std::filesystem::path& path);

// A name as a file name: letters, digits, '-', '_', '.'; the rest becomes '-'. load_suite() refuses two names of a kind
// that would share one.
std::string file_name_of(const std::string& name);

}  // namespace deri
