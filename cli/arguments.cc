#include "cli/arguments.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/output.h"

namespace tdefs {
namespace {

using Command = std::function<Status()>;

// A subcommand whose arguments live as long as the command they make.
template <typename Arguments>
class Subcommand {
 public:
  Subcommand(CLI::App& parent, const char* name, const char* text, Status (*run)(const Arguments&), Command& command)
      : app_(*parent.add_subcommand(name, text)), arguments_(std::make_shared<Arguments>()) {
    app_.callback([arguments = arguments_, run, &command] { command = [arguments, run] { return run(*arguments); }; });
  }

  Subcommand& Positional(const char* name, std::string Arguments::*member, const char* text, bool required = true) {
    app_.add_option(name, (*arguments_).*member, text)->required(required);
    return *this;
  }
  Subcommand& Option(const char* names, std::string Arguments::*member, const char* value, const char* text) {
    app_.add_option(names, (*arguments_).*member, text)->type_name(value);
    return *this;
  }
  Subcommand& Flag(const char* names, bool Arguments::*member, const char* text) {
    app_.add_flag(names, (*arguments_).*member, text);
    return *this;
  }
  Subcommand& Options(const char* names, std::vector<std::string> Arguments::*member, const char* value,
                      const char* text) {
    app_.add_option(names, (*arguments_).*member, text)->type_name(value)->allow_extra_args(false);
    return *this;
  }
  Subcommand& Json() { return Flag("--json", &Arguments::json, "one JSON document with a schema_version"); }
  // -c and --key-file.
  Subcommand& Store() {
    app_.add_option("-c,--config", arguments_->store.config_file, "settings from a TOML file")->type_name("FILE");
    app_.add_option("--key-file", arguments_->store.key_file, "the master key; else from -c, else where the store says")
        ->type_name("KEYFILE");
    return *this;
  }

