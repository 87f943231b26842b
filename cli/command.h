// The subcommands: what each takes from the command line, and the function that runs it. Results go to standard output;
// an error is returned and printed by main.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace tdefs {

// Where the key and the settings of a store come from: a TOML file, a key file that overrides it, or, with neither,
// what the store's own wraps name.
struct StoreArguments {
  std::string config_file;  // -c
  std::string key_file;     // --key-file
};

struct GenkeyArguments {
  std::string key_file;
};
struct InitArguments {
  StoreArguments store;
  std::string backing_dir;
  std::string method;
  bool import_files = false;
};
struct MountArguments {
  StoreArguments store;
  std::string backing_dir, mount_point;  // empty: from the configuration
  std::vector<std::string> options;      // each an -o argument
  bool foreground = false;
};
struct UmountArguments {
  std::string path;  // mount point or backing directory
};
struct StatusArguments {
  std::string path;  // mount point or backing directory; empty: all mounts
  bool json = false;
};
struct KeysArguments {
  StoreArguments store;
  std::string path;
  bool json = false;
};
struct FilesArguments {
  StoreArguments store;
  std::string path;
  std::string below = "/";  // within the mount
  bool json = false;
};
struct InfoArguments {
  std::string path;
  bool json = false;
};
struct CheckArguments {
  StoreArguments store;
  std::string path;
  bool json = false;
  bool repair = false;
  bool yes = false;                       // consent to the plan of a repair
  std::string trust;                      // tags, dictionary, or empty
  std::vector<std::string> drop_missing;  // paths within the mount
};
struct SpeedArguments {
  bool json = false;
};
struct VersionArguments {
  bool json = false;
};

Status RunGenkey(const GenkeyArguments& arguments);
Status RunInit(const InitArguments& arguments);
Status RunMount(const MountArguments& arguments);
Status RunUmount(const UmountArguments& arguments);
Status RunStatus(const StatusArguments& arguments);
Status RunKeysList(const KeysArguments& arguments);
Status RunKeysRotate(const KeysArguments& arguments);
Status RunFiles(const FilesArguments& arguments);
Status RunInfo(const InfoArguments& arguments);
Status RunCheck(const CheckArguments& arguments);
Status RunRepair(const CheckArguments& arguments);  // check --repair
Status RunSpeed(const SpeedArguments& arguments);
Status RunVersion(const VersionArguments& arguments);

// As mount(8) calls it: mount.fuse.tdefs SOURCE MOUNTPOINT [-sfnv] [-o OPTIONS].
Status RunMountHelper(int argc, char** argv);

}  // namespace tdefs
