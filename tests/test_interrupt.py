"""Signals at every moment, also while another is being heard."""

import os
import signal
import subprocess
import sys
import time

import pytest

from bench.engine.interrupt import _SAME_SECONDS, Interrupt, remembered

# Sends a second signal at the k-th line that runs after the handler of the first began, for every k that there is.
NESTED = """
import os, signal, sys
from bench.engine.interrupt import Interrupt

def at_line(k):
    lines = 0
    def trace(frame, event, argument):
        nonlocal lines
        if event == "line" and (lines or frame.f_code.co_name == "_hear"):
            lines += 1
            if lines == k:
                os.kill(os.getpid(), signal.SIGTERM)
        return trace
    with Interrupt() as interrupt:
        sys.settrace(trace)
        os.kill(os.getpid(), signal.SIGINT)
        sys.settrace(None)
        try:
            interrupt.check()
        except KeyboardInterrupt:
            return lines >= k
    raise SystemExit("not heard")

k = 1
while at_line(k):
    k += 1
print("heard", k)
"""


def test_a_signal_within_a_signal_does_not_hang() -> None:
    done = subprocess.run([sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("heard")
    assert int(done.stdout.split()[1]) > 2


def test_one_signal_is_a_wish_and_a_later_one_an_order() -> None:
    with Interrupt() as interrupt:
        interrupt.check()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
        time.sleep(_SAME_SECONDS * 1.1)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


SWALLOWED = """
import os, signal
from bench.engine.interrupt import Interrupt, remembered

# Whoever began the tests may ignore it: nohup does.
signal.signal(signal.{name}, signal.default_int_handler if "{name}" == "SIGINT" else signal.SIG_DFL)

class Late:
    def __del__(self):
        os.kill(os.getpid(), getattr(signal, "{name}"))
        for _ in range(1000):
            pass

with remembered():
    late = Late()
    del late
    print("went on")
    with Interrupt() as interrupt:
        try:
            interrupt.check()
        except KeyboardInterrupt:
            print("heard")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_python_drops_is_heard_later(name: str) -> None:
    """An exception that a finaliser raises is printed and forgotten: so was Ctrl-C inside a lock of the logging module."""
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWED.replace("{name}", name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Exception ignored" in done.stderr
    assert done.stdout.split() == ["went", "on", "heard"]


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As below `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with remembered(), Interrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            interrupt.check()
    finally:
        signal.signal(signal.SIGHUP, before)
