#!/usr/bin/env python3
"""Puts the figures of test runs into a document.

  figures.py DOCUMENT FIGURES…

FIGURES are files of lines "TIME KIND key=value …", as `figure` in tests/lib/report.sh writes them. The text between the
lines `<!-- figures -->` and `<!-- end of figures -->` of DOCUMENT is replaced by one table for each kind, with a row for
each run and, where there are several, their sum.
"""
import sys

# What can be added up over runs; the rest are measures of one run.
COUNTS = {"kills", "mounts-killed", "operations", "checks", "cuts", "acknowledged", "commits", "losses", "failures", "runs",
          "seconds", "defects", "repairs"}
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def read(paths):
    kinds = {}
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                words = line.split()
                if len(words) < 3 or any("=" not in word for word in words[2:]):
                    sys.exit(f"error: {path}, line {number}: not a line of figures")
                kinds.setdefault(words[1], []).append((words[0], dict(word.split("=", 1) for word in words[2:])))
    return kinds


def number(text):
    try:
        return int(text)
    except ValueError:
        return None


def shown(text):
    value = number(text)
    return text if value is None or abs(value) < 10_000 else f"{value:,}"


def table(kind, runs):
    columns = list(dict.fromkeys(key for _, values in runs for key in values))
    rows = [[time] + [shown(values.get(key, "")) for key in columns] for time, values in runs]
    counted = [key for key in columns if key in COUNTS and all(key in values for _, values in runs)]
    if len(runs) > 1 and counted:
        total = {key: shown(str(sum(int(values[key]) for _, values in runs))) for key in counted}
        rows.append(["all"] + [total.get(key, "") for key in columns])
    lines = [f"**{kind}**", "", "| " + " | ".join(["ended"] + columns) + " |", "|" + "---|" * (len(columns) + 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    document, kinds = sys.argv[1], read(sys.argv[2:])
    with open(document, encoding="utf-8") as file:
        text = file.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"error: {document}: no place for figures")
    before, rest = text.split(BEGIN)
    tables = "\n".join(line for kind in sorted(kinds) for line in table(kind, kinds[kind]))
    with open(document, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{tables}\n{END}{rest.split(END)[1]}")


main()
