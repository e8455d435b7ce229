#include "deri/ecg/aecg.hpp"

#include <cmath>
#include <functional>

#include "testing/testing.hpp"
#include <fmt/format.h>

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string code(const std::string& value) {
  return fmt::format("<code code=\"{}\" codeSystem=\"2.16.840.1.113883.6.24\"/>", value);
}

std::string lead(const std::string& name, const std::string& digits,
                 const std::string& scale = "value=\"5\" unit=\"uV\"",
                 const std::string& origin = "value=\"0\" unit=\"uV\"", const std::string& type = "SLIST_PQ") {
  return fmt::format(
      "<component><sequence>{}<value xsi:type=\"{}\"><origin {}/><scale {}/><digits>{}</digits></value></sequence>"
      "</component>",
      code("MDC_ECG_LEAD_" + name), type, origin, scale, digits);
}

std::string times(const std::string& increment = "value=\"0.002\" unit=\"s\"",
                  const std::string& kind = "TIME_ABSOLUTE") {
  return fmt::format(
      "<component><sequence>{}<value xsi:type=\"GLIST_TS\"><head value=\"20021122091000\"/><increment {}/></value>"
      "</sequence></component>",
      code(kind), increment);
}

std::string set(const std::string& sequences) {
  return fmt::format("<component><sequenceSet>{}</sequenceSet></component>", sequences);
}

// A file of one series, every part of which a test can change.
struct File {
  std::string kind = "RHYTHM";
  std::string sequences = times() + lead("I", "1 -2 3") + lead("AVF", "4 5 6");
  std::string more_sets;
  std::string series_extra;
  std::string before, after;  // within the root element

  std::string series() const {
    return fmt::format("<component><series>{}{}{}{}</series></component>", code(kind), set(sequences), more_sets,
                       series_extra);
  }
  std::string text() const {
    return fmt::format(
        "<?xml version=\"1.0\"?><AnnotatedECG xmlns=\"urn:hl7-org:v3\" "
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{}{}{}</AnnotatedECG>",
        before, series(), after);
  }
};

Recording parse(const File& file, const ReadOptions& options = {}) {
  return parse_aecg(file.text(), "x.xml", options);
}

File with(const std::function<void(File&)>& change) {
  File file;
  change(file);
  return file;
}

Recording of_sequences(const std::string& sequences) {
  return parse(with([&](File& f) { f.sequences = sequences; }));
}

TEST(Aecg, ReadsLeadsUnitsAndRate) {
  const Recording recording = parse({});
  EXPECT_EQ(recording.format, "HL7 aECG");
  EXPECT_EQ(recording.source, "x.xml");
  EXPECT_DOUBLE_EQ(recording.rate, 500);
  ASSERT_EQ(recording.leads.size(), 2U);
  EXPECT_EQ(recording.leads[0].name, "I");
  EXPECT_EQ(recording.leads[1].name, "aVF");
  EXPECT_THAT(recording.leads[0].samples, ElementsAre(0.005F, -0.01F, 0.015F));
  EXPECT_EQ(recording.leads[0].unit, "mV");
  EXPECT_THAT(recording.notes, IsEmpty());
}

TEST(Aecg, OriginScaleAndUnitsAreApplied) {
  const auto samples = [](const std::string& scale, const std::string& origin, const std::string& type = "SLIST_PQ") {
    return of_sequences(times() + lead("V1", "2\n -4\t6.5", scale, origin, type)).leads[0].samples;
  };
  EXPECT_THAT(samples("value=\"0.5\" unit=\"mV\"", "value=\"1\" unit=\"mV\""), ElementsAre(2, -1, 4.25F));
  EXPECT_THAT(samples("value=\"0.5\" unit=\"mV\"", "value=\"1000\" unit=\"uV\""), ElementsAre(2, -1, 4.25F));
  EXPECT_THAT(samples("value=\"1\" unit=\"V\"", "value=\"0\""), ElementsAre(2000, -4000, 6500));
  EXPECT_THAT(samples("value=\"-1e3\" unit=\"nV\"", "value=\"0\"", "SLIST_INT"),
              ElementsAre(-0.002F, 0.004F, -0.0065F));
}

TEST(Aecg, LeadsThatAreNoVoltagesKeepTheirUnit) {
  const Recording recording = of_sequences(times() + lead("RESP", "2 3", "value=\"0.5\" unit=\"Ohm\""));
  EXPECT_EQ(recording.leads[0].unit, "Ohm");
  EXPECT_THAT(recording.leads[0].samples, ElementsAre(1, 1.5F));
}

