#include "deri/ecg/synth_report.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace deri {
namespace {

using enum Finding;
using Words = std::vector<std::string>;

std::string rounded(double value) {
  return fmt::format("{}", static_cast<int>(std::nearbyint(value)));
}

// Lower-case lead names; three or more chest leads in a row become "v4-v6".
std::string list_leads(const std::vector<std::size_t>& leads) {
  static const std::array<std::string_view, kStandardLeads> names{"i",  "ii", "iii", "avr", "avl", "avf",
                                                                  "v1", "v2", "v3",  "v4",  "v5",  "v6"};
  std::string text;
  for (std::size_t i = 0; i < leads.size(); ++i) {
    std::size_t last = i;
    while (leads[i] >= 6 && last + 1 < leads.size() && leads[last + 1] == leads[last] + 1) ++last;
    if (!text.empty()) text += ", ";
    text += names[leads[i]];
    if (last < i + 2) continue;
    text += fmt::format("-{}", names[leads[last]]);
    i = last;
  }
  return text;
}

std::string region_of(const std::vector<std::size_t>& leads) {
  const auto among = [&leads](std::initializer_list<std::size_t> group) {
    return std::count_if(leads.begin(), leads.end(), [group](std::size_t lead) {
      return std::find(group.begin(), group.end(), lead) != group.end();
    });
  };
  const bool inferior = among({1, 2, 5}) >= 2, lateral = among({0, 4, 10, 11}) >= 2,
             anterior = among({6, 7, 8, 9}) >= 2;
  if (inferior && lateral && anterior) return "most";
  if (inferior && lateral) return "inferolateral";
  if (anterior && lateral) return "anterolateral";
  if (inferior && anterior) return "inferior and anterior";
  return inferior ? "inferior" : lateral ? "lateral" : anterior ? "anterior" : "some";
}

class ReportWriter {
 public:
  explicit ReportWriter(const ReportFacts& facts)
      : facts_(facts), findings_(facts.plan.findings), rng_(mix_seed(facts.plan.seed, {fnv1a("report")})) {}

  std::string write() {
    const bool ectopic_first = rng_.chance(0.25);
    if (ectopic_first) add_ectopic_beats();
    add_rhythm();
    if (!ectopic_first) add_ectopic_beats();
    add_axis();
    const bool chambers_first = rng_.chance(0.2);
    if (chambers_first) add_hypertrophy();
    add_conduction();
    if (!chambers_first) add_hypertrophy();
    add_voltage();
    add_infarcts();
    add_st_t();
    add_qt();
    add_summary();
    return join();
  }

 private:
  bool has(Finding finding) const { return findings_.has(finding); }
  void say(std::string sentence) { sentences_.push_back(std::move(sentence)); }
  void say_one_of(const Words& words) { say(rng_.pick(words)); }

  void add_rhythm() {
    const std::string rate = rounded(facts_.rhythm.heart_rate);
    std::string sentence;
    if (has(kSr))
      sentence = rng_.pick(Words{"sinus rhythm", "sinus rhythm", "sinus rhythm", "normal sinus rhythm"});
    else if (has(kStach))
      sentence = rng_.pick(Words{"sinus tachycardia", "sinus tachycardia", "sinus rhythm, tachycardia"});
    else if (has(kSbrad))
      sentence = rng_.pick(Words{"sinus bradycardia", "sinus bradycardia", "sinus rhythm, bradycardia"});
    else if (has(kSarrh))
      sentence = rng_.pick(Words{"sinus arrhythmia", "sinus rhythm with sinus arrhythmia",
                                 "respiratory sinus arrhythmia", "sinus rhythm with irregular rate, sinus arrhythmia"});
    else if (has(kAflt))
      sentence = flutter();
    else if (has(kAfib))
      sentence = fibrillation();
    if (!sentence.empty()) {
      if (has(kAvb1) && has(kSr) && rng_.chance(0.3)) {
        sentence += rng_.pick(Words{" with first degree av block", " with 1st degree a-v block"});
        block_said_ = true;
      }
      say(sentence + rate_remark(rate));
    }
    if (has(kPace)) add_pacing(rate);
  }

  std::string rate_remark(const std::string& rate) {
    if (!rng_.chance(0.35)) return "";
    return rng_.pick(
        Words{", rate " + rate, " at " + rate + " bpm", ", heart rate " + rate, ", ventricular rate " + rate + " bpm"});
  }

  std::string flutter() {
    const int ratio = facts_.rhythm.flutter_ratio;
    if (ratio == 0)
      return rng_.pick(Words{"atrial flutter with variable block", "atrial flutter with variable av conduction",
                             "atrial flutter, varying conduction"});
    return rng_.pick(Words{"atrial flutter", fmt::format("atrial flutter with {}:1 block", ratio),
                           fmt::format("atrial flutter with {}:1 av conduction", ratio)});
  }

