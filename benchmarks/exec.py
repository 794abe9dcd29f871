"""Measure what `dingrun-exec` adds to a command: `python -m benchmarks.exec`.

Prints the processor time of a wrapped `true` beside the bare one, and the peak memory of a command that
prints 1 GB beside one that prints 1 MB.
"""

import os
import shutil
import subprocess
import sys
import tempfile

from rich.console import Console

from tests.exec.conftest import KEY, PROGRAM, Recorder

CALLS = 20
GB = 1_000_000_000
MB = 1_000_000


def usage(argv: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Run a command and return its processor time in seconds and its peak memory in bytes."""
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{argv} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def main() -> None:
    """Print the figures."""
    console, server = Console(), Recorder()
    true, head = shutil.which("true") or "true", shutil.which("head") or "head"
    wrapped = [sys.executable, str(PROGRAM), "-s", "bench", "--"]
    with tempfile.TemporaryDirectory() as spool:
        environment = {**os.environ, "DINGRUN_URL": server.url, "DINGRUN_KEY": KEY, "DINGRUN_SPOOL": spool}
        bare = sorted(usage([true], environment)[0] for _ in range(CALLS))[CALLS // 2]
        added = sorted(usage([*wrapped, true], environment)[0] for _ in range(CALLS))[CALLS // 2]
        console.print(
            f"true alone {bare * 1000:.0f} ms of processor time, wrapped {added * 1000:.0f} ms (medians)"
        )
        peaks = [usage([*wrapped, head, "-c", str(size), "/dev/zero"], environment)[1] for size in (MB, GB)]
        console.print(
            f"peak memory: 1 MB of output {peaks[0] / MB:.1f} MB, 1 GB of output {peaks[1] / MB:.1f} MB"
        )
    server.stop()


if __name__ == "__main__":
    main()
