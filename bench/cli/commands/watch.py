"""`gmvae-bench watch`: a run on a page that refreshes itself."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.state import LOADING, stage


def watch(
    run: options.RunFolder,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8100,
) -> None:
    """Show a run on a page that refreshes itself: trainings with their curves, cells, accuracy so far, failures.

    It listens on 127.0.0.1 alone and only reads. From elsewhere: ssh -L 8100:127.0.0.1:8100 HEADNODE.
    """
    with stage(LOADING):
        from bench.cli.watching import watch_until_interrupted
        from bench.reading.watch import Watched

        watched = Watched(run)
    watch_until_interrupted(watched, port)