TEST(Aecg, RateFollowsFromTheIncrement) {
  const auto rate = [](const std::string& increment) { return of_sequences(times(increment) + lead("I", "1")).rate; };
  EXPECT_DOUBLE_EQ(rate("value=\"0.001\" unit=\"s\""), 1000);
  EXPECT_DOUBLE_EQ(rate("value=\"4\" unit=\"ms\""), 250);
  EXPECT_DOUBLE_EQ(rate("value=\"2000\" unit=\"us\""), 500);
  EXPECT_DOUBLE_EQ(rate("value=\"3.90625\" unit=\"ms\""), 256);
  EXPECT_DOUBLE_EQ(of_sequences(times("value=\"2\" unit=\"ms\"", "TIME_RELATIVE") + times() + lead("I", "1")).rate,
                   500);
}

TEST(Aecg, LimbLeadsAreDerived) {
  const Recording recording = of_sequences(times() + lead("I", "2 2") + lead("II", "6 8"));
  ASSERT_EQ(recording.leads.size(), 6U);
  EXPECT_THAT(recording.find("III")->samples, ElementsAre(0.02F, 0.03F));
  EXPECT_THAT(recording.notes, ElementsAre(HasSubstr("III, aVR, aVL, aVF of the rhythm series computed")));
}

TEST(Aecg, NullFlavorsAreMissingSamples) {
  const std::string null_lead =
      fmt::format("<component><sequence>{}<value xsi:type=\"SLIST_PQ\" nullFlavor=\"NAV\"/></sequence></component>",
                  code("MDC_ECG_LEAD_V2"));
  const Recording recording = of_sequences(times() + null_lead + lead("V1", "1 NI 3 UNK"));
  ASSERT_EQ(recording.leads.size(), 2U);
  EXPECT_TRUE(std::isnan(recording.leads[0].samples[0]));
  ASSERT_EQ(recording.leads[0].samples.size(), 4U);
  EXPECT_FLOAT_EQ(recording.leads[1].samples[0], 0.005F);
  EXPECT_TRUE(std::isnan(recording.leads[1].samples[1]));
  EXPECT_TRUE(std::isnan(recording.leads[1].samples[3]));
  EXPECT_THAT(recording.notes, ElementsAre(HasSubstr("lead V2 of the rhythm series is marked as not there")));
}

TEST(Aecg, OtherSequencesAreNoted) {
  const std::string other =
      "<component><sequence><code code=\"MDC_PRESS\"/><value xsi:type=\"SLIST_PQ\"/></sequence></component>";
  EXPECT_THAT(of_sequences(times() + other + lead("I", "1")).notes, ElementsAre(HasSubstr("'MDC_PRESS'")));
}

TEST(Aecg, TakesTheRhythmAndTheBeat) {
  File beat;
  beat.kind = "REPRESENTATIVE_BEAT";
  beat.sequences = times("value=\"1\" unit=\"ms\"") + lead("I", "7 8");
  const std::string derived = fmt::format("<derivation><derivedSeries>{}{}</derivedSeries></derivation>",
                                          code("REPRESENTATIVE_BEAT"), set(beat.sequences));
  for (const File& file :
       {with([&](File& f) { f.series_extra = derived; }), with([&](File& f) { f.before = beat.series(); })}) {
    const Recording recording = parse(file);
    EXPECT_EQ(recording.length(), 3U);
    ASSERT_TRUE(recording.median);
    EXPECT_DOUBLE_EQ(recording.median->rate, 1000);
    EXPECT_THAT(recording.median->leads[0].samples, ElementsAre(0.035F, 0.04F));
  }
  EXPECT_THAT(parse(with([](File& f) { f.after = f.series(); })).notes, ElementsAre(HasSubstr("2 rhythm series")));
}

