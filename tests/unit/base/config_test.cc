#include "base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "base/options.h"
#include "tests/unit/base/temporary_directory.h"

namespace weir {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Configuration Load(std::string_view yaml, const std::vector<std::string>& properties = {}) {
  StatusOr<Configuration> configuration = Configuration::Parse(yaml, "f.yaml", properties);
  EXPECT_TRUE(configuration.ok()) << configuration.status().ToString();
  return configuration.ok() ? *configuration : Configuration();
}

std::string ErrorOf(std::string_view yaml, const std::vector<std::string>& properties = {}) {
  const StatusOr<Configuration> configuration = Configuration::Parse(yaml, "f.yaml", properties);
  EXPECT_EQ(configuration.status().code(), StatusCode::kInvalidArgument) << yaml;
  return configuration.status().message();
}

TEST(ConfigurationTest, NothingSetMeansTheDefaults) {
  const Configuration configuration = Load("");
  EXPECT_EQ(configuration.Get(options::kJobManagerRpcAddress), "localhost");
  EXPECT_EQ(configuration.Get(options::kJobManagerRpcPort), 6123);
  EXPECT_EQ(configuration.Get(options::kTaskManagerMemoryProcessSize), MemorySize{1728ll << 20});
  EXPECT_EQ(configuration.Get(options::kTaskManagerSlotThreading), SlotThreading::kSlot);
  EXPECT_EQ(configuration.Get(options::kPipelineMaxParallelism), std::nullopt);
  EXPECT_EQ(configuration.Get(options::kHeartbeatTimeout), milliseconds(10'000));
  EXPECT_EQ(configuration.Get(options::kRestartStrategyType), RestartStrategyType::kExponentialDelay);
  EXPECT_DOUBLE_EQ(configuration.Get(options::kRestartStrategyExponentialDelayBackoffMultiplier), 1.5);
  EXPECT_THAT(configuration.Get(options::kIoTmpDirs), ElementsAre("/tmp"));
  EXPECT_EQ(configuration.Get(options::kEnvLogLevel), LogLevel::kInfo);
  EXPECT_EQ(configuration.Get(options::kMetricsReporterPromPort), (PortRange{{{9249, 9260}}}));
  EXPECT_EQ(Configuration().Get(options::kJobManagerRpcPort), 6123);
  EXPECT_FALSE(configuration.IsSet("jobmanager.rpc.port"));
  EXPECT_THAT(configuration.warnings(), IsEmpty());
}

TEST(ConfigurationTest, EveryDefaultIsValid) {
  const Configuration configuration;
  EXPECT_GE(configuration.Entries().size(), 40u);
  for (const OptionInfo* info : options::All()) {
    if (info->default_text.empty()) continue;
    const Status status = CheckValue(*info, info->default_text);
    EXPECT_TRUE(status.ok()) << info->key << ": " << status.message();
  }
}

TEST(ConfigurationTest, FlatAndNestedKeysAreEqual) {
  const Configuration configuration = Load(
      "jobmanager:\n  rpc:\n    address: host1\n    port: 7000\n  bind-host: 0.0.0.0\n"
      "parallelism.default: 4\nheartbeat.interval: 2 s\ntaskmanager.numberOfTaskSlots: \"3\"\n");
  EXPECT_EQ(configuration.Get(options::kJobManagerRpcAddress), "host1");
  EXPECT_EQ(configuration.Get(options::kJobManagerRpcPort), 7000);
  EXPECT_EQ(configuration.Get(options::kJobManagerBindHost), "0.0.0.0");
  EXPECT_EQ(configuration.Get(options::kParallelismDefault), 4);
  EXPECT_EQ(configuration.Get(options::kHeartbeatInterval), milliseconds(2000));
  EXPECT_EQ(configuration.Get(options::kTaskManagerNumberOfTaskSlots), 3);
  EXPECT_TRUE(configuration.IsSet("jobmanager.rpc.port"));
}

TEST(ConfigurationTest, ArgumentsOverrideTheFileAndTheLastOneWins) {
  const Configuration configuration =
      Load("parallelism.default: 4\nstate.checkpoints.dir: /file\n",
           {"parallelism.default=5", "parallelism.default = 6", "execution.checkpointing.dir=/arg=x"});
  EXPECT_EQ(configuration.Get(options::kParallelismDefault), 6);
  EXPECT_EQ(configuration.Get(options::kExecutionCheckpointingDir), "/arg=x");
}

TEST(ConfigurationTest, OlderSpellingsAreReadUnlessTheNewerOneIsThere) {
  Configuration configuration = Load("state.checkpoints.num-retained: 3\nrestart-strategy: off\nstate.backend: filesystem\n");
  EXPECT_EQ(configuration.Get(options::kExecutionCheckpointingNumRetained), 3);
  EXPECT_EQ(configuration.Get(options::kRestartStrategyType), RestartStrategyType::kNone);
  EXPECT_EQ(configuration.Get(options::kStateBackendType), StateBackendType::kHashMap);
  EXPECT_EQ(Load("state.backend: rocksdb\n").Get(options::kStateBackendType), StateBackendType::kRocksDb);
  EXPECT_THAT(configuration.warnings(), IsEmpty());

  const std::string newer = "execution.checkpointing.dir: /new\n";
  const std::string older = "state.checkpoints.dir: /old\n";
  const std::string oldest = "state.backend.fs.checkpointdir: /oldest\n";
  EXPECT_EQ(Load(newer + older + oldest).Get(options::kExecutionCheckpointingDir), "/new");
  EXPECT_EQ(Load(oldest + older + newer).Get(options::kExecutionCheckpointingDir), "/new");
  EXPECT_EQ(Load(oldest + older).Get(options::kExecutionCheckpointingDir), "/old");
  EXPECT_EQ(Load(older + oldest).Get(options::kExecutionCheckpointingDir), "/old");
  EXPECT_EQ(Load(newer, {"state.checkpoints.dir=/arg"}).Get(options::kExecutionCheckpointingDir), "/arg");
  EXPECT_EQ(Load("state.storage.fs.memory-threshold: 1kb\n").Get(options::kExecutionCheckpointingDataInlineThreshold),
            MemorySize{1024});
}

TEST(ConfigurationTest, DirectoriesBelowTheTemporaryOneFollowIt) {
  EXPECT_EQ(Load("").Get(options::kExecutionCheckpointingDir), "/tmp/weir-checkpoints");
  EXPECT_EQ(Load("io.tmp.dirs: /a,/b\n").Get(options::kExecutionCheckpointingDir), "/a/weir-checkpoints");
  EXPECT_EQ(Load("io.tmp.dirs: [/a, /b]\nenv.pid.dir: ${io.tmp.dirs}/pid").Get(options::kEnvPidDir), "/a/pid");
  EXPECT_THAT(Load("io.tmp.dirs: \"/a | /b:/c\"\n").Get(options::kIoTmpDirs), ElementsAre("/a", "/b", "/c"));
}

TEST(ConfigurationTest, MinusOneMeansNotSetWhereFlinkSaysSo) {
  EXPECT_EQ(Load("pipeline.max-parallelism: -1\n").Get(options::kPipelineMaxParallelism), std::nullopt);
  EXPECT_EQ(Load("pipeline.max-parallelism: 128\n").Get(options::kPipelineMaxParallelism), 128);
  EXPECT_EQ(Load("pipeline.max-parallelism: 128\n", {"pipeline.max-parallelism=-1"}).Get(options::kPipelineMaxParallelism),
            std::nullopt);
}

TEST(ConfigurationTest, ErrorsNameFileLineKeyValueAndExpectation) {
  EXPECT_EQ(ErrorOf("\n\nheartbeat:\n  interval: 10 parsecs\n"),
            "bad configuration value, at f.yaml:4 key=heartbeat.interval value=\"10 parsecs\": expected a duration: a number "
            "and one of d, h, min, s, ms, \u00b5s, ns (none = ms)");
  EXPECT_EQ(ErrorOf("", {"jobmanager.rpc.port=65536"}),
            "bad configuration value, at -D key=jobmanager.rpc.port value=\"65536\": expected a value from 0 to 65535");
  EXPECT_THAT(ErrorOf("taskmanager.slot.threading: thread"), HasSubstr("expected one of slot, task"));
  EXPECT_THAT(ErrorOf("restart-strategy.type: failure-rate"), HasSubstr("none, fixed-delay, exponential-delay"));
  EXPECT_THAT(ErrorOf("restart-strategy.type: fixed_delay"), HasSubstr("expected one of"));
  EXPECT_THAT(ErrorOf("parallelism.default: 1.5"), HasSubstr("expected an integer"));
  EXPECT_THAT(ErrorOf("parallelism.default: 0"), HasSubstr("from 1 to 32768"));
  EXPECT_THAT(ErrorOf("task.cancellation.timeout: 0"), HasSubstr("expected at least 1 ms"));
  EXPECT_THAT(ErrorOf("execution.checkpointing.data-inline-threshold: 2mb"), HasSubstr("from 0 bytes to 1048576 bytes"));
  EXPECT_THAT(ErrorOf("restart-strategy.exponential-delay.jitter-factor: 1.01"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(ErrorOf("restart-strategy.exponential-delay.jitter-factor: nan"), HasSubstr("expected a number"));
  EXPECT_THAT(ErrorOf("metrics.reporter.prom.port: http"), HasSubstr("expected a port or port range"));
  EXPECT_THAT(ErrorOf("io.tmp.dirs: \" , \""), HasSubstr("expected at least one entry"));
  EXPECT_THAT(ErrorOf("env.pid.dir: \"\""), HasSubstr("expected a text"));
  EXPECT_THAT(ErrorOf("env.pid.dir: [a, b]"), HasSubstr("expected a single value, got a list"));
  EXPECT_THAT(ErrorOf("", {"=x"}), HasSubstr("expected key=value"));
  EXPECT_THAT(ErrorOf("", {"parallelism.default"}), HasSubstr("value=\"true\""));
  EXPECT_THAT(ErrorOf("parallelism.default: " + std::string(500, '7')), HasSubstr("777...\""));
}

TEST(ConfigurationTest, OptionsThatContradictEachOtherAreAnError) {
  EXPECT_THAT(ErrorOf("heartbeat.interval: 10 s"), HasSubstr("heartbeat.timeout (10 s) must be larger than heartbeat.interval"));
  EXPECT_THAT(ErrorOf("restart-strategy.exponential-delay.max-backoff: 49 ms"), HasSubstr("initial-backoff"));
  Load("restart-strategy.exponential-delay.max-backoff: 50 ms");
}

TEST(ConfigurationTest, UnknownKeysAreWarningsThatNameTheNearestKey) {
  const Configuration configuration = Load(
      "paralelism.default: 2\nenv.java.opts.all: -Xmx1g\njobmanager.memory.jvm-metaspace.size: 1g\n"
      "rest.port: 8081\nexecution.checkpointing.mode: EXACTLY_ONCE\nmetrics.reporter.prom.prt: 1\nzzz: [1, 2]\n",
      {"hartbeat.interval=5"});
  EXPECT_THAT(configuration.warnings(),
              ElementsAre("configuration key is unknown, key=paralelism.default at f.yaml:1, nearest=parallelism.default",
                          "configuration key is for JVMs only, ignored, key=env.java.opts.all at f.yaml:2",
                          "configuration key is for JVMs only, ignored, key=jobmanager.memory.jvm-metaspace.size at f.yaml:3",
                          "configuration key is known to Flink, not supported yet, key=rest.port at f.yaml:4",
                          "configuration key is known to Flink, not supported yet, key=execution.checkpointing.mode at f.yaml:5",
                          HasSubstr("key=metrics.reporter.prom.prt at f.yaml:6, nearest=metrics.reporter.prom.port"),
                          "configuration key is unknown, key=zzz at f.yaml:7", HasSubstr("at -D, nearest=heartbeat.interval")));
  EXPECT_EQ(configuration.Get(options::kParallelismDefault), 1);
}

TEST(ConfigurationTest, KeysWithoutValueAreWarningsAndFamiliesOfFlinkAreNamed) {
  const Configuration configuration = Load("env.log.dir:\nenv.log.max: ~\nyarn.some.thing: 1\n", {"env.pid.dir="});
  EXPECT_THAT(configuration.warnings(),
              ElementsAre("configuration key has no value, ignored, key=env.log.dir at f.yaml:1",
                          "configuration key has no value, ignored, key=env.log.max at f.yaml:2",
                          HasSubstr("known to Flink"), HasSubstr("key=env.pid.dir at -D")));
}

TEST(ConfigurationTest, WarningsAreBounded) {
  std::string yaml;
  for (int i = 0; i < 1000; ++i) yaml += "unknown.key" + std::to_string(i) + ": 1\n";
  const Configuration configuration = Load(yaml);
  EXPECT_EQ(configuration.warnings().size(), 101u);
  EXPECT_THAT(configuration.warnings().back(), HasSubstr("not listed"));
}

TEST(ConfigurationTest, SecretsAreMaskedForPeopleOnly) {
  const Configuration configuration = Load("my.Password: p1\nx.auth-params: p2\nparallelism.default: 2\n");
  for (const ConfigEntry& entry : configuration.Entries()) {
    EXPECT_THAT(entry.value, testing::Not(HasSubstr("p1")));
    EXPECT_THAT(entry.value, testing::Not(HasSubstr("p2")));
    if (entry.key == "parallelism.default") {
      EXPECT_EQ(entry.value, "2");
      EXPECT_EQ(entry.source, "f.yaml:3");
    }
    if (entry.key == "jobmanager.rpc.port") {
      EXPECT_EQ(entry.source, "default");
    }
  }
  EXPECT_THAT(configuration.AsDynamicProperties(),
              ElementsAre("parallelism.default=2", "my.Password=p1", "x.auth-params=p2"));
  EXPECT_TRUE(IsSecretKey("fs.s3a.SECRET.x"));
  EXPECT_FALSE(IsSecretKey("jobmanager.rpc.address"));
}

TEST(ConfigurationTest, DynamicPropertiesCarryAConfigurationToAChild) {
  const Configuration parent = Load("restart-strategy: off\nio.tmp.dirs: [/a, /b]\nheartbeat.interval: 500ms\n");
  const Configuration child = Load("", parent.AsDynamicProperties());
  EXPECT_EQ(child.Get(options::kRestartStrategyType), RestartStrategyType::kNone);
  EXPECT_THAT(child.Get(options::kIoTmpDirs), ElementsAre("/a", "/b"));
}

class LoadConfigurationTest : public testing::Test {
 protected:
  void SetUp() override { ::unsetenv("WEIR_CONF_DIR"); }
  void TearDown() override { ::unsetenv("WEIR_CONF_DIR"); }
  TemporaryDirectory directory_;
};

TEST_F(LoadConfigurationTest, DirectoryComesFromTheArgumentThenFromTheEnvironment) {
  std::ofstream(directory_.Path("weir-conf.yaml")) << "parallelism.default: 7\n";
  ASSERT_EQ(::mkdir(directory_.Path("other").c_str(), 0755), 0);
  std::ofstream(directory_.Path("other/weir-conf.yaml")) << "parallelism.default: 8\n";
  EXPECT_EQ(LoadConfiguration(directory_.path(), {})->Get(options::kParallelismDefault), 7);
  EXPECT_EQ(LoadConfiguration("", {})->Get(options::kParallelismDefault), 1);
  ::setenv("WEIR_CONF_DIR", directory_.Path("other").c_str(), 1);
  EXPECT_EQ(LoadConfiguration("", {})->Get(options::kParallelismDefault), 8);
  EXPECT_EQ(LoadConfiguration(directory_.path(), {"parallelism.default=9"})->Get(options::kParallelismDefault), 9);
}

TEST_F(LoadConfigurationTest, MissingFileAndBadFileAreErrors) {
  EXPECT_EQ(LoadConfiguration(directory_.path(), {}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(LoadConfiguration("no/such/relative/directory", {}).status().code(), StatusCode::kNotFound);
  std::ofstream(directory_.Path("weir-conf.yaml")) << "heartbeat.interval: soon\n";
  const Status status = LoadConfiguration(directory_.path(), {}).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(directory_.Path("weir-conf.yaml") + ":1"));
}

TEST(TakeConfigArgumentsTest, TakesItsOptionsInEverySpellingAndLeavesTheRest) {
  const char* const arguments[] = {"run", "-c", "d1", "-D", "a=1", "-Db=2", "x", "--configDir=d2", "-v", "--", "-D", "c=3"};
  const auto taken = TakeConfigArguments(arguments);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->config_dir, "d2");
  EXPECT_THAT(taken->dynamic_properties, ElementsAre("a=1", "b=2"));
  EXPECT_THAT(taken->rest, ElementsAre("run", "x", "-v", "--", "-D", "c=3"));
  const char* const spelled[] = {"--configDir", "d3", "--config-dir", "d4"};
  EXPECT_EQ(TakeConfigArguments(spelled)->config_dir, "d4");
}

TEST(TakeConfigArgumentsTest, OptionWithoutValueIsAnError) {
  for (const char* const name : {"-c", "-D", "--configDir", "--config-dir"}) {
    const char* const arguments[] = {name};
    EXPECT_EQ(TakeConfigArguments(arguments).status().code(), StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace weir
