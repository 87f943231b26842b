#!/usr/bin/env python3
"""The load and the oracle of the power-cut tests: one thread a way to make something durable.

  power_files.py run DIRECTORY ORACLE_DIRECTORY SEED --stop-after STEPS [--cut] [--below DIRECTORY] [--cases CASE,…]
      works until the filesystem fails. Each case has a directory and, outside, a log of what it was told (an oracle).
      After STEPS acknowledged steps of all cases together it prints "now" and works on; with --cut it says "cut", cuts the
      filesystem off by itself, so that no sync counts that returned because of that, and then "now". --below names the mount of that
      filesystem, where pages are pushed to the disk in no order, and the journal is committed at random.
  power_files.py verify DIRECTORY ORACLE_DIRECTORY
      holds what is there against the oracles; a line for each defect, then "ACKNOWLEDGED steps, FILES files".
"""
import argparse
import fcntl
import os
import random
import struct
import sys
import threading

import power_cases
from power_disturb import disturb
from power_oracle import Oracle, verify_case


class Steps:
    """Counts what was acknowledged, in all threads, and acts once it is enough."""

    def __init__(self, stop_after, cut):
        self.lock = threading.Lock()
        self.left = stop_after
        self.cut = cut
        self.closed = False  # what is acknowledged from here on may be so because of the cut

    def __call__(self):
        with self.lock:
            self.left -= 1
            if self.left != 0:
                return
        if self.cut is not None:
            self.closed = True
            print('cut', flush=True)  # a thread that writes a mapping may end the process by SIGBUS from here on
            cut_off(self.cut)
        print('now', flush=True)


def cut_off(disk):
    """The filesystem writes nothing from here on, as `xfs_io -x -c shutdown` has it."""
    fs_ioc_shutdown, no_log_flush = 0x8004587d, 2
    fcntl.ioctl(disk, fs_ioc_shutdown, struct.pack('I', no_log_flush))


def run(arguments):
    disk = os.open(arguments.below, os.O_RDONLY | os.O_DIRECTORY) if arguments.cut else None
    steps = Steps(arguments.stop_after, disk)
    stopped = threading.Event()

    def work(number, case):
        directory = os.path.join(arguments.directory, case.__name__)
        oracle = Oracle(os.path.join(arguments.oracles, case.__name__), steps)
        try:
            os.mkdir(directory)
            case(directory, oracle, random.Random(f'{arguments.seed} {number}'))
        except OSError as error:
            oracle.note('ended', str(error).replace(' ', '_'))

    cases = [case for case in power_cases.ALL if not arguments.cases or case.__name__ in arguments.cases]
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(cases)]
    if arguments.below:
        noise = (arguments.below, random.Random(arguments.seed), stopped)
        threading.Thread(target=disturb, args=noise, daemon=True).start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stopped.set()
    if steps.left > 0:
        print('over', flush=True)


def verify(arguments):
    acknowledged = files = 0
    for name in sorted(os.listdir(arguments.oracles)):
        result = verify_case(os.path.join(arguments.directory, name), os.path.join(arguments.oracles, name))
        for defect in result.defects:
            print(f'{name}: {defect}')
        acknowledged += result.acknowledged
        files += result.files
    print(f'{acknowledged} steps, {files} files')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('command', choices=('run', 'verify'))
    parser.add_argument('directory')
    parser.add_argument('oracles')
    parser.add_argument('seed', nargs='?')
    parser.add_argument('--stop-after', type=int, default=0)
    parser.add_argument('--cut', action='store_true')
    parser.add_argument('--below')
    parser.add_argument('--cases', type=lambda text: text.split(','))
    arguments = parser.parse_args()
    run(arguments) if arguments.command == 'run' else verify(arguments)
    sys.stdout.flush()


main()
