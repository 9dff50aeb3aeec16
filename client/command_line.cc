#include "client/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <sstream>

#include "base/ids.h"

namespace weir {
namespace {

constexpr char kOverview[] =
    "weir runs and watches jobs of a Weir cluster.\n\n"
    "  weir build job.cc -o job.so                 compile a job\n"
    "  weir run job.so --input /data/in            run it and wait for its end\n"
    "  weir run -d -p 8 job.so                     run it with parallelism 8 and return at once\n"
    "  weir run --local job.so                     run it inside this process\n"
    "  weir list                                   jobs that run or wait\n"
    "  weir info JOB-ID                            state, checkpoints and failures of a job\n"
    "  weir savepoint JOB-ID /data/savepoints      save its state; the job goes on\n"
    "  weir stop -p /data/savepoints JOB-ID        save its state, then end it in order\n"
    "  weir run -s /data/savepoints/savepoint-... job.so   go on from there, with any parallelism\n"
    "  weir check new.so --against /data/savepoints/savepoint-...   would another version of the job start from there?\n"
    "  weir state ls /data/savepoints/savepoint-...   what it holds\n"
    "  weir cancel JOB-ID                          end it; its last checkpoint stays\n";

constexpr char kStopHelp[] =
    "Ends a job in order: sources stop, a savepoint holds all state, what sinks have prepared is committed, the job is FINISHED.\n"
    "If the savepoint fails the job goes on.\n\n"
    "  weir stop -p /data/savepoints JOB-ID        go on later: weir run -s <savepoint> job.so\n"
    "  weir stop --drain -p /data/savepoints JOB-ID   as at the end of all input: final results are emitted, for good\n";

constexpr char kSavepointHelp[] =
    "Saves the state of a running job, or deletes a savepoint. A savepoint is one directory: move it, copy it, start any number of\n"
    "jobs from it. The job does not depend on it, and never deletes it.\n\n"
    "  weir savepoint JOB-ID /data/savepoints      take one\n"
    "  weir run -s /data/savepoints/savepoint-... job.so   start from it\n"
    "  weir savepoint -d /data/savepoints/savepoint-...    delete it\n";

constexpr char kCheckHelp[] =
    "Says of each state of a savepoint or checkpoint whether a job takes it as it is, after a migration, or not at all, and why. Needs no\n"
    "cluster. Exit code 0: the job would start from it; 1: it would not.\n\n"
    "  weir check new.so --against /data/savepoints/savepoint-...\n"
    "  weir check new.so --against /data/savepoints/savepoint-... -- --input /data/in    with arguments of the job\n";

constexpr char kStateHelp[] =
    "Shows what a savepoint or checkpoint holds, by the schemas in it: without a cluster and without the job.\n\n"
    "  weir state ls /data/savepoints/savepoint-...                      operators, states, and how much they hold\n"
    "  weir state get /data/savepoints/savepoint-... counts total alice  the state of one key\n"
    "  weir state export /data/savepoints/savepoint-... --operator counts | jq .value\n";

// Flink's long names with one dash, which CLI11 would take for rows of short flags.
std::string LongName(const std::string& argument) {
  if (argument == "-detached") return "--detached";
  if (argument == "-cm") return "--claim-mode";
  if (argument == "-rm") return "--restore-mode";
  return argument;
}

class Parser {
 public:
  Parser() : app_(kOverview) {
    app_.set_version_flag("-v,--version", "Version: 0.1.0");
    app_.require_subcommand(0, 1);
    AddRun();
    AddInfo();
    AddList();
    AddCancel();
    AddStop();
    AddSavepoint();
    AddCheck();
    AddState();
    AddBuild();
  }

