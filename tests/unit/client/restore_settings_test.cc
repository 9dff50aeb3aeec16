#include "client/restore_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

StatusOr<RestoreSettings> Resolve(const RunOptions& options, const std::vector<std::string>& properties = {}) {
  return ResolveRestore(*Configuration::Parse("", "", properties), options);
}

TEST(RestoreSettingsTest, TheCommandLineCountsMoreThanTheConfiguration) {
  const std::vector<std::string> configured = {"execution.state-recovery.path=/configured", "execution.state-recovery.claim-mode=claim",
                                               "execution.state-recovery.ignore-unclaimed-state=true"};
  const RestoreSettings from_configuration = *Resolve({}, configured);
  EXPECT_EQ(from_configuration.path, "/configured");
  EXPECT_TRUE(from_configuration.claim && from_configuration.allow_non_restored_state);
  RunOptions options;
  options.from_savepoint = "/given";
  options.claim = false;
  EXPECT_EQ(Resolve(options, configured)->path, "/given");
  EXPECT_FALSE(Resolve(options, configured)->claim);
}

TEST(RestoreSettingsTest, HowToStartFromNothingIsRefused) {
  RunOptions allow;
  allow.allow_non_restored_state = true;
  RunOptions claim;
  claim.claim = true;
  RunOptions no_claim;
  no_claim.claim = false;
  for (const auto& [options, named] : {std::pair(allow, "--allow-non-restored-state"), std::pair(claim, "--claim-mode"), std::pair(no_claim, "--claim-mode")}) {
    const StatusOr<RestoreSettings> refused = Resolve(options);
    ASSERT_FALSE(refused.ok()) << named;
    EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(refused.status().message(), ::testing::HasSubstr(named));
    EXPECT_TRUE(Resolve(options, {"execution.state-recovery.path=/configured"}).ok()) << named;
  }
}

TEST(RestoreSettingsTest, DefaultsOfTheConfigurationNeedNoPath) {
  const StatusOr<RestoreSettings> restore = Resolve({}, {"execution.state-recovery.claim-mode=claim", "execution.state-recovery.ignore-unclaimed-state=true"});
  ASSERT_TRUE(restore.ok()) << restore.status().ToString();
  EXPECT_EQ(restore->path, "");
}

}  // namespace
}  // namespace weir
