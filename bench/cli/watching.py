"""A page about a run on the loopback interface, which asks for its news itself."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench.cli.state import make_console
from bench.errors import BenchError, SettingsError
from bench.reading.watch import Watched
from bench.show.page import templates

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
_NAMES = {HOST, "localhost"}
_POLICY = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def _host_of(header: str) -> str | None:
    """Return the name in a `Host` header, or nothing where it is none."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def make_server(watched: Watched, port: int) -> ThreadingHTTPServer:
    """Return a server that has its port already; 0 takes a free one.

    Raises
    ------
    SettingsError
        If the port is taken.
    """
    page = templates().get_template("watch.html").render(folder=str(watched.folder)).encode()
    answers: dict[str, tuple[str, Callable[[], bytes]]] = {
        "/": ("text/html; charset=utf-8", lambda: page),
        "/state.json": ("application/json", lambda: json.dumps(watched.state()).encode()),
    }

    class Answer(BaseHTTPRequestHandler):
        """Answers with the page or its news; there is nothing else."""

        def do_GET(self) -> None:
            """Answer."""
            # A page of another site may make a browser ask here under a name of its own.
            if _host_of(self.headers.get("Host", "")) not in _NAMES:
                self.send_error(403, "ask by 127.0.0.1 or localhost")
                return
            kind, content = answers.get(self.path.partition("?")[0], ("", None))
            if content is None:
                self.send_error(404)
                return
            try:
                body = content()
            except (BenchError, OSError) as error:
                # A file that was being replaced, or a run that is gone: the page asks again.
                self.send_error(503, explain=str(error))
                return
            self.send_response(200)
            for name, value in (
                ("Content-Type", kind),
                ("Content-Length", str(len(body))),
                ("Content-Security-Policy", _POLICY),
                ("Cache-Control", "no-store"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: a page asks every other second."""

    class Server(ThreadingHTTPServer):
        """Says nothing of readers that leave in the middle of an answer."""

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say what is wrong with ourselves alone."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    try:
        return Server((HOST, port), Answer)
    except OSError as error:
        raise SettingsError(f"--port {port}: {error.strerror or error}; give another one, or 0 for any that is free") from error


def watch_until_interrupted(watched: Watched, port: int) -> None:
    """Serve the page until the user interrupts."""
    console = make_console()
    with make_server(watched, port) as server:
        console.print(f"watching {watched.folder} at http://{HOST}:{server.server_port}/; Ctrl-C ends it", soft_wrap=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("ended; the run itself goes on")
