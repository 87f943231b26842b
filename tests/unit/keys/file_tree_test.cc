#include "keys/file_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "base/bytes.h"

namespace tdefs {
namespace {

constexpr DirId kRoot = FileTree::kRoot;

FileRecord Record(uint64_t number) {
  FileRecord record{.method = Method::kAes256Ctr, .key_id = number, .iv = {}};
  StoreBigEndian(number, record.iv.data());
  return record;
}

std::map<std::string, uint64_t> Content(const FileTree& tree) {
  std::map<std::string, uint64_t> content;
  tree.ForEach([&](const std::string& path, RecordId, const FileRecord& record, bool) {
    EXPECT_TRUE(content.emplace(path, record.key_id).second) << path;
    return true;
  });
  return content;
}

using Paths = std::map<std::string, uint64_t>;

TEST(FileTreeTest, FindsWhatWasInserted) {
  FileTree tree;
  const DirId base = tree.Enter(kRoot, "base");
  const RecordId id = tree.Insert(base, "1259", Record(7));
  EXPECT_EQ(tree.Find(base, "1259"), id);
  EXPECT_EQ(tree.FindPath("/base/1259"), id);
  EXPECT_EQ(tree.Record(id), Record(7));
  EXPECT_EQ(tree.PathOf(base, "1259"), "/base/1259");
  EXPECT_EQ(tree.PathOf(id), "/base/1259");
  for (const char* absent : {"/base/125", "/base", "/", "", "base/1259", "/base//1259", "/base/1259/x", "/x"}) {
    EXPECT_EQ(tree.FindPath(absent), std::nullopt) << absent;
  }
}

TEST(FileTreeTest, DirectoryExistsWhileItHasChildrenOrPins) {
  FileTree tree;
  const DirId a = tree.Enter(kRoot, "a");
  const DirId b = tree.Enter(a, "b");
  tree.Unpin(a);
  EXPECT_TRUE(tree.FindDir(kRoot, "a"));
  EXPECT_TRUE(tree.Holds(kRoot, "a"));
  EXPECT_FALSE(tree.Holds(a, "b"));
  tree.Unpin(b);
  EXPECT_FALSE(tree.FindDir(kRoot, "a"));

  const DirId c = tree.Enter(kRoot, "c");
  tree.Insert(c, "file", Record(1));
  tree.Unpin(c);
  EXPECT_TRUE(tree.FindDir(kRoot, "c"));
  EXPECT_TRUE(tree.Remove(c, "file"));
  EXPECT_FALSE(tree.FindDir(kRoot, "c"));
}

TEST(FileTreeTest, DirectoryRenameMovesTheSubtreeAndKeepsItsId) {
  FileTree tree;
  const DirId old_parent = tree.Enter(kRoot, "old");
  const DirId sub = tree.Enter(old_parent, "sub");
  tree.Insert(sub, "x", Record(1));
  const DirId target = tree.Enter(kRoot, "new");
  EXPECT_TRUE(tree.Rename(old_parent, "sub", target, "moved"));
  EXPECT_EQ(Content(tree), (Paths{{"/new/moved/x", 1}}));
  EXPECT_EQ(tree.PathOf(sub), "/new/moved");
  EXPECT_EQ(tree.FindDir(target, "moved"), sub);
}

TEST(FileTreeTest, RenameReplacesTheDestinationEvenWhenTheSourceHasNoRecord) {
  FileTree tree;
  tree.Insert(kRoot, "b", Record(2));
  EXPECT_FALSE(tree.Rename(kRoot, "a", kRoot, "b"));
  EXPECT_EQ(Content(tree), Paths{});
  tree.Insert(kRoot, "a", Record(1));
  tree.Insert(kRoot, "b", Record(2));
  EXPECT_TRUE(tree.Rename(kRoot, "a", kRoot, "b"));
  EXPECT_EQ(Content(tree), (Paths{{"/b", 1}}));
  EXPECT_EQ(tree.record_count(), 1u);
}

TEST(FileTreeTest, RenameBetweenTwoLinksOfOneFileDoesNothing) {
  FileTree tree;
  const RecordId id = tree.Insert(kRoot, "a", Record(1));
  tree.Link(kRoot, "b", id);
  EXPECT_TRUE(tree.Rename(kRoot, "a", kRoot, "b"));
  EXPECT_EQ(Content(tree), (Paths{{"/a", 1}, {"/b", 1}}));
}

TEST(FileTreeTest, NothingMovesIntoItselfOrOntoItsOwnParent) {
  FileTree tree;
  const DirId a = tree.Enter(kRoot, "a");
  const DirId b = tree.Enter(a, "b");
  tree.Insert(b, "x", Record(1));
  const Paths before = Content(tree);
  tree.Rename(kRoot, "a", b, "c");
  tree.Rename(b, "x", kRoot, "a");
  tree.Rename(a, "b", a, "b");
  tree.Exchange(kRoot, "a", b, "x");
  tree.Exchange(b, "x", kRoot, "a");
  tree.Exchange(a, "b", a, "b");
  EXPECT_EQ(Content(tree), before);
}

TEST(FileTreeTest, LinksShareOneRecord) {
  FileTree tree;
  const RecordId id = tree.Insert(kRoot, "a", Record(1));
  tree.Link(kRoot, "b", id);
  tree.Link(kRoot, "c", id);
  tree.Link(kRoot, "c", id);
  EXPECT_EQ(tree.name_count(), 3u);
  EXPECT_EQ(tree.record_count(), 1u);
  tree.SetRecord(id, Record(5));
  EXPECT_EQ(Content(tree), (Paths{{"/a", 5}, {"/b", 5}, {"/c", 5}}));
  EXPECT_TRUE(tree.Remove(kRoot, "b"));
  EXPECT_TRUE(tree.Remove(kRoot, "a"));
  EXPECT_EQ(tree.PathOf(id), "/c");
  EXPECT_TRUE(tree.Remove(kRoot, "c"));
  EXPECT_EQ(tree.record_count(), 0u);
}

TEST(FileTreeTest, PinnedRecordOutlivesItsLastName) {
  FileTree tree;
  const RecordId id = tree.Insert(kRoot, "a", Record(1));
  tree.Pin(id);
  tree.Remove(kRoot, "a");
  EXPECT_EQ(tree.Record(id), Record(1));
  EXPECT_EQ(tree.PathOf(id), std::nullopt);
  tree.Link(kRoot, "again", id);
  tree.Unpin(id);
  EXPECT_EQ(tree.FindPath("/again"), id);
  tree.Remove(kRoot, "again");
  EXPECT_EQ(tree.record_count(), 0u);
}

TEST(FileTreeTest, RemovedPinnedDirectoryIsUnreachableAndValidUntilUnpinned) {
  FileTree tree;
  const DirId a = tree.Enter(kRoot, "a");
  const DirId b = tree.Enter(a, "b");
  tree.Insert(b, "x", Record(1));
  EXPECT_TRUE(tree.Remove(kRoot, "a"));
  EXPECT_EQ(tree.name_count(), 0u);
  EXPECT_FALSE(tree.IsReachable(b));
  EXPECT_EQ(tree.PathOf(b, "x"), std::nullopt);
  const RecordId late = tree.Insert(b, "late", Record(2));
  EXPECT_EQ(tree.Find(b, "late"), late);
  EXPECT_EQ(tree.PathOf(late), std::nullopt);
  EXPECT_EQ(Content(tree), Paths{});
  const DirId again = tree.Enter(kRoot, "a");
  EXPECT_NE(again, a);
  tree.Unpin(b);
  tree.Unpin(a);
  tree.Unpin(again);
  EXPECT_EQ(tree.name_count(), 0u);
  EXPECT_EQ(tree.record_count(), 0u);
}

TEST(FileTreeTest, FileGivesWayToADirectoryAndADirectoryToAFile) {
  FileTree tree;
  tree.Insert(kRoot, "a", Record(1));
  const DirId a = tree.Enter(kRoot, "a");
  EXPECT_EQ(tree.name_count(), 0u);
  tree.Insert(a, "x", Record(2));
  tree.Insert(kRoot, "a", Record(3));
  EXPECT_EQ(Content(tree), (Paths{{"/a", 3}}));
  tree.Unpin(a);
}

TEST(FileTreeTest, ExchangeTakesFilesSubtreesAndAbsentSides) {
  FileTree tree;
  const DirId d = tree.Enter(kRoot, "d");
  tree.Insert(d, "x", Record(1));
  tree.Insert(kRoot, "f", Record(2));
  tree.Exchange(kRoot, "d", kRoot, "f");
  EXPECT_EQ(Content(tree), (Paths{{"/d", 2}, {"/f/x", 1}}));
  EXPECT_EQ(tree.PathOf(d), "/f");
  tree.Exchange(kRoot, "d", kRoot, "absent");
  tree.Exchange(kRoot, "new", kRoot, "f");
  EXPECT_EQ(Content(tree), (Paths{{"/absent", 2}, {"/new/x", 1}}));
}

TEST(FileTreeTest, DeepTreesNeedNoRecursion) {
  constexpr int kDepth = 100'000;
  FileTree tree;
  DirId dir = kRoot;
  for (int i = 0; i < kDepth; ++i) {
    const DirId child = tree.Enter(dir, "d");
    tree.Unpin(dir);
    dir = child;
  }
  tree.Insert(dir, "x", Record(1));
  tree.Unpin(dir);
  EXPECT_EQ(tree.PathOf(dir)->size(), 2u * kDepth);
  EXPECT_EQ(Content(tree).size(), 1u);
  EXPECT_TRUE(tree.Remove(kRoot, "d"));
  EXPECT_FALSE(tree.FindDir(kRoot, "d"));
}

TEST(FileTreeTest, FreedSpaceIsUsedAgain) {
  FileTree tree;
  std::string name(255, 'n');
  uint64_t after_first = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 5000; ++i) tree.Insert(kRoot, name.substr(0, 6 + i % 249) + std::to_string(i % 10), Record(1));
    for (int i = 0; i < 5000; ++i) tree.Remove(kRoot, name.substr(0, 6 + i % 249) + std::to_string(i % 10));
    if (round == 0) after_first = tree.memory_bytes();
  }
  EXPECT_EQ(tree.memory_bytes(), after_first);
  EXPECT_EQ(tree.name_count(), 0u);
}