  CommandLine Parse(int argc, const char* const* argv) {
    const int own_count = OwnArgumentCount(argc, argv);
    const bool has_mark = own_count < argc && std::string_view(argv[own_count]) == "--" && std::string_view(argv[1]) == "check";
    line_.run.arguments.assign(argv + own_count + (has_mark ? 1 : 0), argv + argc);
    std::vector<std::string> own;  // Last first: so CLI11 takes a vector.
    for (int i = own_count - 1; i >= 1; --i) own.push_back(LongName(argv[i]));
    try {
      app_.parse(own);
    } catch (const CLI::ParseError& error) {
      return Stopped(error);
    }
    if (app_.get_subcommands().empty()) return Wrong(app_.help() + "\nPlease specify an action.\n");
    for (const auto& [action, name] : kNames) {
      if (app_.got_subcommand(std::string(name))) line_.action = action;
    }
    line_.output = output_ == "json" ? OutputFormat::kJson : OutputFormat::kText;
    line_.savepoint.native = CLI::detail::to_lower(type_) == "native";
    if (claim_mode_.has_value()) line_.run.claim = CLI::detail::to_lower(*claim_mode_) == "claim";
    return CheckTogether();
  }

 private:
  static constexpr std::pair<CommandAction, const char*> kNames[] = {
      {CommandAction::kRun, "run"},   {CommandAction::kInfo, "info"},           {CommandAction::kList, "list"},  {CommandAction::kCancel, "cancel"},
      {CommandAction::kStop, "stop"}, {CommandAction::kSavepoint, "savepoint"}, {CommandAction::kCheck, "check"},
      {CommandAction::kState, "state"}, {CommandAction::kBuild, "build"}};

  CommandLine Wrong(const std::string& text) {
    line_.exit_code = 1;
    line_.text = text;
    return line_;
  }
  CommandLine WrongArguments(const std::string& what) { return Wrong(what + "\n\nUse the help option (-h or --help) to get help on the command.\n"); }

  CommandLine Stopped(const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return WrongArguments(error.what());
    std::ostringstream out;
    line_.exit_code = app_.exit(error, out, out);
    line_.text = out.str();
    return line_;
  }

  CommandLine CheckTogether() {
    if (line_.action == CommandAction::kRun && line_.local && line_.run.detached) return WrongArguments("--local and --detached exclude each other");
    if (line_.action == CommandAction::kInfo && line_.run.parallelism != 0 && JobId::FromHex(line_.target).ok()) {
      return WrongArguments("--parallelism is for the plan of a job library; a job of the cluster has its parallelism");
    }
    const bool takes_directory = line_.action == CommandAction::kStop || line_.action == CommandAction::kCancel;
    // `stop -p JOB-ID`: the last argument is the job, and the directory is the default one.
    if (takes_directory && line_.job_id.empty()) line_.job_id = std::exchange(line_.savepoint.directory, {});
    if (line_.action == CommandAction::kSavepoint && !line_.dispose_path.empty()) {
      return line_.job_id.empty() ? line_ : WrongArguments("--dispose takes a savepoint's path and no job");
    }
    const bool needs_job = takes_directory || line_.action == CommandAction::kSavepoint;
    if (needs_job && line_.job_id.empty()) return WrongArguments("Missing JobID. Specify a job by its id, 32 hex digits.");
    if (needs_job && !JobId::FromHex(line_.job_id).ok()) return WrongArguments("\"" + line_.job_id + "\" is no job id of 32 hex digits.");
    if (line_.action == CommandAction::kCancel && !line_.with_savepoint && !type_.empty()) return WrongArguments("--type needs --with-savepoint");
    return line_;
  }

  CLI::App* AddClusterAction(const char* name, const char* description) {
    CLI::App* const action = app_.add_subcommand(name, description);
    action->add_option("-m,--jobmanager", line_.jobmanager, "JobManager as host:port (default: jobmanager.rpc.address and .port)");
    action->add_option("-c,--config-dir,--configDir", line_.config_dir, "Directory with weir-conf.yaml (default: $WEIR_CONF_DIR)");
    action->add_option("-D", line_.properties, "Configuration key=value, repeatable; wins over the file")->allow_extra_args(false);
    action->add_option("-o,--output", output_, "text for people, json for scripts")->check(CLI::IsMember({"text", "json"}));
    return action;
  }

  void AddType(CLI::App* action) {
    action
        ->add_option("--type", type_,
                     "canonical (default): one file per operator and subtask, the same from every state backend; native: the "
                     "files of an incremental checkpoint, sooner made")
        ->check(CLI::IsMember({"canonical", "native"}, CLI::ignore_case));
  }

