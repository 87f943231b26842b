// The random 128-bit identity of a store and the names of its files (DESIGN 3).
#pragma once

#include <array>
#include <cstddef>

namespace tdefs {

using StoreId = std::array<std::byte, 16>;

inline constexpr char kStoreDirName[] = ".tdefs";  // inside the backing directory; invisible through the mount
inline constexpr char kLockName[] = "lock";
inline constexpr char kKeyDictionaryName[] = "key.dict";
inline constexpr char kFileDictionaryName[] = "file.dict";
inline constexpr char kControlSocketName[] = "control.sock";
inline constexpr char kTagXattrName[] = "user.tdefs";

}  // namespace tdefs
