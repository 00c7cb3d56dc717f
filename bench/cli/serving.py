"""What `serve` does once its options are checked."""

from pathlib import Path

from bench.classifier.desk import Desk
from bench.classifier.store import load
from bench.cli.state import make_console
from bench.engine.serving import Serving, served, until_interrupted


def serve_with(folder: Path, host: str, port: int, token: str | None, replicas: int, max_mib: float) -> None:
    """Serve a classifier until the user interrupts."""
    console, desk = make_console(), Desk(load(folder))
    serving = Serving(host, port, replicas, token, int(max_mib * 2**20))
    with served(desk, serving) as url, until_interrupted():
        bearer = "" if token is None else " -H 'Authorization: Bearer …'"
        console.print(f"serving {folder} at {url}; Ctrl-C ends it", soft_wrap=True)
        console.print(f"try: curl{bearer} {url}/about", style="dim", soft_wrap=True)
    console.print("ended")
