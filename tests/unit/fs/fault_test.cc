// R8: every backing call fails once, or from some time on, with each error that a disk, a quota or a limit gives; reads
// and writes come back short. What fails says so with that error and leaves each file as it was or as it was to become;
// what follows works; the store closes, opens again and is sound. The faults are in the system calls themselves
// (base/failpoint.h): everything above them is the real thing.
#ifdef TDEFS_FAILPOINTS

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/failpoint.h"
#include "fs/backing_walk.h"
#include "fs/check.h"
#include "fs/healer.h"
#include "tests/unit/fs/temporary_store.h"

namespace tdefs {
namespace {

using Tree = std::map<std::string, std::string>;  // path → content

std::string Pattern(size_t size, char first) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(1 + (static_cast<size_t>(first) + i * 7) % 251);
  return text;
}

void Put(Tree& tree, const std::string& path, size_t offset, const std::string& data) {
  std::string& content = tree[path];
  content.resize(std::max(content.size(), offset + data.size()));
  content.replace(offset, data.size(), data);
}

// Everything that a step needs of the store, by path.
class Session {
 public:
  TemporaryStore store;

  Volume& volume() { return store.volume(); }

  Result<std::pair<NodeId, std::string>> Split(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return std::pair(kRootNode, path);
    return std::pair(TRY(store.Find(path.substr(0, slash))), path.substr(slash + 1));
  }
  Result<std::unique_ptr<FileHandle>> Open(const std::string& path, int flags) {
    const NodeId node = TRY(store.Find(path));
    return volume().Open(node, flags);
  }
  Status Create(const std::string& path, const std::string& data) {
    auto [parent, name] = TRY(Split(path));
    auto opened = TRY(volume().Create(parent, name.c_str(), 0644, O_RDWR | O_EXCL, Caller()));
    return WriteAll(*opened.handle, 0, data);
  }
  Status WriteTo(const std::string& path, uint64_t offset, const std::string& data, int flags = O_RDWR) {
    auto handle = TRY(Open(path, flags));
    return WriteAll(*handle, offset, data);
  }
  Status Resize(const std::string& path, uint64_t size) {
    AttributeChange change;
    change.size = size;
    const NodeId node = TRY(store.Find(path));
    TRY(volume().SetAttributes(node, nullptr, change));
    return {};
  }
  Status Allocate(const std::string& path, int mode, uint64_t offset, uint64_t length) {
    auto handle = TRY(Open(path, O_RDWR));
    return volume().Allocate(*handle, mode, offset, length);
  }
  Status Rename(const std::string& from, const std::string& to, unsigned flags = 0) {
    auto [from_dir, from_name] = TRY(Split(from));
    auto [to_dir, to_name] = TRY(Split(to));
    return volume().Rename(from_dir, from_name.c_str(), to_dir, to_name.c_str(), flags);
  }
  Status Link(const std::string& from, const std::string& to) {
    const NodeId node = TRY(store.Find(from));
    auto [dir, name] = TRY(Split(to));
    TRY(volume().Link(node, dir, name.c_str()));
    return {};
  }
  Status Unlink(const std::string& path) {
    auto [dir, name] = TRY(Split(path));
    return volume().Unlink(dir, name.c_str());
  }
  Status Sync(const std::string& path, bool data_only) {
    auto handle = TRY(Open(path, O_RDWR));
    return volume().Sync(*handle, data_only);
  }
  Result<std::string> Read(const std::string& path, int flags = O_RDONLY) {
    auto handle = TRY(Open(path, flags));
    IoBuffer buffer;
    return std::string(AsText(TRY(volume().Read(*handle, 0, 1 << 20, buffer))));
  }

