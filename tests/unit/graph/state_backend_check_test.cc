#include "runtime/graph/state_backend_check.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

JobGraph GraphWith(const std::string& kind) {
  JobGraph graph;
  JobVertex& vertex = graph.vertices.emplace_back();
  ChainedOperator& chained = vertex.chain.emplace_back();
  chained.name = "counter";
  chained.states = {{.name = "first", .kind = "value", .schema = "i64"}, {.name = "second", .kind = kind, .schema = ""}};
  return graph;
}

TEST(StateBackendCheckTest, RocksDbHoldsWhatIsOneValuePerKey) {
  for (const char* kind : {"value", "reducing", "aggregating"}) EXPECT_TRUE(CheckForRocksDb(GraphWith(kind)).ok()) << kind;
}

TEST(StateBackendCheckTest, ListsAndMapsAreRefusedByName) {
  for (const std::string kind : {"list", "map"}) {
    const Status status = CheckForRocksDb(GraphWith(kind));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    for (const std::string& word : {kind, std::string("operator=counter"), std::string("state=second"), std::string("hashmap")}) {
      EXPECT_NE(status.message().find(word), std::string::npos) << status.ToString();
    }
  }
}

}  // namespace
}  // namespace weir