TEST(Aecg, ReadsSubjectTimesAndStatements) {
  const std::string subject =
      "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>"
      "<id root=\"1.2\" extension=\"SBJ-1\"/><subjectDemographicPerson><administrativeGenderCode code=\"F\"/>"
      "<birthTime value=\"19531123\"/></subjectDemographicPerson></trialSubject></subject></subjectAssignment>"
      "</componentOf></timepointEvent></componentOf>";
  const std::string reported =
      "<controlVariable><relatedObservation><code code=\"21612-7\"/><value value=\"44\" unit=\"a\"/>"
      "</relatedObservation></controlVariable>";
  const auto filter = [](const char* kind, const char* property, const char* value) {
    return fmt::format(
        "<controlVariable><controlVariable>{}<component><controlVariable>{}<value {}/></controlVariable></component>"
        "</controlVariable></controlVariable>",
        code(fmt::format("MDC_ECG_CTL_VBL_ATTR_FILTER_{}", kind)),
        code(fmt::format("MDC_ECG_CTL_VBL_ATTR_FILTER_{}", property)), value);
  };
  const auto annotation = [](const std::string& kind, const std::string& value, const std::string& inner = "") {
    return fmt::format("<component><annotation>{}{}{}</annotation></component>", code(kind), value, inner);
  };
  File file;
  file.before = "<effectiveTime><center value=\"2001\"/></effectiveTime>" + subject + reported +
                "<pertainsTo><subjectFindingComment><text>Felt dizzy</text></subjectFindingComment></pertainsTo>";
  file.series_extra =
      "<effectiveTime><low value=\"20021122091000.000-0500\"/></effectiveTime>" +
      filter("LOW_PASS", "CUTOFF_FREQ", "value=\"150\" unit=\"Hz\"") +
      filter("HIGH_PASS", "CUTOFF_FREQ", "value=\"0.05\" unit=\"Hz\"") +
      filter("NOTCH", "NOTCH_FREQ", "value=\"60\" unit=\"bpm\"") + "<subjectOf><annotationSet>" +
      annotation("MDC_ECG_RHY", "<value code=\"MDC_ECG_RHY_SINUS_RHY\" displayName=\"Sinus Rhythm\"/>") +
      annotation("MDC_ECG_BEAT", "<value code=\"MDC_ECG_BEAT_NORMAL\"/>") +
      annotation(
          "MDC_ECG_INTERPRETATION", "",
          annotation("MDC_ECG_INTERPRETATION_STATEMENT", "<value xsi:type=\"ST\">Left axis\n deviation</value>") +
              annotation("MDC_ECG_INTERPRETATION_COMMENT", "<value>Unconfirmed</value>")) +
      "</annotationSet></subjectOf>";
  const Recording recording = parse(file);
  EXPECT_EQ(recording.patient.id, "SBJ-1");
  EXPECT_EQ(recording.patient.sex, "female");
  EXPECT_EQ(recording.patient.age, 48);  // a day short of 49
  EXPECT_EQ(recording.recorded_at, "2002-11-22T09:10:00");
  EXPECT_THAT(recording.statements, ElementsAre("Sinus Rhythm", "Left axis? deviation"));
  EXPECT_THAT(recording.comments, ElementsAre("Unconfirmed", "Felt dizzy"));
  EXPECT_EQ(recording.filters.low_pass, 150);
  EXPECT_EQ(recording.filters.high_pass, 0.05);
  EXPECT_FALSE(recording.filters.notch);
  EXPECT_THAT(recording.notes, ElementsAre(HasSubstr("age reported is 44")));

  EXPECT_EQ(parse(with([&](File& f) { f.before = reported; })).patient.age, 44);
  EXPECT_EQ(parse(with([&](File& f) { f.before = "<effectiveTime value=\"200211\"/>"; })).recorded_at, "2002-11");
}

TEST(Aecg, PrefixesDoNotMatter) {
  const std::string text =
      "<h:AnnotatedECG xmlns:h=\"urn:hl7-org:v3\" xmlns:x=\"http://www.w3.org/2001/XMLSchema-instance\"><h:component>"
      "<h:series><h:code code=\"RHYTHM\"/><h:component><h:sequenceSet><h:component><h:sequence>"
      "<h:code code=\"TIME_RELATIVE\"/><h:value x:type=\"h:GLIST_PQ\"><h:increment value=\"1\" unit=\"ms\"/></h:value>"
      "</h:sequence></h:component><h:component><h:sequence><h:code code=\"MDC_ECG_LEAD_V6\"/>"
      "<h:value x:type=\"h:SLIST_PQ\"><h:scale value=\"1\" unit=\"mV\"/><h:digits>1 2</h:digits></h:value></h:sequence>"
      "</h:component></h:sequenceSet></h:component></h:series></h:component></h:AnnotatedECG>";
  const Recording recording = parse_aecg(text, "x");
  EXPECT_DOUBLE_EQ(recording.rate, 1000);
  EXPECT_THAT(recording.find("V6")->samples, ElementsAre(1, 2));
}

