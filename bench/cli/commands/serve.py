"""`gmvae-bench serve`: a classifier behind HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.state import LOADING, stage
from bench.errors import SettingsError


def serve(
    classifier: Annotated[Path, typer.Argument(help="Folder that `label --classifier` wrote.", show_default=False)],
    host: Annotated[
        str, typer.Option(help="Interface to listen on; other than the loopback one needs a token.", metavar="ADDRESS")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            help="That requests must bear (Authorization: Bearer TOKEN).",
            metavar="TOKEN",
            envvar="GMVAE_BENCH_TOKEN",
            show_default=False,
        ),
    ] = None,
    replicas: Annotated[int, typer.Option(help="Processes that answer, a core each.", min=1)] = 1,
    max_mib: Annotated[float, typer.Option(help="Largest request, in MiB.", min=0.001)] = 32.0,
) -> None:
    """Serve a classifier over HTTP with Ray Serve, until interrupted: JSON, .npy or pictures in, classes out.

    POST /predict classifies; GET /about says what it expects; /health and /metrics are for machines. See docs/serving.md.
    """
    if token is not None and not token.strip():
        raise SettingsError("--token got nothing; give a text that is hard to guess, or leave it out on 127.0.0.1")
    from bench.engine.serving import LOOPBACK

    if host not in LOOPBACK and token is None:
        raise SettingsError(
            f"--host {host} lets other machines in: give a --token (or GMVAE_BENCH_TOKEN) that they must send, "
            "or leave --host out"
        )
    with stage(LOADING):
        from bench.cli.serving import serve_with

    serve_with(classifier, host, port, token, replicas, max_mib)