TEST(FileTreeTest, AMillionFilesNeedAtMost150BytesEach) {
  FileTree tree;
  const DirId dir = tree.Enter(kRoot, "base");
  for (int i = 0; i < 1'000'000; ++i) tree.Insert(dir, "some-database-" + std::to_string(100'000 + i), Record(1));
  EXPECT_LE(tree.memory_bytes() / 1'000'000, 150u);
}

TEST(FileTreeTest, SnapshotStaysAsItWasWhileTheTreeChanges) {
  FileTree tree;
  const DirId dir = tree.Enter(kRoot, "dir");
  for (uint64_t i = 0; i < 5000; ++i) tree.Insert(dir, "file" + std::to_string(i), Record(i));
  const Paths before = Content(tree);
  auto snapshot = tree.Freeze();
  auto second = tree.Freeze();
  tree.Rename(kRoot, "dir", kRoot, "elsewhere");
  for (uint64_t i = 0; i < 5000; i += 2) tree.Remove(dir, "file" + std::to_string(i));
  for (uint64_t i = 0; i < 5000; ++i) tree.Insert(kRoot, "new-" + std::to_string(i), Record(i + 10'000));
  const auto read = [](const FileTreeSnapshot& frozen) {
    Paths content;
    frozen.ForEach([&](const std::string& path, RecordId, const FileRecord& record, bool) {
      return content.emplace(path, record.key_id).second;
    });
    return content;
  };
  EXPECT_EQ(read(*snapshot), before);
  tree.Thaw(std::move(snapshot));
  tree.Remove(kRoot, "elsewhere");
  EXPECT_EQ(read(*second), before);
  EXPECT_EQ(second->name_count(), 5000u);
  tree.Thaw(std::move(second));
  EXPECT_EQ(tree.name_count(), 5000u);
}

// The model: a map from path to record number. Numbers stand for files, so links have equal ones.
class Model {
 public:
  Paths paths;

  static bool IsAtOrBelow(const std::string& path, const std::string& top) {
    return path == top || path.starts_with(top + "/");
  }
  void Remove(const std::string& top) {
    std::erase_if(paths, [&](const auto& entry) { return IsAtOrBelow(entry.first, top); });
  }
  Paths Take(const std::string& top) {
    Paths taken;
    for (const auto& [path, number] : paths) {
      if (IsAtOrBelow(path, top)) taken.emplace(path.substr(top.size()), number);
    }
    Remove(top);
    return taken;
  }
  void Put(const std::string& top, const Paths& taken) {
    for (const auto& [suffix, number] : taken) paths[top + suffix] = number;
  }
  // No file stands where a path needs a directory.
  void ClearParents(const std::string& path) {
    for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
      paths.erase(path.substr(0, end));
    }
  }
  void Rename(const std::string& from, const std::string& to) {
    const auto source = paths.find(from), target = paths.find(to);
    if (source != paths.end() && target != paths.end() && source->second == target->second) return;
    const Paths taken = Take(from);
    Remove(to);
    Put(to, taken);
  }
};

TEST(FileTreeTest, AgreesWithAModelOverRandomOperations) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
    FileTree tree;
    Model model;
    const auto random_path = [&] {
      std::string path;
      for (unsigned depth = 1 + below(4); depth > 0; --depth)
        path += "/" + std::string(1, static_cast<char>('a' + below(4)));
      return path;
    };
    struct Place {
      DirId dir;
      std::string name;
    };
    // Enters the directories of a path and leaves all pins but the last.
    const auto enter = [&](const std::string& path) {
      DirId dir = kRoot;
      size_t start = 1;
      for (size_t end; (end = path.find('/', start)) != std::string::npos; start = end + 1) {
        const DirId child = tree.Enter(dir, path.substr(start, end - start));
        tree.Unpin(dir);
        dir = child;
      }
      model.ClearParents(path);
      return Place{dir, path.substr(start)};
    };
    for (uint64_t step = 1; step <= 4000; ++step) {
      const std::string one = random_path(), two = random_path();
      if (one == two || Model::IsAtOrBelow(one, two) || Model::IsAtOrBelow(two, one)) continue;
      const Place a = enter(one);
      const Place b = enter(two);
      switch (below(6)) {
        case 0:
        case 1:
          tree.Insert(a.dir, a.name, Record(step));
          model.Remove(one);
          model.paths[one] = step;
          break;
        case 2:
          EXPECT_EQ(tree.Remove(a.dir, a.name), !model.Take(one).empty());
          break;
        case 3:
          tree.Rename(a.dir, a.name, b.dir, b.name);
          model.Rename(one, two);
          break;
        case 4: {
          tree.Exchange(a.dir, a.name, b.dir, b.name);
          const Paths from = model.Take(one), to = model.Take(two);
          model.Put(two, from);
          model.Put(one, to);
          break;
        }
        default:
          if (const auto existing = tree.Find(a.dir, a.name)) {
            tree.Link(b.dir, b.name, *existing);
            model.Remove(two);
            model.paths[two] = model.paths[one];
          }
      }
      tree.Unpin(a.dir);
      tree.Unpin(b.dir);
      if (step % 50 == 0) {
        ASSERT_EQ(Content(tree), model.paths) << "seed " << seed << " step " << step;
      }
      ASSERT_EQ(tree.name_count(), model.paths.size()) << "seed " << seed << " step " << step;
    }
    std::set<uint64_t> files;
    for (const auto& [path, number] : model.paths) files.insert(number);
    EXPECT_EQ(tree.record_count(), files.size());
    while (!model.paths.empty()) {
      const std::string top = model.paths.begin()->first;
      const Place place = enter(top);
      tree.Remove(place.dir, place.name);
      tree.Unpin(place.dir);
      model.Remove(top);
    }
    EXPECT_EQ(tree.record_count(), 0u);
  }
}

}  // namespace
}  // namespace tdefs
