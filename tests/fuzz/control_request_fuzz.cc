// Fuzz target of the control socket: the input is what a client sends before it closes its side. The store behind it is
// open read-only and holds two files. A request that arrives whole gets at least one line; each line is a JSON object,
// and an error is one that a client reads as such.
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "fs/control.h"
#include "fs/control_answer.h"
#include "fs/control_json.h"
#include "keys/file_tree.h"
#include "keys/key_file.h"
#include "tests/fuzz/directory.h"
#include "tests/fuzz/must.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

using namespace std::chrono_literals;

constexpr size_t kInputBytesMax = kControlRequestBytesMax + 100;  // a socket's buffer takes it without a reader
constexpr std::chrono::milliseconds kPatience = 20s;

// A store with a file in a directory and one whose name is not UTF-8.
class Store {
 public:
  Store() {
    Must(CreateKeyFile(directory_.path() + "/key").has_value());
    const std::string backing = directory_.path() + "/backing";
    Must(std::filesystem::create_directory(backing));
    EncryptionConfig encryption;
    encryption.master_key = MasterKeyConfig{MasterKeyConfig::Type::kFile, directory_.path() + "/key"};
    Must(KeyManager::InitStore(backing, encryption).has_value());
    {
      auto writing = Open(backing, encryption, KeyManager::Access::kExclusive);
      FileDictionary& files = writing->files();
      const DirId sub = files.Enter(FileTree::kRoot, "d");
      for (const char* name : {"f", "\xff\xfe"}) {
        const auto record = writing->NewRecord();
        Must(record && files.Insert(sub, name, *record));
      }
      Must(writing->Close().has_value());
    }
    keys_ = Open(backing, encryption, KeyManager::Access::kReadOnly);
  }
  ControlServer::Subject Subject() const { return {keys_.get(), &statistics_, &config_}; }

 private:
  static std::unique_ptr<KeyManager> Open(const std::string& backing, const EncryptionConfig& encryption,
                                          KeyManager::Access access) {
    auto keys = KeyManager::Open(backing, encryption, 3'600'000, access);
    Must(keys.has_value());
    return *std::move(keys);
  }

  FuzzDirectory directory_{true};  // a store needs extended attributes
  Config config_;
  VolumeStatistics statistics_;
  std::unique_ptr<KeyManager> keys_;
};

void CheckAnswer(LineStream& client) {
  size_t lines = 0;
  bool refused = false;
  while (true) {
    const auto line = client.Read(kControlAnswerLineBytesMax, kPatience);
    Must(line.has_value());
    if (!*line) break;
    const std::optional<Json> json = DecodeJson(**line);
    Must(json && json->is_object() && !refused);  // nothing follows an error
    refused = ErrorFromJson(*json).has_value();
    ++lines;
  }
  Must(lines > 0);
}

void Ask(const ControlServer::Subject& subject, std::string_view input) {
  int ends[2];
  Must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd client_fd(ends[0]);
  UniqueFd server_fd(ends[1]);
  LineStream client(client_fd.get(), -1), server(server_fd.get(), -1);
  Must(client.Write(input, kPatience).has_value());
  Must(::shutdown(client_fd.get(), SHUT_WR) == 0);
  const auto request = server.Read(kControlRequestBytesMax, kPatience);
  const size_t newline = input.find('\n');
  Must((request && *request) == (newline <= kControlRequestBytesMax));
  if (!request || !*request) return;
  Must(**request == input.substr(0, newline));
  std::atomic<int> long_answers = 0;
  ControlReply reply(server, long_answers);
  AnswerControl(subject, std::chrono::steady_clock::now(), **request, reply);
  Must(reply.Flush().has_value());
  server_fd.Reset();
  CheckAnswer(client);
}

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  static const Store store;
  Ask(store.Subject(), AsText(std::as_bytes(std::span(data, std::min(size, kInputBytesMax)))));
  return 0;
}
