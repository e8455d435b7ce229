#pragma once
// The table of ReportTranslator: what German and Swedish electrocardiographs and cardiologists write, and what an
// English machine prints for it.
//
// A line of the table is `phrase = English`, or a comment that begins with '#'. The longest phrase is taken first; of
// equally long ones, the first of the table.
//
// Phrases are in lower case, with ae, oe, ue, ss for umlauts and sharp s, and a for a with a ring. Blanks and hyphens
// are one: "st hebung" is also "ST-Hebung". Other signs and numbers stand as they do in reports.
//
//   [a|b c|]           one of these, or nothing
//   inferior~          with any ending of a German adjective, or none
//   unbest.            the full stop of an abbreviation may be missing
//   @site: p = e       adds a phrase to a class. @site stands for any of them, on the right for its English. A class is
//                      used below its last line, and once in a line
//   = .english.        a full stop at an end: a statement begins or ends there. Where reports have only white space
//                      between the end of one and the beginning of the next, ". " is put, as English machines do
//   !phrase = english  also where every word of the phrase is English (below), in reports that have a foreign word.
//                      Without the mark such phrases are left alone
//
// To add a phrase: put it above shorter ones of its kind, add a line to tests/text/report_translation_test.cpp. Words
// of the right side that the list below lacks go there too; a test says which.

#include <string_view>

namespace deri {

extern const std::string_view kReportPhrases;

// Words at white space: the English of ECG reports, codes, and names of drugs, which stay as they are.
extern const std::string_view kEnglishReportWords;

}  // namespace deri
