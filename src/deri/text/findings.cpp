#include "deri/text/findings.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/text/finding_phrases.hpp"
#include "deri/text/finding_tokens.hpp"
#include "deri/text/phrase_table.hpp"

namespace deri {
namespace {

using enum ReportFinding;
using Token = FindingToken;
using Match = PhraseMatch;

struct Effect {
  enum Reach { kAfter, kBefore, kNext, kNone, kBreak } reach;
  FindingStatus status = FindingStatus::kNotMentioned;
};

Effect parse_effect(const std::string& text) {
  static const std::map<std::string, Effect> kEffects{
      {"absent after", {Effect::kAfter, FindingStatus::kAbsent}},
      {"absent before", {Effect::kBefore, FindingStatus::kAbsent}},
      {"uncertain after", {Effect::kAfter, FindingStatus::kUncertain}},
      {"uncertain before", {Effect::kBefore, FindingStatus::kUncertain}},
      {"uncertain next", {Effect::kNext, FindingStatus::kUncertain}},
      {"ignore", {Effect::kNone}},
      {"break", {Effect::kBreak}},
  };
  return kEffects.at(text);
}

// No clause is longer; keeps the work linear in a text without punctuation.
constexpr std::size_t kLongestScope = 40, kLongestList = 25, kLongestJoin = 8, kLongestAge = 6;

struct ScopeWords {
  WordSet verbs = word_set(kFindingVerbs);
  WordSet age = word_set(kFindingAgeWords);
  WordSet joining = word_set(kFindingSiteWords);  // between two findings of which one cue speaks

  ScopeWords() { joining.insert({"in", "nor", "a", "an", "also", "with", "pattern"}); }
};

// Which findings the cues of a text reach.
class Scopes {
 public:
  Scopes(const std::vector<Token>& tokens, const std::vector<Match>& findings, const ScopeWords& words)
      : tokens_(tokens),
        findings_(findings),
        words_(words),
        ending_at_(tokens.size()),
        covered_(tokens.size(), false),
        breaks_(tokens.size(), false),
        cue_begins_(tokens.size(), false),
        absent_(findings.size(), false),
        uncertain_(findings.size(), false) {
    for (std::size_t i = 0; i < findings.size(); ++i) {
      ending_at_[findings[i].last()].push_back(i);
      for (const std::size_t t : findings[i].at) covered_[t] = true;
    }
  }

  void apply(const std::vector<Match>& cues, const std::vector<Effect>& effects) {
    for (const Match& cue : cues) {
      const Effect::Reach reach = effects[cue.line].reach;
      if (reach == Effect::kAfter || reach == Effect::kNext) cue_begins_[cue.first()] = true;
      if (reach == Effect::kBreak)
        for (const std::size_t t : cue.at) breaks_[t] = true;
    }
    for (const Match& cue : cues) {
      const bool in_finding = std::ranges::any_of(cue.at, [&](std::size_t t) { return covered_[t]; });
      if (!in_finding) apply(cue, effects[cue.line]);
    }
  }

  FindingStatus status(std::size_t finding) const {
    if (absent_[finding]) return FindingStatus::kAbsent;
    return uncertain_[finding] ? FindingStatus::kUncertain : FindingStatus::kPresent;
  }

 private:
  void apply(const Match& cue, const Effect& effect) {
    std::vector<bool>& marks = effect.status == FindingStatus::kAbsent ? absent_ : uncertain_;
    switch (effect.reach) {
      case Effect::kAfter:
        for (std::size_t t = cue.last() + 1, end = scope_end(cue.last() + 1); t < end; ++t)
          for (const std::size_t finding : ending_at_[t]) marks[finding] = true;
        break;
      case Effect::kNext:
        mark_next(cue, marks);
        break;
      case Effect::kBefore:
        mark_before(cue, marks);
        break;
      default:
        break;
    }
  }

  // The token that ends the clause that goes on at `begin`.
  std::size_t scope_end(std::size_t begin) const {
    const std::size_t limit = std::min(tokens_.size(), begin + kLongestScope);
    for (std::size_t t = begin; t < limit; ++t) {
      if (is_stop(tokens_[t]) || breaks_[t]) return t;
      if (is_comma(tokens_[t]) && !list_goes_on(t + 1)) return t;
      const bool conjunction = tokens_[t].text == "and" || tokens_[t].text == "with";
      if (conjunction && (cue_begins_[t + 1] || clause_begins(t + 1))) return t;
    }
    return limit;
  }