  std::string fibrillation() {
    const double rate = facts_.rhythm.heart_rate;
    const std::string name =
        rng_.pick(Words{"atrial fibrillation", "atrial fibrillation", "atrial fibrillation, irregular rhythm"});
    if (has(kPace) || rng_.chance(0.5)) return name;
    if (rate > 105) return name + rng_.pick(Words{" with rapid ventricular response", " with fast ventricular rate"});
    if (rate < 65) return name + rng_.pick(Words{" with slow ventricular response", " with slow ventricular rate"});
    return name + rng_.pick(Words{" with controlled ventricular response", " with moderate ventricular rate"});
  }

  void add_pacing(const std::string& rate) {
    Words words{"ventricular pacing", "ventricular paced rhythm", "pacemaker rhythm",
                "electronic ventricular pacemaker", "artificial pacemaker with ventricular capture"};
    if (facts_.rhythm.p_waves) {
      words.push_back("atrial sensed ventricular paced rhythm");
      words.push_back("pacemaker tracks the atria, ventricular pacing");
    }
    const std::string name = rng_.pick(words);
    say(has(kAfib) ? name : name + rate_remark(rate));
  }

  void add_ectopic_beats() {
    const bool atrial = has(kPac);
    if (!atrial && !has(kPvc)) return;
    const BeatKind kind = atrial ? BeatKind::kAtrialEctopic : BeatKind::kVentricularEctopic;
    const auto count = std::count_if(facts_.rhythm.beats.begin(), facts_.rhythm.beats.end(),
                                     [kind](const Beat& beat) { return beat.kind == kind; });
    const std::string_view chamber = atrial ? "atrial" : "ventricular";
    const std::string_view other = atrial ? "supraventricular" : "ventricular";
    if (count == 1) {
      say_one_of({fmt::format("premature {} contraction", chamber), fmt::format("{} premature beat", chamber),
                  fmt::format("single {} extrasystole", other), fmt::format("a premature {} complex", chamber),
                  fmt::format("isolated {} premature complex", chamber)});
      return;
    }
    say_one_of({fmt::format("premature {} contractions", chamber), fmt::format("{} premature beats", chamber),
                fmt::format("{} extrasystoles", other), fmt::format("premature {} complexes", chamber),
                fmt::format("several {} premature beats", chamber), fmt::format("{} {} extrasystoles", count, other)});
  }

  void add_axis() {
    const std::string& axis = facts_.measurements.heart_axis;
    const double u = rng_.uniform();
    if (has(kPace) && u < 0.7) return;
    if (axis == "MID" && u < 0.1) say_one_of({"normal axis", "normal qrs axis"});
    if (axis == "AXL" && u < 0.8) say_one_of({"borderline left axis deviation", "leftward axis"});
    if (axis == "AXR" && u < 0.3) say_one_of({"vertical axis", "steep axis"});
    if (axis == "LAD" && u < 0.9)
      say_one_of({"left axis deviation", "left axis deviation", "abnormal left axis deviation"});
    if (axis == "ALAD" && u < 0.9)
      say_one_of({"marked left axis deviation", "left axis deviation", "extreme left axis deviation"});
    if (axis == "RAD" && u < 0.9) say_one_of({"right axis deviation", "right axis deviation", "rightward axis"});
    if (axis == "ARAD" && u < 0.9)
      say_one_of({"marked right axis deviation", "right axis deviation", "extreme right axis deviation"});
  }

  void add_conduction() {
    const std::string pr = rounded(1000 * pr_interval(facts_.heart.pr, 60 / facts_.rhythm.mean_interval));
    if (has(kAvb1) && !block_said_)
      say_one_of({"first degree av block", "1st degree a-v block", "prolonged pr interval, first degree av block",
                  "first degree av block, pr " + pr + " ms", "av block 1st degree"});
    if (has(kClbbb))
      say_one_of({"left bundle branch block", "complete left bundle branch block", "left bundle branch block",
                  "complete lbbb"});
    if (has(kCrbbb))
      say_one_of({"right bundle branch block", "complete right bundle branch block", "right bundle branch block",
                  "complete rbbb"});
    if (has(kIrbbb))
      say_one_of({"incomplete right bundle branch block", "incomplete right bundle branch block", "incomplete rbbb",
                  "rsr' in v1, incomplete right bundle branch block"});
    if (has(kLafb))
      say_one_of({"left anterior fascicular block", "left anterior fascicular block", "left anterior hemiblock"});
    if (has(kLpfb))
      say_one_of({"left posterior fascicular block", "left posterior fascicular block", "left posterior hemiblock"});
    if (has(kWpw))
      say_one_of({"wolff-parkinson-white pattern", "ventricular pre-excitation, wpw pattern",
                  "short pr interval and delta wave, wolff-parkinson-white syndrome", "wpw syndrome, pre-excitation"});
  }

  // "probable", "possible", … as the likelihood has it; nothing when it is certain.
  std::string graded(Finding finding, const Words& certain, const std::string& name) {
    const double percent = likelihood(facts_.plan.patient, finding);
    if (percent >= 100) return rng_.pick(certain);
    if (percent >= 80) return rng_.pick(Words{"probable " + name, name + ", probable", "findings suggest " + name});
    return rng_.pick(Words{"possible " + name, name + " cannot be excluded", "consider " + name});
  }