 private:
  // Each piece from a fresh copy: the volume encrypts in place.
  Status WriteAll(FileHandle& handle, uint64_t offset, const std::string& data) {
    for (size_t done = 0; done < data.size();) {
      std::string piece = data.substr(done);
      done += TRY(volume().Write(handle, offset + done, std::as_writable_bytes(std::span(piece))));
    }
    return {};
  }
};

struct Step {
  const char* name;
  std::function<Status(Session&)> run;
  std::function<void(Tree&)> effect = [](Tree&) {};
  bool atomic = true;  // a failed one changed everything or nothing
};

Status Unnamed(Session& session) {
  auto opened = TRY(session.volume().CreateUnnamed(kRootNode, 0600, O_RDWR, Caller()));
  std::string data = Pattern(70, 'u');
  TRY(session.volume().Write(*opened.handle, 0, std::as_writable_bytes(std::span(data))));
  TRY(session.volume().Link(opened.entry.id, kRootNode, "unnamed"));
  return {};
}

Status Attributes(Session& session) {
  const NodeId node = TRY(session.store.Find("d2/c"));
  AttributeChange change;
  change.mode = 0640;
  change.uid = ::getuid();
  change.modification_time = timespec{1, 0};
  TRY(session.volume().SetAttributes(node, nullptr, change));
  TRY(session.volume().SetXattr(node, "user.x", AsBytes("value"), 0));
  return session.volume().RemoveXattr(node, "user.x");
}

Status Nodes(Session& session) {
  TRY(session.volume().MakeSymlink(kRootNode, "symlink", "a", Caller()));
  TRY(session.volume().MakeNode(kRootNode, "fifo", S_IFIFO | 0600, 0, Caller()));
  return {};
}

Status UseUnlinked(Session& session) {
  auto opened = TRY(session.volume().Create(kRootNode, "gone", 0600, O_RDWR | O_EXCL, Caller()));
  TRY(session.Unlink("gone"));
  std::string data = Pattern(50, 'g');
  TRY(session.volume().Write(*opened.handle, 3, std::as_writable_bytes(std::span(data))));
  TRY(session.volume().Sync(*opened.handle, false));
  opened.handle.reset();
  TRY(session.volume().Open(opened.entry.id, O_RDONLY));  // as through /proc/PID/fd
  return {};
}

Status SyncRoot(Session& session) {
  auto handle = TRY(session.volume().OpenDirectory(kRootNode));
  return session.volume().SyncDirectory(*handle, false);
}

Status MakeDirectory(Session& session, const char* name) {
  TRY(session.volume().MakeDirectory(kRootNode, name, 0755, Caller()));
  return {};
}

void Swap(Tree& tree, const std::string& a, const std::string& b) {
  std::swap(tree[a], tree[b]);
}
void Move(Tree& tree, const std::string& from, const std::string& to) {
  tree[to] = tree[from];
  tree.erase(from);
}

std::vector<Step> Steps() {
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  auto zero = [](Tree& tree, const char* path, size_t from, size_t to) {
    std::string& content = tree[path];
    for (size_t i = from; i < std::min(to, content.size()); ++i) content[i] = '\0';
  };
  return {
      {"create a", [](Session& s) { return s.Create("a", Pattern(100, 'a')); },
       [](Tree& t) { Put(t, "a", 0, Pattern(100, 'a')); }, false},
      {"write behind the end of a", [](Session& s) { return s.WriteTo("a", 4100, Pattern(100, 'b')); },
       [](Tree& t) { Put(t, "a", 4100, Pattern(100, 'b')); }, false},
      {"write into the hole of a", [](Session& s) { return s.WriteTo("a", 1003, Pattern(50, 'c')); },
       [](Tree& t) { Put(t, "a", 1003, Pattern(50, 'c')); }, false},
      {"create b", [](Session& s) { return s.Create("b", Pattern(5000, 'd')); },
       [](Tree& t) { Put(t, "b", 0, Pattern(5000, 'd')); }, false},
      {"fsync b", [](Session& s) { return s.Sync("b", false); }},
      {"rename b to c", [](Session& s) { return s.Rename("b", "c"); }, [](Tree& t) { Move(t, "b", "c"); }},
      {"create e", [](Session& s) { return s.Create("e", Pattern(300, 'e')); },
       [](Tree& t) { Put(t, "e", 0, Pattern(300, 'e')); }, false},
      {"rename e over c", [](Session& s) { return s.Rename("e", "c"); }, [](Tree& t) { Move(t, "e", "c"); }},
      {"exchange a and c", [](Session& s) { return s.Rename("a", "c", RENAME_EXCHANGE); },
       [](Tree& t) { Swap(t, "a", "c"); }},
      {"mkdir d", [](Session& s) { return MakeDirectory(s, "d"); }},
      {"rename c to d/c", [](Session& s) { return s.Rename("c", "d/c"); }, [](Tree& t) { Move(t, "c", "d/c"); }},
      {"rename d to d2", [](Session& s) { return s.Rename("d", "d2"); }, [](Tree& t) { Move(t, "d/c", "d2/c"); }},
      {"link a to d2/l", [](Session& s) { return s.Link("a", "d2/l"); }, [](Tree& t) { t["d2/l"] = t["a"]; }},
      {"unlink a", [](Session& s) { return s.Unlink("a"); }, [](Tree& t) { t.erase("a"); }},
      {"shrink d2/c", [](Session& s) { return s.Resize("d2/c", 1033); }, [](Tree& t) { t["d2/c"].resize(1033); },
       false},
      {"grow d2/c", [](Session& s) { return s.Resize("d2/c", 5003); }, [](Tree& t) { t["d2/c"].resize(5003); }, false},
      {"shrink d2/c in its hole", [](Session& s) { return s.Resize("d2/c", 3007); },
       [](Tree& t) { t["d2/c"].resize(3007); }, false},
      {"allocate d2/c", [](Session& s) { return s.Allocate("d2/c", 0, 3000, 9001); },
       [](Tree& t) { t["d2/c"].resize(12001); }, false},
      {"punch d2/c", [](Session& s) { return s.Allocate("d2/c", kPunch, 1005, 8000); },
       [zero](Tree& t) { zero(t, "d2/c", 1005, 9005); }, false},
      {"zero a range of d2/c", [](Session& s) { return s.Allocate("d2/c", FALLOC_FL_ZERO_RANGE, 11990, 100); },
       [zero](Tree& t) {
         zero(t, "d2/c", 11990, 12001);
         t["d2/c"].resize(12090);
       },
       false},
      {"fdatasync d2/c", [](Session& s) { return s.Sync("d2/c", true); }},
      {"empty d2/c", [](Session& s) { return s.Resize("d2/c", 0); }, [](Tree& t) { t["d2/c"].clear(); }, false},
      {"write d2/c", [](Session& s) { return s.WriteTo("d2/c", 0, Pattern(40, 'f')); },
       [](Tree& t) { Put(t, "d2/c", 0, Pattern(40, 'f')); }, false},
      {"truncate and write d2/l", [](Session& s) { return s.WriteTo("d2/l", 0, Pattern(90, 'h'), O_RDWR | O_TRUNC); },
       [](Tree& t) { t["d2/l"] = Pattern(90, 'h'); }, false},
      {"make an unnamed file", Unnamed, [](Tree& t) { t["unnamed"] = Pattern(70, 'u'); }, false},
      {"change attributes", Attributes},
      {"make nodes", Nodes},
      {"create direct", [](Session& s) { return s.Create("direct", ""); }, [](Tree& t) { t["direct"] = ""; }},
      {"write direct", [](Session& s) { return s.WriteTo("direct", 0, Pattern(8192, 'i'), O_RDWR | O_DIRECT); },
       [](Tree& t) { t["direct"] = Pattern(8192, 'i'); }, false},
      {"read direct",
       [](Session& s) -> Status {
         const std::string direct = TRY(s.Read("direct", O_RDONLY | O_DIRECT));
         const std::string buffered = TRY(s.Read("direct"));
         EXPECT_EQ(direct, buffered);
         return {};
       }},
      {"rotate the data key",
       [](Session& s) -> Status {
         TRY(s.store.keys().RotateDataKey());
         return {};
       }},
      {"create f", [](Session& s) { return s.Create("f", Pattern(60, 'j')); },
       [](Tree& t) { t["f"] = Pattern(60, 'j'); }, false},
      {"compact", [](Session& s) { return s.store.keys().files().Compact(); }},
      {"use an unlinked file", UseUnlinked},
      {"sync the root", SyncRoot},
  };
}

// Whether `actual` can stand where a step that was to turn `before` into `after` has failed half-way: bytes are old,
// new or zero.
bool IsBetween(const Tree& before, const Tree& after, const Tree& actual) {
  for (const auto& [path, content] : actual) {
    const auto old_file = before.find(path), new_file = after.find(path);
    if (old_file == before.end() && new_file == after.end()) return false;
    const std::string old_content = old_file == before.end() ? "" : old_file->second;
    const std::string new_content = new_file == after.end() ? "" : new_file->second;
    if (content.size() > std::max(old_content.size(), new_content.size())) return false;
    for (size_t i = 0; i < content.size(); ++i) {
      const bool is_old = i < old_content.size() && content[i] == old_content[i];
      const bool is_new = i < new_content.size() && content[i] == new_content[i];
      if (!is_old && !is_new && content[i] != '\0') return false;
    }
  }
  for (const auto& [path, content] : before) {
    if (after.contains(path) && !actual.contains(path)) return false;
  }
  return true;
}

// All files of the backing directory as the volume shows them.
Tree ReadAll(Session& session) {
  Tree tree;
  const auto root = OpenAt(AT_FDCWD, session.store.backing(), O_RDONLY | O_DIRECTORY);
  const WalkVisitor visitor{
      .file = [&](const WalkedFile& file) -> Status {
        const std::string path = file.Path().substr(1);
        auto content = session.Read(path);
        EXPECT_TRUE(content) << path << ": " << content.error().Text();
        if (content) tree[path] = *content;
        return {};
      },
      .unreadable = [](const std::string&, const Error& error) -> Status { return std::unexpected(error); }};
  EXPECT_TRUE(WalkBackingTree(root->get(), visitor));
  return tree;
}

void ExpectSound(Session& session) {
  auto keys =
      KeyManager::Open(session.store.backing(), session.store.encryption(), 60'000, KeyManager::Access::kReadOnly);
  ASSERT_TRUE(keys) << keys.error().Text();
  auto report = CheckStore(**keys, session.store.backing(), [](const Finding& finding) {
    // A removal that could not be recorded leaves an entry that names nothing.
    if (finding.kind == Finding::Kind::kStaleEntry) return;
    ADD_FAILURE() << finding.path << ": " << finding.message;
  });
  ASSERT_TRUE(report) << report.error().Text();
  EXPECT_TRUE(report->clean);
}

// After whatever failed: everything is readable, work goes on, and the store closes, opens and is sound.
void ExpectServing(Session& session) {
  ASSERT_TRUE(ArmFailpoints(""));
  Tree tree = ReadAll(session);
  Status created = session.Create("afterwards", Pattern(5000, 'z'));
  ASSERT_TRUE(created) << created.error().Text();
  Status synced = session.Sync("afterwards", false);
  ASSERT_TRUE(synced) << synced.error().Text();
  Status renamed = session.Rename("afterwards", "at last");
  ASSERT_TRUE(renamed) << renamed.error().Text();
  tree["at last"] = Pattern(5000, 'z');
  session.store.Close();
  session.store.Open();
  EXPECT_EQ(ReadAll(session), tree);
  if (session.store.keys().healing()) {
    Healer healer(session.volume());
    healer.Heal();
  }
  EXPECT_FALSE(session.store.keys().healing());
  session.store.Close();
  ExpectSound(session);
}

// Runs the steps until one fails, which must then fail with `error`; 0: none may fail.
void RunUntilFailure(Session& session, int error) {
  Tree before;
  for (const Step& step : Steps()) {
    SCOPED_TRACE(step.name);
    Tree after = before;
    step.effect(after);
    const Status status = step.run(session);
    if (status) {
      before = after;
      continue;
    }
    EXPECT_EQ(status.error().Errno(), error) << status.error().Text();
    ASSERT_TRUE(ArmFailpoints(""));
    Tree actual = ReadAll(session);
    actual.erase("gone");  // made to be unlinked at once
    if (step.atomic) {
      EXPECT_TRUE(actual == before || actual == after);
    } else {
      EXPECT_TRUE(IsBetween(before, after, actual));
    }
    return;
  }
  ASSERT_TRUE(ArmFailpoints(""));
  EXPECT_EQ(ReadAll(session), before);
}

// Runs all steps, whatever fails.
void RunThrough(Session& session) {
  for (const Step& step : Steps()) (void)step.run(session);
}

bool IsUsedHere(const std::string& point) {
  // Of init, import, the lock and opening: not while a volume serves; what only follows upon another failure; and what
  // takes the place of file handles where the filesystem has none.
  for (const char* elsewhere :
       {"init.", "import.", "lock.", "file.", "log.cut", "content.undo", "name.undo", "inode.open", "repair.", "close.",
        "name.free-space", "content.note-tail", "content.read-tail"}) {
    if (point.starts_with(elsewhere)) return point == "inode.open-handle";
  }
  return true;
}

// How often each point is reached by the steps.
const std::map<std::string, uint32_t>& Hits() {
  static const auto hits = [] {
    std::map<std::string, uint32_t> counted;
    Session session;
    session.store.Open();
    EXPECT_TRUE(ArmFailpoints("tag.read:EIO@4000000000"));
    RunThrough(session);
    for (const auto& [name, transfer] : FailpointNames()) counted[name] = FailpointHits(name);
    EXPECT_TRUE(ArmFailpoints(""));
    return counted;
  }();
  return hits;
}

constexpr std::array<std::pair<const char*, int>, 5> kErrors = {
    {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}}};

std::vector<std::string> PointsUsedHere() {
  std::vector<std::string> names;
  for (const auto& [name, transfer] : FailpointNames()) {
    if (IsUsedHere(name)) names.push_back(name);
  }
  return names;
}

class FaultTest : public ::testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { EXPECT_TRUE(ArmFailpoints("")); }

