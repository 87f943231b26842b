"""Compares the same file work on several directories; see ../compare.sh for the usage."""
import argparse
import json
import os
import shutil
import statistics
import sys

from fio_works import FIO_WORKS
from tree_works import TREE_WORKS, run_tree

UNITS = {work.name: work.unit for work in FIO_WORKS} | {name: "ops/s" for name in TREE_WORKS}


def arguments():
    parser = argparse.ArgumentParser(prog="compare.sh")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size-mib", type=int, default=512)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--seconds", type=int, default=4, help="length of each timed work")
    parser.add_argument("--only", default="", help="names of works, with commas between them")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("targets", nargs="*", metavar="NAME=DIR")
    settings = parser.parse_args()
    settings.only = set(filter(None, settings.only.split(",")))
    if unknown := settings.only - set(UNITS):
        parser.error(f"no such work: {', '.join(sorted(unknown))}")
    settings.targets = [target.partition("=")[::2] for target in settings.targets]
    if not settings.list and not settings.targets:
        parser.error("no directory given")
    for name, directory in settings.targets:
        if not os.path.isdir(directory):
            parser.error(f"{name}: not a directory: {directory}")
    return settings


def one_round(directory, settings):
    """All wanted works on one directory: {work: rate}; a work that fails is named and left out."""
    rates = {}
    for work in FIO_WORKS:
        if settings.only and work.name not in settings.only:
            continue
        try:
            rates[work.name] = work.run(directory, settings)
        except RuntimeError as error:
            print(f"# {directory}: {work.name} failed: {error}", file=sys.stderr)
    if os.path.exists(os.path.join(directory, "compare.fio")):
        os.unlink(os.path.join(directory, "compare.fio"))
    if not settings.only or settings.only & set(TREE_WORKS):
        try:
            tree = run_tree(directory, settings)
            rates |= {name: rate for name, rate in tree.items() if not settings.only or name in settings.only}
        except OSError as error:
            print(f"# {directory}: small files failed: {error}", file=sys.stderr)
    return rates


def medians(settings):
    """{work: {target: median rate}}; the targets take turns, so that a slow minute of the machine meets them all."""
    rates = {}
    for _ in range(settings.rounds):
        for name, directory in settings.targets:
            for work, rate in one_round(directory, settings).items():
                rates.setdefault(work, {}).setdefault(name, []).append(rate)
    return {work: {name: statistics.median(all_rates) for name, all_rates in by_name.items()}
            for work, by_name in rates.items()}


def print_table(table, names):
    print(f"{'':28}" + "".join(f"{name:>20}" for name in names))
    for work in UNITS:
        if work not in table:
            continue
        row, reference = table[work], table[work].get(names[0])
        cells = []
        for name in names:
            if name not in row:
                cells.append("failed")
            elif name == names[0] or not reference:
                cells.append(f"{row[name]:.0f}")
            else:
                cells.append(f"{row[name]:.0f} ({row[name] / reference:.2f})")
        print(f"{work + ' ' + UNITS[work]:28.40}" + "".join(f"{cell:>20}" for cell in cells))


def main():
    settings = arguments()
    if settings.list:
        print("\n".join(f"{name} ({unit})" for name, unit in UNITS.items()))
        return
    if not shutil.which("fio"):
        sys.exit("error: fio is not installed")
    table = medians(settings)
    names = [name for name, _ in settings.targets]
    if settings.json:
        print(json.dumps({"schema": 1, "reference": names[0], "units": UNITS, "medians": table}, indent=2))
    else:
        print_table(table, names)


if __name__ == "__main__":
    main()
