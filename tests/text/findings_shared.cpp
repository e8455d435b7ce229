#include <string>
#include <vector>

#include "testing/testing.hpp"
#include <fmt/format.h>

#include "deri/base/csv.hpp"
#include "deri/text/findings.hpp"
#include "deri/text/report_translation.hpp"

namespace deri {
namespace {

using enum ReportFinding;

// A code that cardiologists gave, and the finding that reports name for it.
struct Agreement {
  const char* code;
  ReportFinding finding;
  double least_recall;
  std::size_t coded = 0, both = 0, found = 0;
};

// Codes and reports are not of one hand: a machine may have overlooked what the code says. Rhythms agree nearly always,
// so there a phrase that is not understood would show.
TEST(FindingsShared, AgreeWithPtbXlsCodes) {
  std::vector<Agreement> agreements{{"'SR'", kSinusRhythm, 0.99},
                                    {"'AFIB'", kAtrialFibrillation, 0.99},
                                    {"'STACH'", kSinusTachycardia, 0.99},
                                    {"'SBRAD'", kSinusBradycardia, 0.99},
                                    {"'SARRH'", kSinusArrhythmia, 0.99},
                                    {"'PACE'", kPacedRhythm, 0.95},
                                    {"'PAC'", kAtrialEctopy, 0.98},
                                    {"'STD_'", kStDepression, 0.98},
                                    {"'INVT'", kTInversion, 0.96},
                                    {"'LVOLT'", kLowVoltage, 0.99},
                                    {"'CLBBB'", kLeftBundleBranchBlock, 0.88},
                                    {"'DIG'", kDigitalisEffect, 0.85}};
  const ReportTranslator translator;
  const FindingExtractor extractor;
  CsvReader csv(testing::shared_dir() / "data/ptbxl/all_reports.csv", {"report", "scp_codes"});
  std::vector<std::string> cells;
  while (csv.next(cells)) {
    const ReportFindings findings = extractor.extract(translator.translate(cells[csv.column("report")]).text);
    const std::string& codes = cells[csv.column("scp_codes")];
    for (Agreement& agreement : agreements) {
      const bool coded = codes.find(agreement.code) != std::string::npos;
      const bool found = findings.status(agreement.finding) >= FindingStatus::kUncertain;
      agreement.coded += coded ? 1 : 0;
      agreement.found += found ? 1 : 0;
      agreement.both += coded && found ? 1 : 0;
    }
  }
  for (const Agreement& agreement : agreements) {
    const double recall = static_cast<double>(agreement.both) / static_cast<double>(agreement.coded);
    fmt::print("{:8} {:5} coded, {:5} found, recall {:.4f}\n", agreement.code, agreement.coded, agreement.found,
               recall);
    EXPECT_GE(recall, agreement.least_recall) << agreement.code;
  }
}

}  // namespace
}  // namespace deri
