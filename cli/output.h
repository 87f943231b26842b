// What tdefs prints: data on standard output; `error:`, `hint:` and `note:` lines on standard error.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "fs/control_json.h"

namespace tdefs {

// One line on standard error; control characters become `?`.
void PrintNote(std::string_view text);
// Prints the error with its hint and returns its exit code.
int PrintError(const Error& error);
// The document, indented.
void PrintJson(const Json& json);
// One aligned "label  value" line of a report.
void PrintField(std::string_view label, std::string_view value);
// The exit codes, one a line: number, label, meaning.
std::string ExitCodeTable();

// A name as one printable word: control characters, space and backslash as a backslash and three octal digits.
std::string Printable(std::string_view name);
// A sentence: control characters become `?`.
std::string PrintableText(std::string_view text);
// "2025-01-31 23:59:59 UTC".
std::string TimeText(uint64_t unix_s);
// "1.5 MiB".
std::string SizeText(uint64_t bytes);

// The end of a run: flushes standard output; an error there (a full disk) is an error of the command.
Status FlushOutput();

}  // namespace tdefs
