#include "client/daemon_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::AllOf;
using ::testing::IsEmpty;

TEST(DaemonSettingsTest, WhatOnlyDaemonsReadIsNamedWithItsPlace) {
  EXPECT_THAT(WarningsOfDaemonSettings({"execution.checkpointing.dir=/x", " taskmanager.numberOfTaskSlots = 4", "heartbeat.interval=1 s", "env.pid.dir=/x"}),
              ElementsAre(AllOf(HasSubstr("key=execution.checkpointing.dir at -D"), HasSubstr("weir-jobmanager")),
                          AllOf(HasSubstr("key=taskmanager.numberOfTaskSlots at -D"), HasSubstr("weir-taskmanager")),
                          AllOf(HasSubstr("key=heartbeat.interval at -D"), HasSubstr("weir-jobmanager and weir-taskmanager")),
                          AllOf(HasSubstr("key=env.pid.dir at -D"), HasSubstr("scripts"))));
}

TEST(DaemonSettingsTest, OlderSpellingsAreNamedAsTheyWereGiven) {
  EXPECT_THAT(WarningsOfDaemonSettings({"state.checkpoints.dir=/x"}), ElementsAre(HasSubstr("key=state.checkpoints.dir at -D")));
}

TEST(DaemonSettingsTest, WhatJobsBringAlongIsFine) {
  EXPECT_THAT(WarningsOfDaemonSettings({"parallelism.default=2", "execution.checkpointing.interval=1 s", "state.savepoints.dir=/x", "restart-strategy=none",
                                        "taskmanager.network.batch-rows-max=7", "jobmanager.rpc.port=1", "client.timeout=1 s", "=", "", "no.such.key=1"}),
              IsEmpty());
}

}  // namespace
}  // namespace weir
