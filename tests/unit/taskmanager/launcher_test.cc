#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>

#include "proto/child_process.h"
#include "taskmanager/launcher_process.h"
#include "taskmanager/process_launcher.h"
#include "taskmanager/work_directory.h"
#include "tests/unit/base/temporary_directory.h"
#include "tests/unit/taskmanager/process_family.h"

namespace weir {
namespace {

using testing::ReadNumber;
using testing::WaitUntilGone;

constexpr char kWorkerProgram[] = WEIR_WORKER_PROGRAM;

// Remembers what happened; waits with a deadline.
class Recorder final : public WorkerLauncherEvents {
 public:
  void OnWorkerStarted(WorkerSerial serial, int process_id) override {
    std::lock_guard lock(mutex_);
    process_ids_[serial] = process_id;
    changed_.notify_all();
  }
  void OnWorkerExited(WorkerSerial serial, const std::string& how) override {
    std::lock_guard lock(mutex_);
    EXPECT_TRUE(ends_.emplace(serial, how).second) << "ended twice";
    changed_.notify_all();
  }
  void OnLauncherLost() override {
    std::lock_guard lock(mutex_);
    lost_ = true;
    changed_.notify_all();
  }

  pid_t WaitForStart(WorkerSerial serial) {
    return Wait([&] { return process_ids_.contains(serial); }) ? process_ids_.at(serial) : 0;
  }
  std::string WaitForEnd(WorkerSerial serial) {
    return Wait([&] { return ends_.contains(serial); }) ? ends_.at(serial) : "no end";
  }
  bool WaitForLoss() {
    return Wait([&] { return lost_; });
  }

 private:
  bool Wait(const std::function<bool()>& ready) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), ready);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<WorkerSerial, pid_t> process_ids_;
  std::map<WorkerSerial, std::string> ends_;
  bool lost_ = false;
};

// Descriptors of a worker whose control socket stays open on our side.
struct Ends {
  WorkerEndpoints worker;
  FileDescriptor control;
};
Ends NewEnds() {
  DescriptorPair control = std::move(*NewSocketPair(SOCK_STREAM));
  DescriptorPair output = std::move(*NewPipe());
  DescriptorPair error = std::move(*NewPipe());
  return {{std::move(control.second), std::move(output.second), std::move(error.second)}, std::move(control.first)};
}

// A program that is started as workers are: a shell script, whose control socket is descriptor 3.
std::string WriteScript(const TemporaryDirectory& directory, const std::string& commands) {
  const std::string path = directory.path() + "/worker.sh";
  std::ofstream(path) << "#!/bin/sh\n" << commands << "\n";
  EXPECT_EQ(::chmod(path.c_str(), 0700), 0);
  return path;
}

// The same, with an output that the test reads.
Ends NewEnds(FileDescriptor& output) {
  Ends ends = NewEnds();
  DescriptorPair pipe = std::move(*NewPipe());
  ends.worker.output = std::move(pipe.second);
  output = std::move(pipe.first);
  return ends;
}

class LauncherTest : public ::testing::Test {
 protected:
  void Start(const std::string& program = kWorkerProgram) {
    StatusOr<ForkedLauncher> forked = ForkLauncher(program);
    ASSERT_TRUE(forked.ok());
    launcher_id_ = forked->process_id;
    launcher_ = std::make_unique<ProcessLauncher>(std::move(*forked));
    launcher_->Start(recorder_);
  }
  void Stop() {
    launcher_->Stop();
    launcher_->Join();
  }

  Recorder recorder_;
  pid_t launcher_id_ = 0;
  std::unique_ptr<ProcessLauncher> launcher_;
};

TEST_F(LauncherTest, StartsAndKillsAWorker) {
  Start();
  Ends ends = NewEnds();
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  const pid_t worker = recorder_.WaitForStart(WorkerSerial{1});
  ASSERT_GT(worker, 0);
  EXPECT_TRUE(ProcessIdentity::Of(worker)->IsAlive());
  launcher_->Kill(WorkerSerial{1});
  EXPECT_EQ(recorder_.WaitForEnd(WorkerSerial{1}), "was killed by signal 9 (Killed)");
  EXPECT_TRUE(WaitUntilGone(worker));
  launcher_->Kill(WorkerSerial{1});   // Late.
  launcher_->Kill(WorkerSerial{99});  // Unknown.
  Stop();
}

