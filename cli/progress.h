// A count on the terminal while something takes long.
#pragma once

#include <cstdint>
#include <string>

namespace tdefs {

// One line on standard error that is written over, if that is a terminal; nothing otherwise.
class Progress {
 public:
  explicit Progress(std::string what);  // "files surveyed"
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(uint64_t count);
  // Takes the line away, so that other text can be printed.
  void Clear();

 private:
  const std::string what_;
  const bool is_terminal_;
  bool is_shown_ = false;
};

}  // namespace tdefs
