"""What a process takes, as the operating system counts it for the finished child."""

import os
import subprocess
import sys
import tempfile
import time


def measure(command, env=None):
    """Runs a command; wall and CPU seconds, peak memory in MB, standard output."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as out:
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=out, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
        out.seek(0)
        text = out.read().decode()
    if status != 0:
        sys.exit(f"failed ({status}): {' '.join(command)}\n{text}")
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024, "out": text}
