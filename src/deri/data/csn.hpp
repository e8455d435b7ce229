#pragma once
// Chapman-Shaoxing-Ningbo (PhysioNet "ecg-arrhythmia", or the same records of the PhysioNet/CinC challenge 2021) into a
// Store.

#include <filesystem>
#include <string>

#include "deri/data/prepare.hpp"
#include "deri/data/splits.hpp"

namespace deri {

// How a record's SNOMED codes become labels of the set "csn".
enum class CsnLabels {
  kExact,      // a label for its own code
  kPublished,  // a label wherever its name occurs in the diagnosis, as in the published benchmark: see snomed.hpp
};

// "exact" or "published". Throws Error for another text.
CsnLabels parse_csn_labels(const std::string& text);

struct CsnOptions {
  SplitChoice splits = {};
  CsnLabels labels = CsnLabels::kExact;
};

// Reads every WFDB header (*.hea) below `source`, with its .mat, in the byte order of their paths: leads in
// standard_leads() order, 500 Hz, 10 s. A record's id is its file name (JS00001). The archive has no reports, and no
// patients: as published, each record is a patient of its own. A record without any of the 38 labels is in the store
// and not in the set.
//
// Split. strict: 20 % test, 8 % validation by hash of the file name: the same on every machine, whatever is missing. A
// folder of split files goes by the file name in ecg_path. published has no rule that the archive would let one repeat:
// it needs the files, and says so.
//
// Throws Error as prepare_store() does.
PrepareSummary prepare_csn(const std::filesystem::path& source, const std::filesystem::path& out,
                           const PrepareOptions& options = {}, const CsnOptions& csn = {});

}  // namespace deri