  // Whether an "or" follows a comma before any verb does.
  bool list_goes_on(std::size_t begin) const {
    const std::size_t limit = std::min(tokens_.size(), begin + kLongestList);
    for (std::size_t t = begin; t < limit && !is_stop(tokens_[t]) && !breaks_[t]; ++t) {
      if (tokens_[t].text == "or" || tokens_[t].text == "nor") return true;
      if (words_.verbs.contains(tokens_[t].text) || cue_begins_[t]) return false;
    }
    return false;
  }

  // Whether nothing but an age stands between: "infarct, age undetermined, cannot be excluded".
  bool only_age(std::size_t begin, std::size_t end) const {
    if (end - begin > kLongestAge) return false;
    return std::all_of(tokens_.begin() + static_cast<std::ptrdiff_t>(begin),
                       tokens_.begin() + static_cast<std::ptrdiff_t>(end),
                       [&](const Token& token) { return is_comma(token) || words_.age.contains(token.text); });
  }

  // Whether the words after an "and" have a verb of their own.
  bool clause_begins(std::size_t begin) const {
    const std::size_t limit = std::min(tokens_.size(), begin + kLongestList);
    for (std::size_t t = begin; t < limit && !is_stop(tokens_[t]) && !is_comma(tokens_[t]); ++t) {
      if (words_.verbs.contains(tokens_[t].text)) return true;
      if (tokens_[t].text == "and" || tokens_[t].text == "or") return false;
    }
    return false;
  }

  void mark_next(const Match& cue, std::vector<bool>& marks) {
    std::optional<std::size_t> previous;
    for (std::size_t t = cue.last() + 1, end = scope_end(cue.last() + 1); t < end; ++t) {
      if (ending_at_[t].empty()) continue;
      if (previous && !joined(*previous, ending_at_[t].front())) return;
      for (const std::size_t finding : ending_at_[t]) marks[finding] = true;
      previous = ending_at_[t].front();
    }
  }

  void mark_before(const Match& cue, std::vector<bool>& marks) {
    std::optional<std::size_t> previous;
    std::size_t t = cue.first();
    if (t > 0 && is_comma(tokens_[t - 1])) --t;
    const std::size_t limit = t > kLongestScope ? t - kLongestScope : 0;
    for (; t > limit; --t) {
      const std::size_t token = t - 1;
      if (is_stop(tokens_[token]) || breaks_[token]) return;
      if (is_comma(tokens_[token]) && !list_goes_on(token + 1) && !only_age(token + 1, cue.first())) return;
      if (ending_at_[token].empty()) continue;
      if (previous && !joined(ending_at_[token].front(), *previous)) return;
      for (const std::size_t finding : ending_at_[token]) marks[finding] = true;
      previous = ending_at_[token].front();
    }
  }

  // "a and b", "a, b or c": nothing but joining words between the two, and no verb within them.
  bool joined(std::size_t earlier, std::size_t later) const {
    const Match &a = findings_[earlier], &b = findings_[later];
    for (std::size_t t = a.first(); t <= b.last(); ++t)
      if (words_.verbs.contains(tokens_[t].text)) return false;
    if (b.first() <= a.last()) return true;
    if (b.first() - a.last() > kLongestJoin) return false;
    bool conjunction = false;
    for (std::size_t t = a.last() + 1; t < b.first(); ++t) {
      const std::string& word = tokens_[t].text;
      if (!is_comma(tokens_[t]) && !words_.joining.contains(word) && !is_lead(word)) return false;
      conjunction |= word == "and" || word == "or" || word == "/" || word == "nor";
    }
    return conjunction || is_comma(tokens_[a.last() + 1]);
  }

