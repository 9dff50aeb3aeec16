#include "taskmanager/work_directory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proto/child_process.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/taskmanager/process_family.h"

namespace weir {
namespace {

pid_t StartSleeper() {
  ChildProgram program;
  program.path = "/bin/sleep";
  program.arguments = {"1000"};
  const StatusOr<pid_t> child = StartChild(program);
  EXPECT_TRUE(child.ok());
  return *child;
}

// What a dead TaskManager leaves behind: its directory, its owner file, its workers' files.
std::string LeaveDirectory(const TemporaryDirectory& parent, const std::string& id, const std::vector<std::string>& workers) {
  const std::string path = parent.path() + "/weir-" + id;
  EXPECT_EQ(::mkdir(path.c_str(), 0700), 0);
  std::ofstream(path + "/owner") << ProcessIdentity{999'999, 12'345, "an earlier boot"}.ToString();
  for (size_t i = 0; i < workers.size(); ++i) std::ofstream(path + "/worker-" + std::to_string(i)) << workers[i];
  return path;
}

TEST(ProcessIdentityTest, IsItselfAndNobodyElse) {
  const ProcessIdentity self = *ProcessIdentity::Of(::getpid());
  EXPECT_TRUE(self.IsAlive());
  EXPECT_EQ(*ProcessIdentity::FromString(self.ToString()), self);
  ProcessIdentity other = self;
  ++other.start_time;
  EXPECT_FALSE(other.IsAlive());
  other = self;
  other.boot_id = "another boot";
  EXPECT_FALSE(other.IsAlive());
}

TEST(ProcessIdentityTest, DamagedTextIsRefused) {
  for (const char* text : {"", "x", "1 2", "-5 3 boot", "1 1 boot", "0 1 boot"}) EXPECT_FALSE(ProcessIdentity::FromString(text).ok()) << text;
}

TEST(ProcessIdentityTest, AZombieIsNotAlive) {
  const pid_t child = StartSleeper();
  const ProcessIdentity identity = *ProcessIdentity::Of(child);
  EXPECT_TRUE(KillProcess(identity, 10'000).ok());
  EXPECT_FALSE(identity.IsAlive());  // Nobody has reaped it.
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(KillProcess(identity, 10'000).ok());
}

TEST(WorkDirectoryTest, WorkersOfADeadTaskManagerAreEnded) {
  const TemporaryDirectory parent;
  const pid_t orphan = StartSleeper();
  const std::string left = LeaveDirectory(parent, "earlier", {ProcessIdentity::Of(orphan)->ToString(), "half a li"});
  const StatusOr<WorkDirectory> claimed = WorkDirectory::Claim(parent.path(), "now");
  ASSERT_TRUE(claimed.ok()) << claimed.status().ToString();
  int status = 0;
  ASSERT_EQ(::waitpid(orphan, &status, 0), orphan);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(claimed->artifact_directory()));
}

TEST(WorkDirectoryTest, SoIsWhatTheseWorkersHadForked) {
  const TemporaryDirectory parent;
  const testing::ProcessFamily alive;  // With the worker.
  const testing::ProcessFamily dead;   // The worker is gone already.
  LeaveDirectory(parent, "earlier", {ProcessIdentity::Of(alive.leader)->ToString(), ProcessIdentity::Of(dead.leader)->ToString()});
  dead.KillLeader();
  ASSERT_TRUE(WorkDirectory::Claim(parent.path(), "now").ok());
  for (const pid_t process : {alive.leader, alive.child, dead.child}) EXPECT_TRUE(testing::WaitUntilGone(process));
}

TEST(WorkDirectoryTest, AProcessThatOnlyHasTheIdOfAWorkerIsLeftAlone) {
  const TemporaryDirectory parent;
  const pid_t stranger = StartSleeper();
  ProcessIdentity identity = *ProcessIdentity::Of(stranger);
  identity.start_time -= 1;
  LeaveDirectory(parent, "earlier", {identity.ToString()});
  ASSERT_TRUE(WorkDirectory::Claim(parent.path(), "now").ok());
  EXPECT_EQ(::waitpid(stranger, nullptr, WNOHANG), 0);
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
}

TEST(WorkDirectoryTest, WorkersOfALivingTaskManagerAreLeftAlone) {
  const TemporaryDirectory parent;
  const pid_t task_manager = StartSleeper();
  const pid_t worker = StartSleeper();
  const std::string path = LeaveDirectory(parent, "other", {ProcessIdentity::Of(worker)->ToString()});
  std::ofstream(path + "/owner") << ProcessIdentity::Of(task_manager)->ToString();
  EXPECT_TRUE(WorkDirectory::Claim(parent.path(), "mine").ok());
  EXPECT_EQ(WorkDirectory::Claim(parent.path(), "other").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(::waitpid(worker, nullptr, WNOHANG), 0);
  for (const pid_t child : {task_manager, worker}) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

TEST(WorkDirectoryTest, DirectoriesThatOthersCanWriteToAreNotTrusted) {
  const TemporaryDirectory parent;
  const pid_t victim = StartSleeper();
  const std::string planted = LeaveDirectory(parent, "planted", {ProcessIdentity::Of(victim)->ToString()});
  ASSERT_EQ(::chmod(planted.c_str(), 0777), 0);
  EXPECT_TRUE(WorkDirectory::Claim(parent.path(), "mine").ok());
  EXPECT_EQ(WorkDirectory::Claim(parent.path(), "planted").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(::waitpid(victim, nullptr, WNOHANG), 0);
  ::kill(victim, SIGKILL);
  ::waitpid(victim, nullptr, 0);
}

TEST(WorkDirectoryTest, WorkersAreRecordedAndForgotten) {
  const TemporaryDirectory parent;
  const WorkDirectory directory = *WorkDirectory::Claim(parent.path(), "../a/b c");
  EXPECT_EQ(directory.path(), parent.path() + "/weir-.._a_b_c");
  const testing::ProcessFamily worker;
  const std::string file = directory.path() + "/worker-" + std::to_string(worker.leader);
  directory.AddWorker(worker.leader);
  EXPECT_TRUE(std::filesystem::exists(file));
  const std::string state = directory.state_directory() + "/" + std::to_string(worker.leader);
  std::filesystem::create_directories(state + "/1-count");
  const std::string state_of_another = directory.state_directory() + "/1";
  std::filesystem::create_directories(state_of_another);
  worker.KillLeader();
  directory.RemoveWorker(worker.leader);
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_FALSE(std::filesystem::exists(state)) << "what it kept on disk goes with it";
  EXPECT_TRUE(std::filesystem::exists(state_of_another));
  EXPECT_TRUE(testing::WaitUntilGone(worker.child));  // Nobody else has ended it.
  directory.RemoveWorker(::getpid());  // Never recorded: nothing happens to it.
  directory.Remove();
  EXPECT_FALSE(std::filesystem::exists(directory.path()));
}

}  // namespace
}  // namespace weir
