// Where two job graphs differ, in words.
#pragma once

#include <string>

#include "runtime/graph/job_graph.h"

namespace weir {

// The first difference, naming the vertex where it is one of a vertex: `vertex "count" has parallelism 4, then 8`. Empty when
// they are equal. Pure.
std::string DescribeDifference(const JobGraph& first, const JobGraph& second);

}  // namespace weir