  const std::vector<Token>& tokens_;
  const std::vector<Match>& findings_;
  const ScopeWords& words_;
  std::vector<std::vector<std::size_t>> ending_at_;  // findings by their last token
  std::vector<bool> covered_, breaks_, cue_begins_;  // by token
  std::vector<bool> absent_, uncertain_;             // by finding
};

struct NamedFinding {
  ReportFinding finding;
  bool uncertain;
};

std::vector<NamedFinding> parse_outcome(const std::string& text) {
  std::vector<NamedFinding> named;
  if (text == "none") return named;
  for (std::string name : words_at_blanks(text)) {
    const bool uncertain = name.back() == '?';
    if (uncertain) name.pop_back();
    const auto row = std::ranges::find(report_finding_table(), name, &ReportFindingInfo::name);
    if (row == report_finding_table().end())
      throw InternalError(fmt::format("the table of findings names '{}', which is none", name));
    named.push_back({row->finding, uncertain});
  }
  return named;
}

}  // namespace

const std::array<ReportFindingInfo, kReportFindings>& report_finding_table() {
  static const std::array<ReportFindingInfo, kReportFindings> table{{
      {kSinusRhythm, "sinus_rhythm", "sinus rhythm, no rate said"},
      {kSinusBradycardia, "sinus_bradycardia", "sinus bradycardia"},
      {kSinusTachycardia, "sinus_tachycardia", "sinus tachycardia"},
      {kSinusArrhythmia, "sinus_arrhythmia", "sinus arrhythmia"},
      {kAtrialFibrillation, "atrial_fibrillation", "atrial fibrillation"},
      {kAtrialFlutter, "atrial_flutter", "atrial flutter"},
      {kSupraventricularTachycardia, "supraventricular_tachycardia", "supraventricular or atrial tachycardia"},
      {kVentricularTachycardia, "ventricular_tachycardia", "ventricular tachycardia"},
      {kJunctionalRhythm, "junctional_rhythm", "junctional rhythm of any rate"},
      {kPacedRhythm, "paced_rhythm", "pacemaker at work, or its spikes"},
      {kVentricularEctopy, "ventricular_ectopy", "premature ventricular beats, one or more"},
      {kAtrialEctopy, "atrial_ectopy", "premature atrial or other supraventricular beats"},
      {kBigeminy, "bigeminy", "bigeminy, ventricular or atrial"},
      {kTrigeminy, "trigeminy", "trigeminy, ventricular or atrial"},
      {kAvBlock1, "av_block_1", "first degree AV block, or a prolonged PR interval"},
      {kAvBlock2, "av_block_2", "second degree AV block of either type"},
      {kAvBlock3, "av_block_3", "complete AV block"},
      {kRightBundleBranchBlock, "right_bundle_branch_block", "right bundle branch block, not called incomplete"},
      {kIncompleteRightBundleBranchBlock, "incomplete_right_bundle_branch_block",
       "incomplete right bundle branch block"},
      {kLeftBundleBranchBlock, "left_bundle_branch_block", "left bundle branch block, not called incomplete"},
      {kIncompleteLeftBundleBranchBlock, "incomplete_left_bundle_branch_block", "incomplete left bundle branch block"},
      {kLeftAnteriorFascicularBlock, "left_anterior_fascicular_block", "left anterior fascicular block"},
      {kLeftPosteriorFascicularBlock, "left_posterior_fascicular_block", "left posterior fascicular block"},
      {kIntraventricularDelay, "intraventricular_delay", "intraventricular conduction delay or block, no bundle named"},
      {kPreexcitation, "preexcitation", "pre-excitation, Wolff-Parkinson-White, a delta wave"},
      {kLeftVentricularHypertrophy, "left_ventricular_hypertrophy", "left ventricular hypertrophy, or its criteria"},
      {kRightVentricularHypertrophy, "right_ventricular_hypertrophy", "right ventricular hypertrophy, or its criteria"},
      {kLeftAtrialEnlargement, "left_atrial_enlargement", "left atrial enlargement or abnormality, P mitrale"},
      {kRightAtrialEnlargement, "right_atrial_enlargement", "right atrial enlargement or abnormality, P pulmonale"},
      {kLeftAxisDeviation, "left_axis_deviation", "left axis deviation; uncertain where the axis is 'leftward'"},
      {kRightAxisDeviation, "right_axis_deviation", "right axis deviation; uncertain where the axis is 'rightward'"},
      {kLowVoltage, "low_voltage", "low QRS voltage in any leads"},
      {kHighVoltage, "high_voltage", "high QRS voltage in any leads"},
      {kAnteriorInfarct, "anterior_infarct", "infarct of the anterior wall, also anterolateral"},
      {kAnteroseptalInfarct, "anteroseptal_infarct", "infarct called anteroseptal"},
      {kSeptalInfarct, "septal_infarct", "infarct called septal"},
      {kInferiorInfarct, "inferior_infarct", "infarct of the inferior wall, also inferolateral"},
      {kLateralInfarct, "lateral_infarct", "infarct of the lateral wall, also antero- or inferolateral"},
      {kPosteriorInfarct, "posterior_infarct", "infarct of the posterior wall"},
      {kInfarct, "infarct", "infarct whose site is not said"},
      {kStElevation, "st_elevation", "ST elevation"},
      {kStDepression, "st_depression", "ST depression"},
      {kTInversion, "t_inversion", "T waves inverted, also in part"},
      {kTChange, "t_change", "T waves low, flat, biphasic or otherwise abnormal"},
      {kStTChange, "st_t_change", "ST or ST-T changes of no named kind, repolarisation changes"},
      {kIschaemia, "ischaemia", "ischaemia, ischaemic changes or heart disease"},
      {kStrain, "strain", "ventricular strain"},
      {kLongQt, "long_qt", "QT interval prolonged"},
      {kDigitalisEffect, "digitalis_effect", "effect of digitalis"},
      {kEarlyRepolarisation, "early_repolarisation", "early repolarisation"},
      {kPoorRProgression, "poor_r_progression", "poor progression of R waves"},
      {kPericarditis, "pericarditis", "pericarditis"},
      {kNormalEcg, "normal_ecg", "the ECG is normal, or otherwise normal"},
  }};
  return table;
}

const char* finding_status_name(FindingStatus status) {
  switch (status) {
    case FindingStatus::kAbsent:
      return "absent";
    case FindingStatus::kUncertain:
      return "uncertain";
    case FindingStatus::kPresent:
      return "present";
    default:
      return "not mentioned";
  }
}

void ReportFindings::note(ReportFinding finding, FindingStatus status) {
  FindingStatus& kept = of_[static_cast<std::size_t>(finding)];
  kept = std::max(kept, status);
}

std::vector<ReportFinding> ReportFindings::positive(bool present_only) const {
  std::vector<ReportFinding> found;
  for (const ReportFindingInfo& row : report_finding_table())
    if (status(row.finding) >= (present_only ? FindingStatus::kPresent : FindingStatus::kUncertain))
      found.push_back(row.finding);
  return found;
}

std::string describe(const ReportFindings& findings) {
  std::string text;
  for (const ReportFindingInfo& row : report_finding_table()) {
    const FindingStatus status = findings.status(row.finding);
    if (status == FindingStatus::kNotMentioned) continue;
    text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", status == FindingStatus::kAbsent ? "no " : "", row.name,
                        status == FindingStatus::kUncertain ? "?" : "");
  }
  return text;
}

