#pragma once
// The charts of a suite's page, as SVG. A chart has a series for each of `models`, whether or not there is something to
// draw: so a model has one colour on the whole page.

#include <string>
#include <vector>

#include "deri/experiment/suite_page.hpp"
#include "deri/experiment/table_parts.hpp"

namespace deri {

using Models = std::vector<std::string>;

// Up to so many models a forest plot has room for their untrained twins.
inline constexpr std::size_t kModelsWithTwins = 4;

// Means with their intervals: a row per label set, a series per model and one for its untrained twin.
std::string means_figure(const ColumnGroup& group, const Models& models);

// Macro AUROC against what is left of an ECG: all leads, and no noise, stand at the left.
std::string robustness_figure(const CurveGroup& group, const Models& models);

// One value of every training, epoch by epoch. Trainings of a model have its colour.
std::string learning_figure(const std::string& title, const std::string& y_label,
                            const std::vector<LearningCurve>& curves, std::vector<double> LearningCurve::*values,
                            const Models& models);

// The classes of some maps, by name, "several" last.
std::vector<std::string> map_classes(const std::vector<const EmbeddingMap*>& maps);

// Throws InternalError unless there is a class for every point.
std::string map_figure(const EmbeddingMap& map, const std::vector<std::string>& classes);

}  // namespace deri