  // Arms, runs and asks for a serving and sound store.
  static void RunWith(const std::string& armed, const std::function<void(Session&)>& run) {
    SCOPED_TRACE(armed);
    Session session;
    session.store.Open();
    ASSERT_TRUE(ArmFailpoints(armed));
    run(session);
    ExpectServing(session);
  }
};

TEST_P(FaultTest, OneFailureIsReportedAndLosesNothing) {
  const uint32_t hits = Hits().at(GetParam());
  ASSERT_GT(hits, 0u) << "no step reaches this point";
  for (size_t i = 0; i < kErrors.size(); ++i) {
    const auto& [name, error] = kErrors[i];
    // The first error at the first hits and the last; the others at one each, which moves on.
    for (uint32_t hit = 1; hit <= hits; hit += i == 0 && hit < 4 ? 1 : std::max(1u, hits / 3)) {
      if (i > 0 && hit != 1 + i % hits) continue;
      RunWith(GetParam() + ":" + name + "@" + std::to_string(hit),
              [&](Session& session) { RunUntilFailure(session, error); });
    }
  }
}

TEST_P(FaultTest, FailuresThatStayLoseNothingOnceTheyEnd) {
  for (const char* error : {"EIO", "ENOSPC"}) {
    RunWith(GetParam() + ":" + error, RunThrough);
    RunWith(GetParam() + ":" + error + "@3+", RunThrough);
  }
}