TEST_F(LauncherTest, KillsAlsoAStoppedWorker) {
  Start();
  Ends ends = NewEnds();
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  const pid_t worker = recorder_.WaitForStart(WorkerSerial{1});
  ASSERT_EQ(::kill(worker, SIGSTOP), 0);
  launcher_->Kill(WorkerSerial{1});
  EXPECT_EQ(recorder_.WaitForEnd(WorkerSerial{1}), "was killed by signal 9 (Killed)");
  Stop();
}

TEST_F(LauncherTest, AKillThatComesRightAfterTheLaunchCounts) {
  Start();
  Ends ends = NewEnds();
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  launcher_->Kill(WorkerSerial{1});
  EXPECT_EQ(recorder_.WaitForEnd(WorkerSerial{1}), "was killed by signal 9 (Killed)");
  Stop();
}

TEST_F(LauncherTest, AWorkerEndsWithItsControlSocket) {
  Start();
  Ends ends = NewEnds();
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  recorder_.WaitForStart(WorkerSerial{1});
  ends.control.Close();
  EXPECT_EQ(recorder_.WaitForEnd(WorkerSerial{1}), "exited with code 0");
  Stop();
}

TEST_F(LauncherTest, WhatAKilledWorkerForkedEndsWithIt) {
  const TemporaryDirectory directory;
  Start(WriteScript(directory, "sleep 1000 & echo $!\nread ignored <&3"));
  FileDescriptor output;
  Ends ends = NewEnds(output);
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  const pid_t child = ReadNumber(output.get());
  EXPECT_TRUE(ProcessIdentity::Of(child)->IsAlive());
  launcher_->Kill(WorkerSerial{1});
  EXPECT_EQ(recorder_.WaitForEnd(WorkerSerial{1}), "was killed by signal 9 (Killed)");
  EXPECT_TRUE(WaitUntilGone(child));
  Stop();
}

TEST_F(LauncherTest, WhatAWorkerForkedEndsWithItHoweverItEnds) {
  const TemporaryDirectory directory;
  Start(WriteScript(directory, "sleep 1000 & echo $!\n(sleep 1000 & echo $!)\nexit 3"));
  FileDescriptor output;
  Ends ends = NewEnds(output);
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  const pid_t child = ReadNumber(output.get());
  const pid_t orphan = ReadNumber(output.get());
  EXPECT_EQ(recorder_.WaitForEnd(WorkerSerial{1}), "exited with code 3");
  EXPECT_TRUE(WaitUntilGone(child));
  EXPECT_TRUE(WaitUntilGone(orphan));
  Stop();
}

TEST_F(LauncherTest, WhatLeftTheWorkersGroupEndsWithTheLastWorker) {
  const TemporaryDirectory directory;
  Start(WriteScript(directory, "setsid sh -c 'sleep 1000 & echo $!; wait' &\nread ignored <&3"));
  FileDescriptor outputs[2];
  Ends first = NewEnds(outputs[0]);
  Ends second = NewEnds(outputs[1]);
  launcher_->Launch(WorkerSerial{1}, std::move(first.worker));
  const pid_t of_first = ReadNumber(outputs[0].get());
  launcher_->Launch(WorkerSerial{2}, std::move(second.worker));
  const pid_t of_second = ReadNumber(outputs[1].get());
  launcher_->Kill(WorkerSerial{1});
  recorder_.WaitForEnd(WorkerSerial{1});
  EXPECT_TRUE(ProcessIdentity::Of(of_second)->IsAlive());  // Its worker lives.
  launcher_->Kill(WorkerSerial{2});
  EXPECT_TRUE(WaitUntilGone(of_first));
  EXPECT_TRUE(WaitUntilGone(of_second));
  Stop();
}

