#include "client/check_output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir {
namespace {

CheckResult Result(Status start) {
  return {"/sp", "Counts",
          {{"count", "KeyedProcess", "", "key", RestoreVerdict::kAsIs, ""},
           {"count", "KeyedProcess", "last", "value", RestoreVerdict::kIncompatible, "field \"a\" was i64, now it is i32"},
           {"gone", "", "", "", RestoreVerdict::kDropped, "the job lacks the operator"}},
          std::move(start)};
}

TEST(CheckOutputTest, PeopleSeeATableAndWhetherItStarts) {
  EXPECT_EQ(CheckText(Result(InvalidArgument("it does not fit"))),
            "OPERATOR  STATE  KIND   VERDICT       REASON\n"
            "count     (key)  key    as is\n"
            "count     last   value  incompatible  field \"a\" was i64, now it is i32\n"
            "gone      (all)         dropped       the job lacks the operator\n"
            "The job would not start from it: it does not fit\n");
  EXPECT_EQ(CheckText({"/sp", "Counts", {}, Status::Ok()}), "No keyed state, neither in the job nor in the snapshot.\nThe job would start from it.\n");
}

TEST(CheckOutputTest, ScriptsSeeTheSame) {
  const nlohmann::json shown = nlohmann::json::parse(CheckJson(Result(InvalidArgument("it does not fit"))));
  EXPECT_EQ(shown.at("starts"), false);
  EXPECT_EQ(shown.at("reason"), "it does not fit");
  EXPECT_EQ(shown.at("states").at(1),
            nlohmann::json::parse(R"({"uid":"count","operator":"KeyedProcess","state":"last","kind":"value","verdict":"incompatible",
                                      "reason":"field \"a\" was i64, now it is i32"})"));
  EXPECT_EQ(shown.at("states").at(2).at("operator"), nullptr);
  EXPECT_EQ(nlohmann::json::parse(CheckJson(Result(Status::Ok()))).at("reason"), nullptr);
}

}  // namespace
}  // namespace weir
