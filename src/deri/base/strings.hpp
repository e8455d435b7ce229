#pragma once
// Words of text files. ASCII only: everything else passes through.

#include <string>
#include <string_view>

namespace deri {

// Without blanks, tabs and line ends at either end.
std::string_view trimmed(std::string_view text);

// A-Z become a-z.
std::string lower_case(std::string_view text);

bool equal_ignoring_case(std::string_view a, std::string_view b);

// Of a file's text inside a message: at most 60 bytes, control characters as '?', so that it neither upsets a terminal
// nor breaks the message into lines.
std::string shown(std::string_view text);

// The same without a limit.
std::string printable(std::string_view text);

}  // namespace deri