TEST_F(LauncherTest, AProgramThatDoesNotExistIsAnEnd) {
  Start("/no/such/program");
  Ends ends = NewEnds();
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  EXPECT_TRUE(recorder_.WaitForEnd(WorkerSerial{1}).starts_with("cannot be started: "));
  Stop();
}

TEST_F(LauncherTest, StoppingKillsAllWorkers) {
  Start();
  Ends first = NewEnds();
  Ends second = NewEnds();
  launcher_->Launch(WorkerSerial{1}, std::move(first.worker));
  launcher_->Launch(WorkerSerial{2}, std::move(second.worker));
  const pid_t workers[] = {recorder_.WaitForStart(WorkerSerial{1}), recorder_.WaitForStart(WorkerSerial{2})};
  Stop();
  for (const pid_t worker : workers) EXPECT_TRUE(WaitUntilGone(worker));
  EXPECT_NE(recorder_.WaitForEnd(WorkerSerial{2}), "no end");
}

TEST_F(LauncherTest, ALauncherThatDiesTakesItsWorkersAlong) {
  Start();
  Ends ends = NewEnds();
  launcher_->Launch(WorkerSerial{1}, std::move(ends.worker));
  const pid_t worker = recorder_.WaitForStart(WorkerSerial{1});
  ASSERT_EQ(::kill(launcher_id_, SIGKILL), 0);
  EXPECT_TRUE(WaitUntilGone(worker));
  EXPECT_EQ(recorder_.WaitForEnd(WorkerSerial{1}), "died with the launcher");
  EXPECT_TRUE(recorder_.WaitForLoss());
  Stop();
}

// The whole chain: a process that plays the TaskManager is killed, the launcher and the worker end.
TEST_F(LauncherTest, NoWorkerOutlivesAKilledTaskManager) {
  DescriptorPair told = std::move(*NewPipe());
  const pid_t task_manager = ::fork();
  if (task_manager == 0) {
    StatusOr<ForkedLauncher> forked = ForkLauncher(kWorkerProgram);
    ProcessLauncher launcher(std::move(*forked));
    Recorder recorder;
    launcher.Start(recorder);
    Ends ends = NewEnds();
    launcher.Launch(WorkerSerial{1}, std::move(ends.worker));
    const pid_t worker = recorder.WaitForStart(WorkerSerial{1});
    if (::write(told.second.get(), &worker, sizeof(worker)) < 0) ::_exit(1);
    for (;;) ::pause();
  }
  pid_t worker = 0;
  ASSERT_EQ(::read(told.first.get(), &worker, sizeof(worker)), static_cast<ssize_t>(sizeof(worker)));
  EXPECT_TRUE(ProcessIdentity::Of(worker)->IsAlive());
  ::kill(task_manager, SIGKILL);
  ::waitpid(task_manager, nullptr, 0);
  EXPECT_TRUE(WaitUntilGone(worker));
}

TEST_F(LauncherTest, NorDoesWhatTheWorkerForked) {
  const TemporaryDirectory directory;
  const std::string script = WriteScript(directory, "sleep 1000 & echo $!\nsetsid sleep 1000 & echo $!\nread ignored <&3");
  DescriptorPair output = std::move(*NewPipe());
  const pid_t task_manager = ::fork();
  if (task_manager == 0) {
    StatusOr<ForkedLauncher> forked = ForkLauncher(script);
    ProcessLauncher launcher(std::move(*forked));
    Recorder recorder;
    launcher.Start(recorder);
    Ends ends = NewEnds();
    ends.worker.output = std::move(output.second);
    launcher.Launch(WorkerSerial{1}, std::move(ends.worker));
    for (;;) ::pause();
  }
  const pid_t children[] = {ReadNumber(output.first.get()), ReadNumber(output.first.get())};
  for (const pid_t child : children) EXPECT_TRUE(ProcessIdentity::Of(child)->IsAlive());
  ::kill(task_manager, SIGKILL);
  ::waitpid(task_manager, nullptr, 0);
  for (const pid_t child : children) EXPECT_TRUE(WaitUntilGone(child));
}

}  // namespace
}  // namespace weir
