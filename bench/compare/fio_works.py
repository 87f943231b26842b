"""Work on one large file, done by fio: sequential, random, synchronous, direct."""
import json
import subprocess
from dataclasses import dataclass

from page_cache import forget


@dataclass(frozen=True)
class FioWork:
    """One fio run: its arguments, which side of the result counts, and in what unit (MiB/s or ops/s)."""

    name: str
    unit: str
    arguments: tuple
    side: str = "write"
    cold: bool = False
    timed: bool = False
    small: bool = False  # a small file: each operation waits for the disk

    def run(self, directory, settings):
        """Returns the rate; raises RuntimeError with fio's last words."""
        if self.cold:
            forget()
        size_mib = min(settings.size_mib, 64) if self.small else settings.size_mib
        command = ["fio", "--output-format=json", f"--name={self.name}", f"--filename={directory}/compare.fio",
                   f"--size={size_mib}M", "--fallocate=none", "--randrepeat=1", "--thread", *self.arguments]
        if self.timed:
            command += ["--time_based", f"--runtime={settings.seconds}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or "{" not in done.stdout:
            raise RuntimeError((done.stderr or done.stdout).strip()[-200:])
        job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0][self.side]
        return job["bw"] / 1024 if self.unit == "MiB/s" else job["iops"]


FIO_WORKS = (
    FioWork("write-seq-1m", "MiB/s", ("--rw=write", "--bs=1M", "--ioengine=psync", "--end_fsync=1")),
    FioWork("read-seq-1m-cold", "MiB/s", ("--rw=read", "--bs=1M", "--ioengine=psync"), side="read", cold=True),
    FioWork("read-seq-1m-warm", "MiB/s", ("--rw=read", "--bs=1M", "--ioengine=psync"), side="read"),
    FioWork("read-rand-4k-cold", "ops/s", ("--rw=randread", "--bs=4k", "--ioengine=psync"), side="read", cold=True,
            timed=True),
    FioWork("read-rand-8k-direct-qd16", "ops/s",
            ("--rw=randread", "--bs=8k", "--ioengine=libaio", "--iodepth=16", "--direct=1"), side="read", timed=True),
    FioWork("write-rand-8k", "ops/s", ("--rw=randwrite", "--bs=8k", "--ioengine=psync", "--end_fsync=1"), timed=True),
    FioWork("write-rand-16k-direct", "ops/s", ("--rw=randwrite", "--bs=16k", "--ioengine=psync", "--direct=1"),
            timed=True),
    FioWork("wal-8k-fdatasync", "ops/s", ("--rw=write", "--bs=8k", "--ioengine=psync", "--fdatasync=1"), timed=True,
            small=True),
    FioWork("overwrite-4k-fdatasync", "ops/s", ("--rw=randwrite", "--bs=4k", "--ioengine=psync", "--fdatasync=1"),
            timed=True, small=True),
)
