#include "deri/text/report_translation.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "testing/testing.hpp"

#include "deri/text/report_phrases.hpp"

namespace deri {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ReportTranslator& translator() {
  static const ReportTranslator instance;
  return instance;
}

std::string english(std::string_view report) {
  return translator().translate(report).text;
}

// Translated by hand: short reports in the style of PTB-XL's.
constexpr std::pair<const char*, const char*> kByHand[] = {
    // Rhythm, axis, verdict.
    {"sinusrhythmus normales ekg", "sinus rhythm. normal ecg"},
    {"sinusrhythmus lagetyp normal normales ekg", "sinus rhythm. normal axis. normal ecg"},
    {"sinusrhythmus linkstyp sonst normales ekg", "sinus rhythm. left axis deviation. otherwise normal ecg"},
    {"sinusbradykardie rechtstyp sonst normales ekg", "sinus bradycardia. right axis deviation. otherwise normal ecg"},
    {"sinus tachykardie Überdrehter linkstyp", "sinus tachycardia. marked left axis deviation"},
    {"sinustachykardie ueberdrehter rechtstyp path. ekg",
     "sinus tachycardia. marked right axis deviation. abnormal ecg"},
    {"sinus arrhythmie steiltyp wahrscheinlich normales ekg", "sinus arrhythmia. vertical axis. probably normal ecg"},
    {"sinusarrhythmie slt grenzbefund", "sinus arrhythmia. vertical axis. borderline ecg"},
    {"sinusrhythmus llt pathologisches ekg", "sinus rhythm. left axis deviation. abnormal ecg"},
    {"sinusrhythmus mlt ekg wahrscheinlich normal", "sinus rhythm. normal axis. probably normal ecg"},
    {"sinusrhythmus rlt ekg grenzbefund", "sinus rhythm. right axis deviation. borderline ecg"},
    {"sinusrhythmus schwierig bestimmbare qrs-achse", "sinus rhythm. qrs axis difficult to determine"},
    {"sinusrhythmus lagetyp in anbetracht des alters normal", "sinus rhythm. normal axis for age"},
    {"schrittmacher ekg 4.46      unbestÄtigter bericht", "pacemaker ecg. 4.46 unconfirmed report"},
    {"sinusrhythmus normales ekg 4.46   unbestaetig", "sinus rhythm. normal ecg. 4.46 unconfirmed report"},
    {"vorhofflimmern/-flattern lagetyp normal", "atrial fibrillation/flutter. normal axis"},
    {"tachykardes vorhofflimmern linkstyp", "atrial fibrillation with rapid ventricular response. left axis deviation"},
    {"vorhofflimmern, normokard llt", "atrial fibrillation with controlled ventricular response. left axis deviation"},
    {"bradykardes vorhofflimmern ves",
     "atrial fibrillation with slow ventricular response. premature ventricular contractions"},
    {"vorhofflattern mit wechselnder Überleitung", "atrial flutter with variable conduction"},
    {"vorhofflattern mit 2:1 überleitung", "atrial flutter with 2:1 conduction"},
    {"unregelmÄssiger rhythmus, keine p-welle erkannt linkstyp",
     "irregular rhythm, no p wave found. left axis deviation"},
    {"beschleunigter av-rhythmus steiltyp", "accelerated junctional rhythm. vertical axis"},
    {"wandernder schrittmacher mlt", "wandering pacemaker. normal axis"},
    {"supraventrikulÄre tachykardie linkslagetyp", "supraventricular tachycardia. left axis deviation"},
    // Extra beats.
    {"ventrikulÄre extrasystole(n) sinusrhythmus", "premature ventricular contraction(s). sinus rhythm"},
    {"supraventrikulÄre extrasystole(n), bigeminus sinusrhythmus",
     "premature supraventricular contraction(s), bigeminy. sinus rhythm"},
    {"interponierte ventrikulÄre extrasystole(n) sinusbradykardie",
     "interpolated premature ventricular contraction(s). sinus bradycardia"},
    {"ventrikulÄre ersatzsystole(n) vorhofflimmern", "ventricular escape beat(s). atrial fibrillation"},
    {"sinusrhythmus uniforme ves ueber 5/min.", "sinus rhythm. uniform premature ventricular contractions over 5/min"},
    {"sinusrhythmus supraventr. es z.t. bigeminie",
     "sinus rhythm. premature supraventricular contractions partly bigeminy"},
    {"sinusrhythmus ventr. extrasystolen multiform", "sinus rhythm. multiform premature ventricular contractions"},
    {"sinusrhythmus vorhof-es llt", "sinus rhythm. premature atrial contractions. left axis deviation"},
    // Conduction.
    {"sinusrhythmus a-v block i linkstyp", "sinus rhythm. first degree av block. left axis deviation"},
    {"sinusrhythmus av-block 1. grades rechtsschenkelblock",
     "sinus rhythm. first degree av block. right bundle branch block"},
    {"sinusrhythmus linksschenkelblock", "sinus rhythm. left bundle branch block"},
    {"sinusrhythmus unvollstÄndiger rechtsschenkelblock sonst normales ekg",
     "sinus rhythm. incomplete right bundle branch block. otherwise normal ecg"},
    {"sinusrhythmus kompletter lsb path. ekg", "sinus rhythm. complete left bundle branch block. abnormal ecg"},
    {"sinusrhythmus part. rsb mÖglich", "sinus rhythm. possible incomplete right bundle branch block"},
    {"vollstÄndiger schenkelblock, rechts grenzbefund", "complete right bundle branch block. borderline ecg"},
    {"linksanteriorer hemiblock rechtsschenkelblock bifaszikulÄrer block",
     "left anterior fascicular block. right bundle branch block. bifascicular block"},
    {"sinusrhythmus linksposteriorer hemiblock", "sinus rhythm. left posterior fascicular block"},
    {"sinusrhythmus lahb intraventr. leitungsstoerung",
     "sinus rhythm. left anterior fascicular block. intraventricular conduction disturbance"},
    {"sinusrhythmus unspezifischer intraventrikulÄrer block", "sinus rhythm. non-specific intraventricular block"},
    {"unspezifische intraventrikulÄre leitungsstÖrung qt-verlÄngerung",
     "non-specific intraventricular conduction disturbance. prolonged qt"},
    {"sinusrhythmus mÖglicherweise wpw typ b lagetyp normal", "sinus rhythm. possible wpw type b. normal axis"},
    // Atria, voltage, hypertrophy.
    {"sinusrhythmus p-sinistrocardiale lagetyp normal", "sinus rhythm. left atrial enlargement. normal axis"},
    {"sinusrhythmus verdacht auf p-sinistrocardiale linkstyp",
     "sinus rhythm. suspected left atrial enlargement. left axis deviation"},
    {"sinusrhythmus p-dextrocardiale steiltyp", "sinus rhythm. right atrial enlargement. vertical axis"},
    {"sinusrhythmus p-verbreiterung linkstyp", "sinus rhythm. widened p wave. left axis deviation"},
    {"sinusrhythmus vorhofsueberbelastung links grenzbefund", "sinus rhythm. left atrial overload. borderline ecg"},
    {"sinusrhythmus rechte vorhofÜberlastung slt", "sinus rhythm. right atrial overload. vertical axis"},
    {"sinusrhythmus periphere niederspannung", "sinus rhythm. low limb lead voltage"},
    {"sinusrhythmus periphere low voltage normales ekg", "sinus rhythm. low limb lead voltage. normal ecg"},
    {"lagetyp normal mÄssige amplitudenkriterien f#r linkshypertrophie",
     "normal axis. moderate voltage criteria for left ventricular hypertrophy"},
    {"linkstyp linkshypertrophie mÖglich", "left axis deviation. possible left ventricular hypertrophy"},
    {"sichere lvh pathologisches ekg", "definite lvh. abnormal ecg"},
    {"rechtstyp rechtshypertrophie wahrscheinlich", "right axis deviation. probable right ventricular hypertrophy"},
    // Infarction.
    {"lagetyp normal qrs(t) abnorm    inferiorer infarkt     alter unbest.",
     "normal axis. abnormal qrs(t)    inferior infarct, age undetermined"},
    {"qrs(t) abnormal    anteroseptaler infarkt     wahrscheinlich alt",
     "abnormal qrs(t)    anteroseptal infarct, probably old"},
    {"qrs(t) abnorm    hochlateraler infarkt mÖglich", "abnormal qrs(t)    possible high lateral infarct"},
    {"qrs(t) abnorm anteriorer infarkt moegl. akut", "abnormal qrs(t) anterior infarct, possibly acute"},
    {"inferiorer myokardschaden nicht auszuschliessen", "inferior myocardial damage cannot be excluded"},
    {"anterolateraler myokardschaden möglich grenzbefund", "possible anterolateral myocardial damage. borderline ecg"},
    {"alter myokardinfarkt nicht auszuschließen", "old myocardial infarct cannot be excluded"},
    {"chronischer inferiorer infarkt mÖglich", "possible chronic inferior infarct"},
    {"anteroseptaler infarkt chronisch moeglich", "possible chronic anteroseptal infarct"},
    {"sicherer chronischer posteriorer infarkt", "definite chronic posterior infarct"},
    {"infarkt anterior subakut wahrscheinlich", "probable subacute anterior infarct"},
    {"kein hinweis auf frischen infarkt", "no evidence of recent infarct"},
    {"kein hinweis auf ischämie", "no evidence of ischaemia"},
    {"st.n. inferiorem infarkt", "status post inferior infarct"},
    {"septaler infarkt nicht auszuschliessen linkstyp", "septal infarct cannot be excluded. left axis deviation"},
    {"lateraler infarkt wahrscheinlich alt inferiorer infarkt mÖglich",
     "lateral infarct, probably old. possible inferior infarct"},
    // ST and T.
    {"unspezifisches abnormes t", "non-specific t wave abnormality"},
    {"t abnorm in anterioren ableitungen", "t wave abnormality in anterior leads"},
    {"t abnorm in hochlateralen ableitungen    inferioren ableitungen",
     "t wave abnormality in high lateral and inferior leads"},
    {"st & t abnorm, wahrscheinlich    laterale ischÄmie oder linksbelastung",
     "abnormal st & t, probably    lateral ischaemia or lv strain"},
    {"st & t abnormal, wahrscheinlich anteriore ischaemie oder linksbelastung inferiore ischaemie oder linksbelastung",
     "abnormal st & t, probably anterior ischaemia or lv strain. inferior ischaemia or lv strain"},
    {"unspezifische abnorme st-senkung", "non-specific st depression"},
    {"st-hebung in V1-V3 normales ekg", "st elevation in V1-V3. normal ecg"},
    {"diskrete st-senkung in v5,6 t neg in iii", "minimal st depression in v5,6. negative t in iii"},
    {"t-verÄnderungen in i, aVL st-senkung v4-v6", "t wave changes in i, aVL. st depression v4-v6"},
    {"flaches t in iii, hohes t in v2", "flat t in iii, tall t in v2"},
    {"t biphasisch in v2-4 grenzbefund", "biphasic t in v2-4. borderline ecg"},
    {"t flach bis neg in avl", "flat to negative t in avl"},
    {"schlechte r-progression in v1-3", "poor r progression in v1-3"},
    {"fehlende r-progression v1-v4 path. ekg", "absent r progression v1-v4. abnormal ecg"},
    {"r-s #bergang in v ableitungen nach rechts verschoben", "r-s transition zone in v leads displaced to the right"},
    {"nicht signifikantes q in ii,iii,avf", "non-significant q in ii,iii,avf"},
    {"pq-zeit verkÜrzt, u-welle in v2", "short pq interval, u wave in v2"},
    {"st-senkung in v5-6 (digitalis) kein neg. t", "st depression in v5-6 (digitalis) no negative t"},
    {"ischämie nicht nachweisbar", "ischaemia not detectable"},
    // Swedish.
    {"sinusrytm normalt ekg", "sinus rhythm. normal ecg"},
    {"sinusrytm vÄnster el-axel eljest normalt ekg", "sinus rhythm. left axis deviation. otherwise normal ecg"},
    {"fÖrmaksflimmer/-fladder extrem vÄnster el-axel", "atrial fibrillation/flutter. extreme left axis deviation"},
    {"avvikande qrs(t) fÖrlopp inferior infarkt Ålder ej bestÄmmbar",
     "abnormal qrs(t) inferior infarct, age undetermined"},
    {"st-t sÄnkning, sÅsom vid lateral ischemi eller vÄnster belastning",
     "st-t depression, consistent with lateral ischaemia or lv strain"},
    {"anterior myokardskada bÖr ÖvervÄgas", "consider anterior myocardial damage"},
    // English and German in one.
    {"sinus rhythm. normal ecg. Edit: NORM 100, schlechte QualitÄt V2",
     "sinus rhythm. normal ecg. Edit: NORM 100, poor quality V2"},
};

TEST(ReportTranslation, HundredReportsTranslatedByHand) {
  EXPECT_EQ(std::size(kByHand), 100U);
  for (const auto& [source, expected] : kByHand) {
    const TranslatedReport translated = translator().translate(source);
    EXPECT_EQ(translated.text, expected) << source;
    EXPECT_THAT(translated.unknown_words, IsEmpty()) << source;
    EXPECT_GT(translated.german, 0U) << source;
  }
}

TEST(ReportTranslation, EnglishIsLeftAsItIs) {
  for (const char* report :
       {"sinus rhythm. left axis deviation. otherwise normal ecg.", "Sinus Rhythm,  A-V block I;\tQRS(T) abnormal",
        "st abnormal. Poor R-progression in V1-3, inferior infarct - age undetermined?", "trace only requested.",
        "sinus rhythm. Edit: NORM 100, (IRBBB, LAFB) SOKOLOW 3,5", "  \n", "v1 #5, ?"}) {
    EXPECT_EQ(english(report), report);
    EXPECT_EQ(translator().translate(report).german, 0U) << report;
  }
  EXPECT_EQ(translator().translate("atrial fibrillation, v4-v6 i").words, 2U);
}

TEST(ReportTranslation, AnEnglishReportThatWasCutOffIsLeftAsItIs) {
  // "le" is also German for pulmonary embolism, "re" for right, "inf" for inferior.
  for (const char* report : {"left axis deviation. st segments are le", "low voltages in re", "consistent with inf"})
    EXPECT_EQ(english(report), report);
}

TEST(ReportTranslation, UnknownWordsAreKeptAndCounted) {
  const TranslatedReport translated =
      translator().translate("Sinusrhythmus Quietschente, linkstyp QuietschENTE xyzzy-q");
  EXPECT_EQ(translated.text, "sinus rhythm Quietschente, left axis deviation QuietschENTE xyzzy-q");
  EXPECT_EQ(translated.words, 5U);
  EXPECT_EQ(translated.german, 5U);
  EXPECT_EQ(translated.unknown, 3U);
  EXPECT_THAT(translated.unknown_words, ElementsAre("Quietschente", "QuietschENTE", "xyzzy"));
}

TEST(ReportTranslation, WordsAreCountedOneByOne) {
  const TranslatedReport translated =
      translator().translate("st & t abnorm, wahrscheinlich inferiore ischaemie in iii");
  EXPECT_EQ(translated.words, 6U);  // st, in; abnorm, wahrscheinlich, inferiore, ischaemie
  EXPECT_EQ(translated.german, 4U);
  EXPECT_EQ(translated.unknown, 0U);
}

TEST(ReportTranslation, NothingIsNothing) {
  EXPECT_EQ(translator().translate(""), TranslatedReport{});
}

TEST(ReportTranslation, UmlautsInEverySpelling) {
  for (const char* word :
       {"st-veränderung", "ST-VERÄNDERUNG", "st-verÄnderung", "st-veraenderung", "st-vera\xCC\x88nderung",
        "st-ver\xC3\x83\xC2\xA4nderung", "st-ver#nderung", "st-ver?nderung", "st-ver\xE4nderung"})
    EXPECT_EQ(english(word), "st change") << word;
  EXPECT_EQ(english("nicht auszuschließen"), english("nicht auszuschliessen"));
  EXPECT_EQ(english("#berdrehter linkstyp"), "marked left axis deviation");
  EXPECT_EQ(english("ischämie?linkstyp"), "ischaemia?left axis deviation");
}

TEST(ReportTranslation, HyphensLineBreaksAndFullStopsDoNotMatter) {
  EXPECT_EQ(english("st\n hebung"), "st elevation");
  EXPECT_EQ(english("st- hebung"), "st elevation");
  EXPECT_EQ(english("chron inferiorer infarkt"), english("chron. inferiorer infarkt"));
  EXPECT_EQ(english("linkstyp, neg.V1"), "left axis deviation, negative V1");
  EXPECT_EQ(english("ventrikuläre extrasystole(n)uniforme"), "premature ventricular contraction(s) uniform");
}

TEST(ReportTranslation, TheLongestPhraseWins) {
  EXPECT_EQ(english("linkstyp"), "left axis deviation");
  EXPECT_EQ(english("überdrehter linkstyp"), "marked left axis deviation");
  EXPECT_EQ(english("extrem überdrehter linkstyp"), "extreme left axis deviation");
}

TEST(ReportTranslation, StatementsArePartedWhereOnlyBlanksAre) {
  EXPECT_EQ(english("sinusrhythmus   linkstyp"), "sinus rhythm. left axis deviation");
  EXPECT_EQ(english("sinusrhythmus, linkstyp"), "sinus rhythm, left axis deviation");
  EXPECT_EQ(english("sinusrhythmus. linkstyp."), "sinus rhythm. left axis deviation.");
  EXPECT_EQ(english("sinusrhythmus mit linkstyp"), "sinus rhythm with left axis deviation");
}

TEST(ReportTranslation, AnyBytesAreAReport) {
  EXPECT_EQ(english("\xFF linkstyp \xC3"), "\xEF\xBF\xBD left axis deviation \xEF\xBF\xBD");
  for (const char* piece : {"a#", "#", "?a", "@site ", "linkstyp ", "inferiorer und ", "\xC3\x83", "-", "i,", "((("}) {
    std::string report;
    for (int i = 0; i < 20000; ++i) report += piece;
    EXPECT_GE(translator().translate(report).text.size(), 20000U) << piece;
  }
}

TEST(ReportTranslation, TheTableIsNoSmallOne) {
  EXPECT_GT(translator().entries(), 1000U);
  EXPECT_GT(translator().phrases(), translator().entries());
}

std::string without_classes(std::string_view words) {
  std::string kept;
  bool inside = false;
  for (const char c : words) {
    inside = c == '@' || (inside && c >= 'a' && c <= 'z');
    if (!inside) kept += c;
  }
  return kept;
}

// So that nobody looks for a typing error of the table in the translations.
TEST(ReportTranslation, TheTablesEnglishIsEnglish) {
  for (std::string_view rest = kReportPhrases; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t equals = line.rfind(" = ");
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    const TranslatedReport translated = translator().translate(without_classes(line.substr(equals + 3)));
    EXPECT_EQ(translated.unknown, 0U) << line << "\nnot in kEnglishReportWords: " << translated.unknown_words[0];
    EXPECT_TRUE(translated.german == translated.unknown) << line;
  }
}

}  // namespace
}  // namespace deri
