// Columns for people.
#pragma once

#include <string>
#include <vector>

namespace weir {

// Rows of cells, each column as wide as its widest cell, two spaces apart. The last one of a row is not padded.
std::string TextTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace weir