TEST_P(FaultTest, ShortTransfersAreNoFailures) {
  if (!FailpointNames().at(GetParam())) return;
  RunWith(GetParam() + ":short", [](Session& session) { RunUntilFailure(session, 0); });
}

TEST_P(FaultTest, AFailureWhileTheStoreCloses) {
  Session session;
  session.store.Open();
  RunThrough(session);
  ASSERT_TRUE(ArmFailpoints(GetParam() + ":EIO"));
  session.store.CloseAsIs();
  ASSERT_TRUE(ArmFailpoints(""));
  session.store.Open();
  ExpectServing(session);
}

TEST_P(FaultTest, AFailureWhileTheStoreOpens) {
  Session session;
  session.store.Open();
  RunThrough(session);
  session.store.Abandon();
  ASSERT_TRUE(ArmFailpoints(GetParam() + ":EIO"));
  (void)session.store.TryOpen();
  session.store.Abandon();
  ASSERT_TRUE(ArmFailpoints(""));
  session.store.Open();
  ExpectServing(session);
}

INSTANTIATE_TEST_SUITE_P(Points, FaultTest, ::testing::ValuesIn(PointsUsedHere()), [](const auto& tested) {
  std::string name = tested.param;
  std::ranges::replace_if(
      name, [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
});

}  // namespace
}  // namespace tdefs

#endif
