"""What a piece of work costs on the CPU: seconds of all threads, and memory beyond what the process held before."""

import ctypes
import resource
import time
from pathlib import Path
from typing import Self

_CLEAR_PEAK = Path("/proc/self/clear_refs")


class Cost:
    """Measures what happens inside its `with` block.

    Attributes
    ----------
    cpu_seconds
        Processor time of every thread of this process.
    peak_bytes
        Most resident memory beyond that at the beginning; `None` where the system cannot reset the peak.
    """

    cpu_seconds: float = 0.0
    peak_bytes: int | None = None

    def __enter__(self) -> Self:
        self._before = begin_peak()
        self._begun = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_seconds = time.process_time() - self._begun
        self.peak_bytes = None if self._before is None else max(0, end_peak() - self._before)


def begin_peak() -> int | None:
    """Reset the process's peak memory and return the present use in bytes; `None` where the system cannot."""
    try:
        # Memory that is freed but still held would hide what comes next.
        ctypes.CDLL(None).malloc_trim(0)
        _CLEAR_PEAK.write_text("5")
        return _status_bytes("VmRSS")
    except (OSError, AttributeError):
        return None


def end_peak() -> int:
    """Return the highest memory use in bytes since `begin_peak`, or of the whole process where the peak cannot be reset."""
    return _status_bytes("VmHWM") if _CLEAR_PEAK.exists() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _status_bytes(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024