  void AddRun() {
    CLI::App* const action = AddClusterAction("run", "Submits a job and waits for its end");
    action->add_flag("-d,--detached", line_.run.detached, "Return once the job is submitted");
    action->add_option("-p,--parallelism", line_.run.parallelism, "Parallelism of operators that set none")->check(CLI::Range(1, 32'768));
    action->add_option("-s,--from-savepoint,--fromSavepoint", line_.run.from_savepoint,
                       "Start from a savepoint or checkpoint: its directory or _metadata (default: execution.state-recovery.path)");
    action->add_flag("-n,--allow-non-restored-state,--allowNonRestoredState", line_.run.allow_non_restored_state,
                     "Leave state behind that the job no longer has");
    action
        ->add_option("--claim-mode,--claimMode,--restore-mode,--restoreMode", claim_mode_,
                     "no_claim: what the job starts from is never touched; claim: it becomes the job's, which deletes it once its own checkpoints replace it "
                     "(default: execution.state-recovery.claim-mode)")
        ->check(CLI::IsMember({"no_claim", "claim"}, CLI::ignore_case));
    action->add_flag("--local", line_.local, "Run it in this process, without a cluster: for debugging");
    action->add_option("library", line_.run.library, "The job: a shared library made by `weir build`; what follows are the job's arguments")->required();
  }

  void AddInfo() {
    CLI::App* const action = AddClusterAction("info", "Shows a running job (JOB-ID), or the plan of a job library");
    action->add_option("-p,--parallelism", line_.run.parallelism, "Parallelism of operators that set none")->check(CLI::Range(1, 32'768));
    action->add_option("job", line_.target, "Job id, or job library")->required();
  }

  void AddList() {
    CLI::App* const action = AddClusterAction("list", "Lists jobs");
    action->add_flag("-r,--running", line_.list.running, "Only running and restarting jobs");
    action->add_flag("-s,--scheduled", line_.list.scheduled, "Only scheduled jobs");
    action->add_flag("-a,--all", line_.list.all, "Ended jobs too");
  }

  void AddCancel() {
    CLI::App* const action = AddClusterAction("cancel", "Cancels a job");
    const CLI::Option* const with =
        action
            ->add_option("-s,--with-savepoint,--withSavepoint", line_.savepoint.directory,
                         "Take a savepoint first, in this directory (default: execution.checkpointing.savepoint-dir); `weir stop` is the better way")
            ->expected(0, 1);
    AddType(action);
    action->add_option("job", line_.job_id, "Job id, 32 hex digits");
    action->callback([this, with] { line_.with_savepoint = with->count() > 0; });
  }

  void AddStop() {
    CLI::App* const action = AddClusterAction("stop", kStopHelp);
    action
        ->add_option("-p,--savepoint-path,--savepointPath", line_.savepoint.directory,
                     "Directory for the savepoint (default: execution.checkpointing.savepoint-dir)")
        ->expected(0, 1);
    action->add_flag("-d,--drain", line_.savepoint.drain, "Finish all operators first, as at the end of the input: their last results are final");
    AddType(action);
    action->add_flag("--detached", line_.savepoint.detached, "Return once it has begun (-detached works, too)");
    action->add_option("job", line_.job_id, "Job id, 32 hex digits");
  }

  void AddSavepoint() {
    CLI::App* const action = AddClusterAction("savepoint", kSavepointHelp);
    action->add_option("-d,--dispose", line_.dispose_path, "Delete the savepoint in this directory");
    AddType(action);
    action->add_flag("--detached", line_.savepoint.detached, "Return once it has begun (-detached works, too)");
    action->add_option("job", line_.job_id, "Job id, 32 hex digits");
    action->add_option("directory", line_.savepoint.directory, "Directory for the savepoint (default: execution.checkpointing.savepoint-dir)");
  }

  void AddCheck() {
    CLI::App* const action = AddClusterAction("check", kCheckHelp);
    action->add_option("--against", line_.run.from_savepoint, "The savepoint or checkpoint: its directory or _metadata (default: execution.state-recovery.path)");
    action->add_flag("-n,--allow-non-restored-state,--allowNonRestoredState", line_.run.allow_non_restored_state,
                     "State that the job no longer has may be left behind");
    action->add_option("-p,--parallelism", line_.run.parallelism, "Parallelism of operators that set none")->check(CLI::Range(1, 32'768));
    action->add_option("library", line_.run.library, "The job: a shared library made by `weir build`; its arguments follow --")->required();
  }

  void AddState() {
    CLI::App* const action = app_.add_subcommand("state", kStateHelp);
    action->require_subcommand(1);
    StateOptions& state = line_.state;
    const auto add = [&](const char* name, const char* description, StateAction what) {
      CLI::App* const made = action->add_subcommand(name, description);
      made->add_option("snapshot", state.snapshot, "Directory of a savepoint or checkpoint, or its _metadata")->required();
      made->callback([this, what] { line_.state_action = what; });
      return made;
    };
    CLI::App* const list = add("ls", "Operators and states, their kinds and schemas, and how much they hold", StateAction::kList);
    list->add_flag("--key-groups", state.by_key_group, "How much each key group holds, too");
    list->add_option("-o,--output", output_, "text for people, json for scripts")->check(CLI::IsMember({"text", "json"}));
    CLI::App* const get = add("get", "The state of one key, as JSON", StateAction::kGet);
    get->add_option("operator", state.operator_name, "Its uid, or its name or id")->required();
    get->add_option("state", state.state, "Its name")->required();
    get->add_option("key", state.key, "Of a string its text, else JSON: 7, {\"city\":\"Bonn\",\"number\":1}")->required();
    CLI::App* const whole = add("export", "Everything, as one line of JSON each", StateAction::kExport);
    whole->add_option("--operator", state.operator_name, "Only of this operator: its uid, or its name or id");
    whole->add_option("--state", state.state, "Only states of this name");
    whole->add_option("--key-group", state.key_group, "Only of this key group");
  }

  void AddBuild() {
    BuildOptions& build = line_.build;
    CLI::App* const action = app_.add_subcommand("build", "Compiles a job");
    action->add_option("sources", build.sources, "C++ files")->required()->check(CLI::ExistingFile);
    action->add_option("-o,--output", build.output, "The shared library to write")->required();
    action->add_option("--flag", build.compiler_flags, "Passed to the compiler, repeatable, e.g. --flag=-lfoo")->allow_extra_args(false);
    action->add_option("--file", build.files, "A file to pack with the job, repeatable; the job opens weir::JobFile(name)")
        ->allow_extra_args(false)
        ->check(CLI::ExistingFile);
    action->add_flag("--verbose", build.verbose, "Show the compiler's command");
  }

  // How many of `arguments` are ours: all up to the job library of `weir run` or `weir info`. What follows belongs to the job,
  // also when it looks like an option of ours.
  int OwnArgumentCount(int argc, const char* const* argv) const {
    if (argc < 2) return argc;
    const std::string action_name = argv[1];
    if (action_name == "check") return static_cast<int>(std::find(argv + 2, argv + argc, std::string_view("--")) - argv);
    if (action_name != "run" && action_name != "info") return argc;
    const CLI::App* const action = app_.get_subcommand(action_name);
    for (int i = 2; i < argc; ++i) {
      const std::string argument = argv[i];
      if (argument.size() < 2 || argument[0] != '-') {
        const bool is_library = !JobId::FromHex(argument).ok();
        return is_library ? i + 1 : argc;
      }
      const CLI::Option* const option = action->get_option_no_throw(LongName(argument));
      if (option != nullptr && option->get_items_expected_max() > 0) ++i;  // Its value; "--name=value" and "-p4" have it inside.
    }
    return argc;
  }

  CLI::App app_;
  CommandLine line_;
  std::string output_ = "text";
  std::string type_;
  std::optional<std::string> claim_mode_;
};

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv) { return Parser().Parse(argc, argv); }

}  // namespace weir
