#include "deri/text/porter_stemmer.hpp"

#include <string>
#include <utility>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"

namespace deri {
namespace {

// The words by which Porter (1980) explains his rules, after all five steps; "ties" alone differs in NLTK.
constexpr std::pair<const char*, const char*> kPorter1980[] = {
    {"caresses", "caress"},
    {"ponies", "poni"},
    {"ties", "tie"},
    {"caress", "caress"},
    {"cats", "cat"},
    {"feed", "feed"},
    {"agreed", "agre"},
    {"plastered", "plaster"},
    {"bled", "bled"},
    {"motoring", "motor"},
    {"sing", "sing"},
    {"conflated", "conflat"},
    {"troubled", "troubl"},
    {"sized", "size"},
    {"hopping", "hop"},
    {"tanned", "tan"},
    {"falling", "fall"},
    {"hissing", "hiss"},
    {"fizzed", "fizz"},
    {"failing", "fail"},
    {"filing", "file"},
    {"happy", "happi"},
    {"sky", "sky"},
    {"relational", "relat"},
    {"conditional", "condit"},
    {"rational", "ration"},
    {"valenci", "valenc"},
    {"hesitanci", "hesit"},
    {"digitizer", "digit"},
    {"conformabli", "conform"},
    {"radicalli", "radic"},
    {"differentli", "differ"},
    {"vileli", "vile"},
    {"analogousli", "analog"},
    {"vietnamization", "vietnam"},
    {"predication", "predic"},
    {"operator", "oper"},
    {"feudalism", "feudal"},
    {"decisiveness", "decis"},
    {"hopefulness", "hope"},
    {"callousness", "callous"},
    {"formaliti", "formal"},
    {"sensitiviti", "sensit"},
    {"sensibiliti", "sensibl"},
    {"triplicate", "triplic"},
    {"formative", "form"},
    {"formalize", "formal"},
    {"electriciti", "electr"},
    {"electrical", "electr"},
    {"hopeful", "hope"},
    {"goodness", "good"},
    {"revival", "reviv"},
    {"allowance", "allow"},
    {"inference", "infer"},
    {"airliner", "airlin"},
    {"gyroscopic", "gyroscop"},
    {"adjustable", "adjust"},
    {"defensible", "defens"},
    {"irritant", "irrit"},
    {"replacement", "replac"},
    {"adjustment", "adjust"},
    {"dependent", "depend"},
    {"adoption", "adopt"},
    {"homologou", "homolog"},
    {"communism", "commun"},
    {"activate", "activ"},
    {"angulariti", "angular"},
    {"homologous", "homolog"},
    {"effective", "effect"},
    {"bowdlerize", "bowdler"},
    {"probate", "probat"},
    {"rate", "rate"},
    {"cease", "ceas"},
    {"controll", "control"},
    {"roll", "roll"},
    {"generalizations", "gener"},
    {"oscillators", "oscil"},
};

// What NLTK's default mode gives and the paper's algorithm does not, and words of reports.
constexpr std::pair<const char*, const char*> kNltk[] = {
    {"dies", "die"},
    {"died", "die"},
    {"dying", "die"},
    {"flies", "fli"},
    {"spied", "spi"},
    {"enjoy", "enjoy"},
    {"enjoyment", "enjoy"},
    {"spy", "spi"},
    {"as", "as"},
    {"ed", "ed"},
    {"is", "is"},
    {"news", "news"},
    {"geology", "geolog"},
    {"theology", "theolog"},
    {"playfully", "play"},
    {"emotionally", "emot"},
    {"yyy", "yyy"},
    {"syzygy", "syzygi"},
    {"oxen", "oxen"},
    {"eed", "eed"},
    {"ing", "ing"},
    {"innings", "inning"},
    {"proceed", "proceed"},
    {"Éclairs", "éclair"},
    {"naïvely", "naïv"},
    {"arrhythmias", "arrhythmia"},
    {"ischaemic", "ischaem"},
    {"depressed", "depress"},
    {"inverted", "invert"},
    {"infarction", "infarct"},
    {"undetermined", "undetermin"},
};

TEST(PorterStemmer, StemsThePapersExamples) {
  for (const auto& [word, stem] : kPorter1980) EXPECT_EQ(porter_stem(word), stem) << word;
}

TEST(PorterStemmer, HasNltksChanges) {
  for (const auto& [word, stem] : kNltk) EXPECT_EQ(porter_stem(word), stem) << word;
}

TEST(PorterStemmer, EqualsTheReferenceFigures) {
  const Json pairs = load_json(testing::parity_dir() / "metrics_parity.json").at("report_metrics");
  std::size_t words = 0;
  for (const Json& pair : pairs) {
    std::string word;
    std::vector<std::string> stems;
    for (const char c : pair.at("reference").get<std::string>() + " ") {
      if (c >= 'a' && c <= 'z') {
        word += c;
      } else if (!word.empty()) {
        stems.push_back(word.size() > 3 ? porter_stem(word) : word);
        word.clear();
      }
    }
    EXPECT_EQ(stems, pair.at("stems").get<std::vector<std::string>>());
    words += stems.size();
  }
  EXPECT_GT(words, 40U);
}

TEST(PorterStemmer, TakesAnyBytes) {
  EXPECT_EQ(porter_stem(""), "");
  EXPECT_EQ(porter_stem("S"), "s");
  EXPECT_EQ(porter_stem("yyyyyyyy"), "yyyyyyyi");
  EXPECT_EQ(porter_stem("\xff\xff"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(porter_stem("12leads"), "12lead");
  EXPECT_EQ(porter_stem(std::string(3, '\0')), std::string(3, '\0'));
  EXPECT_EQ(porter_stem(std::string(300000, 'y') + "ational").size(), 300000U);
}

}  // namespace
}  // namespace deri
