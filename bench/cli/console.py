"""The console that commands print with."""

from rich.console import Console

from bench.cli.state import end_without_reader


class ProjectConsole(Console):
    """Ends the process quietly where its reader has gone; rich would call that a failure."""

    def on_broken_pipe(self) -> None:
        """End."""
        end_without_reader()