TEST(Aecg, RefusesWhatIsDamagedOrNotRead) {
  const auto sequences = [](const std::string& text) { return with([&](File& f) { f.sequences = text; }).text(); };
  std::string many = times() + lead("I", std::string(200000, ' ').replace(0, 1, "1"));
  for (int i = 0; i < 2000; ++i)
    many += fmt::format("<component><sequence>{}<value nullFlavor=\"NI\"/></sequence></component>",
                        code(fmt::format("MDC_ECG_LEAD_X{}", i)));
  std::string digits;
  for (int i = 0; i < 40000; ++i) digits += "1 ";
  many.replace(many.find("<digits>") + 8, 1, digits);
  const std::vector<std::pair<std::string, const char*>> cases{
      {"", "not well-formed"},
      {File().text().substr(0, 600), "not well-formed"},
      {"<RestingECG/>", "'RestingECG' where 'AnnotatedECG'"},
      {"<AnnotatedECG/>", "no series"},
      {with([](File& f) { f.kind = "OTHER"; }).text(), "no series of code RHYTHM; the first is 'OTHER'"},
      {with([](File& f) { f.more_sets = set(f.sequences); }).text(), "the rhythm series comes in 2 pieces"},
      {"<AnnotatedECG><component><series><code code=\"RHYTHM\"/></series></component></AnnotatedECG>",
       "no sequenceSet"},
      {sequences(lead("I", "1")), "no time sequence"},
      {sequences(times()), "has no leads"},
      {sequences(times("value=\"x\" unit=\"s\"") + lead("I", "1")), "the time increment is 'x'"},
      {sequences(times("value=\"0\" unit=\"s\"") + lead("I", "1")), "increment of 0 s"},
      {sequences(times("value=\"-2\" unit=\"ms\"") + lead("I", "1")), "increment of -2 ms"},
      {sequences(times("value=\"1e-300\" unit=\"s\"") + lead("I", "1")), "makes no sense"},
      {sequences(times("value=\"1\" unit=\"h\"") + lead("I", "1")), "increment is in 'h'"},
      {sequences(times() + times("value=\"1\" unit=\"ms\"") + lead("I", "1")), "two time sequences give 500 and 1000"},
      {sequences("<component><sequence>" + code("TIME_ABSOLUTE") + "</sequence></component>"), "has no increment"},
      {sequences(times() + lead("I", "1 2") + lead("II", "1")), "lead II has 1 samples"},
      {sequences(times() + lead("I", "1") + lead("i", "1")), "lead I appears twice"},
      {sequences(times() + lead("I", "")), "has no samples"},
      {sequences(times() + lead("I", "1 2,5")), "'2,5' among the digits of lead I"},
      {sequences(times() + lead("I", "1 nan")), "'nan' among the digits of lead I"},
      {sequences(times() + lead("I", "1 &lol; 2")), "'&lol;' among the digits of lead I"},
      {sequences(times() + lead("I", "1", "value=\"x\" unit=\"uV\"")), "the scale of lead I is 'x'"},
      {sequences(times() + lead("I", "1", "value=\"0\" unit=\"uV\"")), "scale of 0"},
      {sequences(times() + lead("I", "1", "value=\"1\"")), "does not say its unit"},
      {sequences(times() + lead("I", "1", "value=\"1\" unit=\"mV\"", "value=\"y\"")), "the origin of lead I is 'y'"},
      {sequences(times() + lead("I", "1", "value=\"1\" unit=\"mV\"", "value=\"1\" unit=\"s\"")), "origin in 's'"},
      {sequences(times() + lead("I", "1", "value=\"1\" unit=\"mV\"", "value=\"0\"", "GLIST_PQ")), "type 'GLIST_PQ'"},
      {sequences(times() + "<component><sequence>" + code("MDC_ECG_LEAD_I") + "</sequence></component>"), "type ''"},
      {sequences(times() + lead("", "1")), "without a name"},
      {sequences(many), "2001 leads of 40000 samples"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(message);
    EXPECT_DERI_ERROR(parse_aecg(text, "x.xml"), AllOf(StartsWith("x.xml: "), HasSubstr(message)));
  }
}

TEST(Aecg, EntitiesStayWhatTheyAre) {
  const std::string bomb =
      "<!DOCTYPE AnnotatedECG [<!ENTITY a \"1 1 1 1\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY f SYSTEM "
      "\"file:///etc/passwd\">]>";
  std::string text = with([](File& f) { f.sequences = times() + lead("I", "&b;"); }).text();
  text.insert(text.find("<AnnotatedECG"), bomb);
  EXPECT_DERI_ERROR(parse_aecg(text, "x"), HasSubstr("'&b;' among the digits"));
}

TEST(Aecg, SamplesBeyondFloatAreMissing) {
  EXPECT_TRUE(std::isnan(of_sequences(times() + lead("I", "1e300 1")).leads[0].samples[0]));
}

}  // namespace
}  // namespace deri