  void add_hypertrophy() {
    const bool strain = has(kStd) || has(kInvt);
    for (const bool left : {true, false}) {
      const Finding finding = left ? kLvh : kRvh;
      if (!has(finding)) continue;
      const std::string_view side = left ? "left" : "right";
      const std::string name = fmt::format("{} ventricular hypertrophy", side);
      std::string sentence =
          graded(finding,
                 {name, name, "voltage criteria for " + name, left ? "high voltage, lvh" : "tall r waves in v1, rvh",
                  "ecg criteria for " + name},
                 name);
      if (strain && rng_.chance(0.35))
        sentence += rng_.pick(Words{fmt::format(", {} ventricular strain", side), " with strain pattern",
                                    " with secondary repolarization changes"});
      say(sentence);
    }
  }

  void add_voltage() {
    if (has(kLvolt))
      say_one_of({"low voltage", "low qrs voltage", "low limb lead voltage", "low voltage in limb and chest leads",
                  "low qrs voltages"});
  }

  void add_infarcts() {
    constexpr std::pair<Finding, std::string_view> kSites[] = {
        {kAmi, "anterior"}, {kAsmi, "anteroseptal"}, {kImi, "inferior"}, {kLmi, "lateral"}};
    for (const auto& [finding, site] : kSites) {
      if (!has(finding)) continue;
      const std::string name =
          fmt::format("{} {}", site, rng_.pick(Words{"infarct", "myocardial infarction", "infarction"}));
      say(graded(finding,
                 {name, "old " + name, name + ", age undetermined", name + ", old", "consistent with old " + name,
                  fmt::format("{} q waves, {}", rng_.pick(Words{"pathological", "significant"}), name)},
                 name));
    }
  }

  std::string place(const std::vector<std::size_t>& leads) {
    if (leads.empty()) return "";
    if (rng_.chance(0.5)) return " in " + list_leads(leads);
    return fmt::format(" in {} leads", region_of(leads));
  }

  void add_st_t() {
    const std::string st_place = place(facts_.measurements.st_depressed);
    const std::string t_place = place(facts_.measurements.t_inverted);
    if (has(kStd) && has(kInvt) && rng_.chance(0.5)) {
      say_one_of({"st depression" + st_place + " and t wave inversion" + t_place,
                  "st segments are depressed" + st_place + " and t waves inverted" + t_place});
    } else {
      if (has(kStd))
        say_one_of({"st depression" + st_place, "st segments are depressed" + st_place,
                    "non-specific st depression" + st_place, "st segment depression" + st_place});
      if (has(kInvt))
        say_one_of({"t wave inversion" + t_place, "t waves are inverted" + t_place, "inverted t waves" + t_place,
                    "negative t waves" + t_place});
    }
    if (has(kNdt))
      say_one_of({"non-specific t wave changes", "non-diagnostic t wave abnormality",
                  "t waves are flat, non-diagnostic", "non-specific t wave flattening",
                  "minor t wave changes which are non-diagnostic", "low t waves, non-specific"});
  }

  void add_qt() {
    if (has(kLngqt))
      say_one_of({"prolonged qt interval", "long qt interval", "qt prolongation",
                  "prolonged qt, consider drug effect or electrolyte disorder",
                  "prolonged qt interval, qtc " + rounded(facts_.heart.qtc * 1000) + " ms"});
  }

  void add_summary() {
    if (has(kNorm)) {
      if (has(kSr))
        say_one_of({"normal ecg", "normal ecg", "normal ecg", "within normal limits", "no definite pathology",
                    "no abnormality detected", "normal tracing"});
      else
        say_one_of({"otherwise normal ecg", "otherwise normal ecg", "otherwise within normal limits",
                    "no definite pathology"});
      return;
    }
    static const FindingSet mild{kNdt, kIrbbb, kPac, kPvc, kSr, kSarrh, kSbrad, kStach};
    const bool borderline = std::ranges::all_of(findings_.list(), [](Finding finding) { return mild.has(finding); });
    const double u = rng_.uniform();
    if (u < 0.55) return;
    if (borderline)
      say_one_of({"borderline ecg", "abnormal ecg"});
    else
      say_one_of({"abnormal ecg", "abnormal ecg", "pathological ecg"});
  }

  std::string join() {
    const bool sentences = rng_.chance(0.8);
    std::string text;
    for (const std::string& sentence : sentences_) {
      if (!text.empty()) text += sentences ? " " : "; ";
      text += sentence;
      if (sentences) text += '.';
    }
    return text;
  }

  const ReportFacts& facts_;
  const FindingSet& findings_;
  Rng rng_;
  std::vector<std::string> sentences_;
  bool block_said_ = false;
};

}  // namespace

std::string make_report(const ReportFacts& facts) {
  return ReportWriter(facts).write();
}

}  // namespace deri
