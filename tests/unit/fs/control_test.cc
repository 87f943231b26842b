#include "fs/control.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/file_io.h"
#include "fs/control_json.h"
#include "fs/control_listener.h"
#include "fs/control_socket.h"
#include "keys/store_id.h"

namespace tdefs {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kPatience = 20s;

// A backing directory, deeper than a socket's address is long, with an empty store directory.
class ControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/var/tmp/tdefs-control-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    top_ = name;
    backing_ = top_ + "/" + std::string(200, 'd');
    std::filesystem::create_directories(backing_ + "/" + kStoreDirName);
    store_dir_.Reset(::open((backing_ + "/" + kStoreDirName).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(store_dir_);
  }
  void TearDown() override {
    listener_.reset();
    std::filesystem::remove_all(top_);
  }

  void Listen(ControlHandler handler) {
    Result<UniqueFd> listening = ListenControlSocket(store_dir_.get());
    ASSERT_TRUE(listening) << listening.error().Text();
    auto started = ControlListener::Start(*std::move(listening), std::move(handler));
    ASSERT_TRUE(started);
    listener_ = *std::move(started);
  }
  void ListenEcho() {
    Listen([](std::string_view request, ControlReply& reply) { (void)reply.Send(request); });
  }
  UniqueFd Connect() {
    Result<UniqueFd> socket = ConnectControlSocket(store_dir_.get());
    EXPECT_TRUE(socket) << socket.error().Text();
    return std::move(socket).value_or(UniqueFd());
  }
  Status Ask(std::string_view request) {
    lines_.clear();
    return ControlRequest(backing_, request, [&](std::string_view line) { lines_.emplace_back(line); });
  }

  std::string top_, backing_;
  UniqueFd store_dir_;
  std::unique_ptr<ControlListener> listener_;
  std::vector<std::string> lines_;
};

TEST_F(ControlTest, AnswersARequestUnderALongPath) {
  ListenEcho();
  ASSERT_TRUE(Ask("hello"));
  EXPECT_EQ(lines_, std::vector<std::string>{"hello"});
}

TEST_F(ControlTest, SocketIsOpenToItsOwnerOnly) {
  const mode_t before = ::umask(0);
  ListenEcho();
  ::umask(before);
  struct stat attributes;
  ASSERT_EQ(::fstatat(store_dir_.get(), kControlSocketName, &attributes, AT_SYMLINK_NOFOLLOW), 0);
  EXPECT_EQ(attributes.st_mode & 07777, 0600U);
}

TEST_F(ControlTest, ADeadDaemonsSocketIsReplaced) {
  ListenControlSocket(store_dir_.get()).value().Reset();  // bound and listening, then gone: the file stays
  Status status = Ask("hello");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kNotMounted);
  ListenEcho();
  EXPECT_TRUE(Ask("hello"));
}

TEST_F(ControlTest, NobodyThereIsNotMounted) {
  EXPECT_EQ(Ask("hello").error().code, ErrorCode::kNotMounted);
  backing_ += "/missing";
  EXPECT_EQ(Ask("hello").error().code, ErrorCode::kNotMounted);
}

TEST_F(ControlTest, LongAnswersArriveWhole) {
  constexpr int kLines = 100'000;
  Listen([](std::string_view, ControlReply& reply) {
    for (int i = 0; i < kLines; ++i) {
      if (!reply.Send(std::to_string(i) + std::string(100, 'x'))) return;
    }
  });
  ASSERT_TRUE(Ask("go"));
  ASSERT_EQ(lines_.size(), static_cast<size_t>(kLines));
  EXPECT_EQ(lines_.back(), std::to_string(kLines - 1) + std::string(100, 'x'));
}

TEST_F(ControlTest, ALongRequestIsRefused) {
  ListenEcho();
  Status status = Ask(std::string(kControlRequestBytesMax + 1, 'x'));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kLimit);
}

TEST_F(ControlTest, AnUnfinishedRequestIsRefused) {
  ListenEcho();
  UniqueFd socket = Connect();
  LineStream stream(socket.get(), -1);
  ASSERT_TRUE(stream.Write("half a lin", kPatience));
  ASSERT_EQ(::shutdown(socket.get(), SHUT_WR), 0);
  Result<std::optional<std::string>> line = stream.Read(1 << 20, kPatience);
  ASSERT_TRUE(line && *line);
  EXPECT_THAT(**line, HasSubstr("not whole"));
}

TEST_F(ControlTest, ErrorsArriveAsWhatTheyWere) {
  for (int i = 0; i < kErrorCodeCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    listener_.reset();
    Listen([code](std::string_view, ControlReply& reply) {
      (void)reply.Send(EncodeJson(ErrorJson(Error{code, code == ErrorCode::kSystem ? ENOSPC : 0, "it \"broke\""})));
    });
    Status status = Ask("x");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, code);
    EXPECT_EQ(status.error().message, "it \"broke\"");
    EXPECT_EQ(status.error().sys_errno, code == ErrorCode::kSystem ? ENOSPC : 0);
    EXPECT_TRUE(lines_.empty());
  }
}