 private:
  CLI::App& app_;
  std::shared_ptr<Arguments> arguments_;
};

constexpr const char* kStoreText = "BACKING|MOUNTPOINT";

void AddStoreCommands(CLI::App& app, Command& command) {
  Subcommand<GenkeyArguments>(app, "genkey", "make a key file: a new 256-bit key, mode 0600; never overwrites",
                              RunGenkey, command)
      .Positional("KEYFILE", &GenkeyArguments::key_file, "where to; keep it outside the store");
  Subcommand<InitArguments>(app, "init", "make a store in an empty directory", RunInit, command)
      .Store()
      .Positional("BACKING", &InitArguments::backing_dir, "the directory that will hold the ciphertext", false)
      .Option("--method", &InitArguments::method, "METHOD",
              "aes128-ctr, aes192-ctr, aes256-ctr (default), sm4-ctr, plaintext")
      .Flag("--import", &InitArguments::import_files, "take files that are there in, as plaintext");
  Subcommand<MountArguments>(app, "mount", "mount a store; returns when the mount answers", RunMount, command)
      .Store()
      .Positional("BACKING", &MountArguments::backing_dir, "the store", false)
      .Positional("MOUNTPOINT", &MountArguments::mount_point, "an existing directory", false)
      .Flag("-f,--foreground", &MountArguments::foreground, "stay in the foreground, log to standard error")
      .Options("-o", &MountArguments::options, "OPTION,…", "mount options: ro, noexec, key-file=PATH, threads=N, …");
  Subcommand<UmountArguments>(app, "umount", "unmount, and wait until the store is released", RunUmount, command)
      .Positional("MOUNTPOINT", &UmountArguments::path, "the mount");
}

void AddInspectionCommands(CLI::App& app, Command& command) {
  Subcommand<StatusArguments>(app, "status", "health, keys and counters of a store, or of all mounts", RunStatus,
                              command)
      .Positional(kStoreText, &StatusArguments::path, "the store; without it, all mounts", false)
      .Json();
  Subcommand<FilesArguments>(app, "files", "path, method and data key of each file, separated by tabs", RunFiles,
                             command)
      .Store()
      .Positional(kStoreText, &FilesArguments::path, "the store")
      .Option("--path", &FilesArguments::below, "P", "only this file, or what is below this directory of the mount")
      .Json();
  Subcommand<InfoArguments>(app, "info", "one file or store, without any key", RunInfo, command)
      .Positional("PATH", &InfoArguments::path, "a file in a mount or a backing directory, or a store")
      .Json();
  Subcommand<CheckArguments>(app, "check", "compare dictionary, tags and files; reads only without --repair", RunCheck,
                             command)
      .Store()
      .Positional("BACKING", &CheckArguments::path, "a store that is not mounted")
      .Flag("--repair", &CheckArguments::repair, "mend what can be decided: shows the plan, then asks")
      .Flag("--yes", &CheckArguments::yes, "with --repair: do not ask")
      .Option("--trust", &CheckArguments::trust, "tags|dictionary",
              "with --repair: which is right where both are valid")
      .Options("--drop-missing", &CheckArguments::drop_missing, "P",
               "with --repair: drop the entries at and below this path of the mount whose files are gone")
      .Json();
  Subcommand<SpeedArguments>(app, "speed", "speed of each method on this machine", RunSpeed, command).Json();
  Subcommand<VersionArguments>(app, "version", "version, formats and libraries", RunVersion, command).Json();
}

void AddKeysCommands(CLI::App& app, Command& command) {
  CLI::App* keys = app.add_subcommand("keys", "data keys of a store");
  keys->require_subcommand(1);
  Subcommand<KeysArguments>(*keys, "list", "ids, methods and ages; never the keys", RunKeysList, command)
      .Store()
      .Positional(kStoreText, &KeysArguments::path, "the store")
      .Json();
  Subcommand<KeysArguments>(*keys, "rotate", "make a new data key for new files", RunKeysRotate, command)
      .Store()
      .Positional(kStoreText, &KeysArguments::path, "the store")
      .Json();
}

Status PrintHelp(const CLI::App& app, const std::string& topic) {
  if (topic == "exit-codes") {
    fmt::print("{}", ExitCodeTable());
    return {};
  }
  const auto commands = app.get_subcommands([&](const CLI::App* command) { return command->get_name() == topic; });
  if (commands.empty() && !topic.empty()) return Fail(ErrorCode::kUsage, fmt::format("help: no topic {}", topic));
  fmt::print("{}", commands.empty() ? app.help() : commands.front()->help());
  return {};
}

}  // namespace

Result<Command> ParseArguments(int argc, char** argv) {
  // The parser keeps references into itself, so it lives as long as the command.
  auto app = std::make_shared<CLI::App>(
      "Transparent encryption at rest for databases: a directory, encrypted underneath.", "tdefs");
  Command command;
  app->require_subcommand(1);
  app->set_help_all_flag("--help-all", "the help of every command, and the exit codes");
  app->set_version_flag("--version", "tdefs " TDEFS_VERSION);
  AddStoreCommands(*app, command);
  AddInspectionCommands(*app, command);
  AddKeysCommands(*app, command);
  auto topic = std::make_shared<std::string>();
  CLI::App* help = app->add_subcommand("help", "help on a command, or the table of exit codes: help exit-codes");
  help->add_option("TOPIC", *topic, "a command, or exit-codes");
  help->callback([&command, app = app.get(), topic] { command = [app, topic] { return PrintHelp(*app, *topic); }; });
  try {
    app->parse(argc, argv);
  } catch (const CLI::CallForAllHelp& call) {
    app->exit(call);
    fmt::print("\nExit codes:\n{}", ExitCodeTable());
    return Command([] { return Status(); });
  } catch (const CLI::Success& call) {  // --help, --version
    app->exit(call);
    return Command([] { return Status(); });
  } catch (const CLI::ParseError& error) {
    return Fail(ErrorCode::kUsage, error.what());
  }
  return Command([app, command] { return command(); });
}

}  // namespace tdefs