class FindingExtractor::Tables {
 public:
  Tables() : phrases_(kFindingPhrases, kFindingGapWords, kFindingSiteWords), cues_(kFindingCues, "", "") {
    for (const std::string& outcome : phrases_.outcomes()) named_.push_back(parse_outcome(outcome));
    for (const std::string& outcome : cues_.outcomes()) effects_.push_back(parse_effect(outcome));
    for (const std::string& line : phrase_table_lines(kFindingSpellings)) {
      const auto [variants, words] = phrase_line_sides(line, ">");
      for (const std::string& variant : words_at_blanks(variants)) spellings_[variant] = words_at_blanks(words);
    }
  }

  std::vector<FindingMention> mentions(std::string_view report) const {
    const std::vector<Token> tokens = finding_tokens(report, spellings_);
    const std::vector<Match> found = phrases_.find(tokens);
    Scopes scopes(tokens, found, words_);
    scopes.apply(cues_.find(tokens), effects_);

    constexpr std::ptrdiff_t kRecent = 16;  // a phrase found in two ways is found close by
    std::vector<FindingMention> mentions;
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (const NamedFinding& named : named_[found[i].line]) {
        FindingStatus status = scopes.status(i);
        if (named.uncertain) status = std::min(status, FindingStatus::kUncertain);
        const FindingMention mention{named.finding, status, tokens[found[i].first()].begin,
                                     tokens[found[i].last()].end};
        const auto recent = mentions.end() - std::min<std::ptrdiff_t>(std::ssize(mentions), kRecent);
        if (std::find(recent, mentions.end(), mention) == mentions.end()) mentions.push_back(mention);
      }
    }
    return mentions;
  }

 private:
  PhraseTable phrases_, cues_;
  ScopeWords words_;
  std::vector<std::vector<NamedFinding>> named_;  // by line
  std::vector<Effect> effects_;                   // by line
  std::unordered_map<std::string, std::vector<std::string>> spellings_;
};

FindingExtractor::FindingExtractor() : tables_(std::make_unique<const Tables>()) {}
FindingExtractor::~FindingExtractor() = default;
FindingExtractor::FindingExtractor(FindingExtractor&&) noexcept = default;
FindingExtractor& FindingExtractor::operator=(FindingExtractor&&) noexcept = default;

std::vector<FindingMention> FindingExtractor::mentions(std::string_view report) const {
  return tables_->mentions(report);
}

ReportFindings FindingExtractor::extract(std::string_view report) const {
  ReportFindings findings;
  for (const FindingMention& mention : mentions(report)) findings.note(mention.finding, mention.status);
  return findings;
}

}  // namespace deri