TEST_F(ControlTest, StopsAtOnceWhileClientsHang) {
  std::mutex mutex;
  std::condition_variable entered;
  int busy = 0;
  Listen([&](std::string_view, ControlReply& reply) {
    {
      const std::lock_guard lock(mutex);
      ++busy;
    }
    entered.notify_one();
    while (reply.Send(std::string(1 << 16, 'x'))) {
    }  // until the client's buffer is full and the server stops
  });
  UniqueFd silent = Connect();  // never sends its request
  UniqueFd deaf = Connect();    // never reads its answer
  LineStream stream(deaf.get(), -1);
  ASSERT_TRUE(stream.Write("x\n", kPatience));
  {
    std::unique_lock lock(mutex);
    entered.wait(lock, [&] { return busy == 1; });
  }
  listener_.reset();  // would take kControlTimeoutMs, and the test its limit, if it waited for the clients
}

TEST_F(ControlTest, ManyClientsAreServedInTurn) {
  ListenEcho();
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < 3 * kControlClientsMax; ++i) {
    sockets.push_back(Connect());
    ASSERT_TRUE(LineStream(sockets.back().get(), -1).Write("x\n", kPatience));
  }
  for (size_t i = sockets.size(); i-- > 0;) {  // the last first: the answers of the others wait for their readers
    LineStream stream(sockets[i].get(), -1);
    EXPECT_EQ(stream.Read(100, kPatience).value(), "x");
  }
}

TEST_F(ControlTest, ClientsThatDawdleMakeRoomForOthers) {
  ListenEcho();
  // If each of them were given kControlTimeoutMs, the next would lose its own patience.
  std::vector<UniqueFd> sockets;
  while (sockets.size() < 10 * kControlClientsMax) {
    sockets.push_back(Connect());
    const std::string_view said = sockets.size() % 2 == 0 ? "half a li" : "";
    ASSERT_TRUE(LineStream(sockets.back().get(), -1).Write(said, kPatience));
  }
  const Status status = Ask("x");
  ASSERT_TRUE(status) << status.error().Text();
  EXPECT_EQ(lines_, std::vector<std::string>{"x"});
}

TEST_F(ControlTest, SlowReadersDoNotTakeTheLastThread) {
  std::mutex mutex;
  std::condition_variable entered;
  int busy = 0;
  Listen([&](std::string_view request, ControlReply& reply) {
    Status sent = reply.Send(request == "long" ? std::string(1 << 16, 'x') : std::string(request));
    if (!sent) return (void)reply.Send(EncodeJson(ErrorJson(sent.error())));
    if (request != "long") return;
    {
      const std::lock_guard lock(mutex);
      ++busy;
    }
    entered.notify_one();
    for (int i = 0; i < 100 && reply.Send(std::string(1 << 16, 'x')); ++i) {
    }
  });
  std::vector<UniqueFd> deaf;
  while (deaf.size() < kControlLongAnswersMax) {
    deaf.push_back(Connect());
    ASSERT_TRUE(LineStream(deaf.back().get(), -1).Write("long\n", kPatience));
  }
  {
    std::unique_lock lock(mutex);
    entered.wait(lock, [&] { return busy == kControlLongAnswersMax; });
  }
  const Status refused = Ask("long");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  EXPECT_TRUE(Ask("short"));
}

TEST_F(ControlTest, AnswersThatAreNoneAreErrors) {
  Listen([](std::string_view, ControlReply&) {});
  Status status = Ask("x");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().Text(), HasSubstr("no answer"));
}

TEST(ControlJsonTest, PathsThatAreNotUtf8KeepTheirBytes) {
  const Json json = FileJson({"/a\xff", Method::kAes256Ctr, 42, false});
  EXPECT_EQ(json["path_hex"], "2f61ff");
  EXPECT_THAT(EncodeJson(json), HasSubstr("\"key_id\":\"42\""));
  EXPECT_FALSE(FileJson({"/ä", Method::kPlaintext, 0, false}).contains("path_hex"));
  EXPECT_TRUE(FileJson({"/ä", Method::kPlaintext, 0, false})["key_id"].is_null());
}

TEST(ControlJsonTest, WhatIsNoErrorIsNone) {
  for (const char* line : {"{}", "[]", "1", "{\"error\":1}", "{\"end\":true}"}) {
    EXPECT_FALSE(ErrorFromJson(*DecodeJson(line))) << line;
  }
  EXPECT_FALSE(DecodeJson("{"));
  EXPECT_TRUE(ErrorFromJson(*DecodeJson("{\"error\":{}}")));
  EXPECT_TRUE(ErrorFromJson(*DecodeJson("{\"error\":{\"code\":\"what\",\"errno\":\"x\"}}")));
}

}  // namespace
}  // namespace tdefs
