// Fuzz target of Volume: each seven bytes are one operation on a store in memory and on a tree that is the truth:
// what, node, name, other node, other name, number (2). See VolumeSession.

#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/volume_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tdefs {
namespace {

constexpr size_t kOperationsMax = 64;

using Operation = void (VolumeSession::*)(const VolumeSession::Choice&);
constexpr Operation kOperations[] = {
    &VolumeSession::Make,        &VolumeSession::Create,    &VolumeSession::CreateUnnamed, &VolumeSession::Link,
    &VolumeSession::Remove,      &VolumeSession::Rename,    &VolumeSession::Lookup,        &VolumeSession::Forget,
    &VolumeSession::Open,        &VolumeSession::Close,     &VolumeSession::Write,         &VolumeSession::Read,
    &VolumeSession::Allocate,    &VolumeSession::Resize,    &VolumeSession::ChangeMode,    &VolumeSession::SetXattr,
    &VolumeSession::RemoveXattr, &VolumeSession::GetXattrs, &VolumeSession::ReadOther,     &VolumeSession::ChangeStore,
    &VolumeSession::Rename,      &VolumeSession::Create,    &VolumeSession::Write,
};

}  // namespace
}  // namespace tdefs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tdefs;
  static FuzzStore store;
  ByteReader input(std::as_bytes(std::span(data, size)));
  VolumeSession session(store);
  for (size_t done = 0; done < kOperationsMax && input.remaining() >= 7; ++done) {
    const auto what = *input.Get<uint8_t>();
    VolumeSession::Choice choice{};
    choice.node = *input.Get<uint8_t>();
    choice.name = *input.Get<uint8_t>();
    choice.other = *input.Get<uint8_t>();
    choice.other_name = *input.Get<uint8_t>();
    choice.number = *input.Get<uint16_t>();
    (session.*kOperations[what % std::size(kOperations)])(choice);
    session.CheckAttributes(choice);
  }
  return 0;
}
