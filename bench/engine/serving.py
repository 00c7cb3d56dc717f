"""Answering over HTTP with Ray Serve: routes, limits, batches, metrics. What is asked and answered is the desk's."""

import asyncio
import hmac
import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bench.engine.cluster import connected
from bench.errors import ClusterError, RequestError, number_of
from gmvae.errors import first_line

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Bodies of more bytes are read beside the event loop, so many at a time.
_SMALL, _AT_ONCE = 2**14, 2
_NAME = "gmvae-bench"
# Of Ray Serve's own settings for many short requests those that let nothing else listen: no loop and no thread apart.
_SETTINGS = {
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    # On a busy machine the proxy takes longer than five seconds to begin, after which it would be killed.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
}
_HELP = {
    "requests_total": "Requests by path and status.",
    "items_total": "Items classified.",
    "seconds_sum": "Seconds that requests took, summed.",
}


class Desk(Protocol):
    """What reads requests and answers them."""

    def read(self, content_type: str, body: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the items (n, d) of a request, and notes on them; raises an error with a `status` of 4xx where it cannot."""
        ...

    def answer(self, items: np.ndarray) -> list[Any]:
        """Return plain values, one for each item."""
        ...

    def about(self) -> dict[str, Any]:
        """Return what a client must know."""
        ...


@dataclass(frozen=True)
class Serving:
    """How to serve."""

    host: str = "127.0.0.1"
    port: int = 8000
    replicas: int = 1
    token: str | None = None
    """That requests must bear; `None` for none, on the loopback interface alone."""
    max_bytes: int = 32 * 2**20
    """Of a request's body."""
    batch_items: int = 64
    """Requests that wait together are answered together, at most so many."""
    wait_seconds: float = 0.002
    max_queued: int = 1_000
    """Requests that may wait; more are told to come again (503)."""


class Counts:
    """What was asked so far, as Prometheus reads it."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.items = 0
        self.seconds = 0.0

    def text(self) -> str:
        """Return the metrics in Prometheus' text format."""
        lines = []
        for name, about in _HELP.items():
            lines += [f"# HELP gmvae_bench_{name} {about}", f"# TYPE gmvae_bench_{name} counter"]
            if name == "requests_total":
                lines += [
                    f'gmvae_bench_{name}{{path="{path}",status="{status}"}} {count}'
                    for (path, status), count in sorted(self.requests.items())
                ]
            else:
                lines.append(f"gmvae_bench_{name} {self.items if name == 'items_total' else self.seconds}")
        return "\n".join(lines) + "\n"


async def body_of(request: Any, limit: int) -> bytes:
    """Return a request's body, read no further than the limit.

    Raises
    ------
    RequestError
        If it is larger, or its client says that it will be.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limit:
        raise RequestError(413, f"a body of {int(said):,} bytes; at most {limit:,}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestError(413, f"a body of more than {limit:,} bytes")
    return bytes(body)


def check_access(request: Any, serving: Serving) -> None:
    """Refuse a request without the token, or one that a web page sent here by another name for this machine.

    Raises
    ------
    RequestError
        If it must not be answered.
    """
    if serving.token is not None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), serving.token.encode()):
            raise RequestError(401, "no valid token; send the header Authorization: Bearer TOKEN")
        return
    host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    if host not in LOOPBACK:
        raise RequestError(421, f"asked as {host!r}; without a token only 127.0.0.1 and localhost are answered")


class Answers:
    """The HTTP side of a desk.

    Parameters
    ----------
    classify
        Takes items and returns an answer for each; it may put several requests together.
    """

    def __init__(self, desk: Desk, serving: Serving, classify: Callable[[np.ndarray], Any]) -> None:
        self.desk, self.serving, self.classify = desk, serving, classify
        self.counts = Counts()
        self._reading = asyncio.Semaphore(_AT_ONCE)

    async def respond(self, request: Any) -> tuple[int, str, str]:
        """Return status, content type and text for a request; nothing that it holds makes this fail."""
        begun, path = time.perf_counter(), request.url.path
        try:
            status, kind, text = await self._respond(request, path)
        except Exception as error:  # noqa: BLE001 - a server must answer whatever happens
            status = int(getattr(error, "status", 500))
            said = str(error) if status < 500 else f"{type(error).__name__} inside the classifier"
            kind, text = "application/json", json.dumps({"error": said})
        self.counts.requests[path if path in ("/predict", "/about", "/health", "/metrics") else "other", status] += 1
        self.counts.seconds += time.perf_counter() - begun
        return status, kind, text

    async def _respond(self, request: Any, path: str) -> tuple[int, str, str]:
        if path == "/health" and request.method == "GET":
            return 200, "application/json", '{"status": "ok"}'
        check_access(request, self.serving)
        routes = {"/predict": "POST", "/about": "GET", "/metrics": "GET", "/health": "GET"}
        if path not in routes:
            raise RequestError(404, f"nothing at {path[:80]!r}; there are {', '.join(routes)}")
        if request.method != routes[path]:
            raise RequestError(405, f"{request.method} {path}; expected {routes[path]}")
        if path == "/about":
            return 200, "application/json", json.dumps(self.desk.about())
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", self.counts.text()
        body = await body_of(request, self.serving.max_bytes)
        kind = request.headers.get("content-type", "")
        if len(body) > _SMALL or kind.startswith("image/"):
            # Beside the event loop, which goes on answering; a few at a time, because pictures grow when they are decoded.
            async with self._reading:
                items, notes = await asyncio.to_thread(self.desk.read, kind, body)
        else:
            items, notes = self.desk.read(kind, body)
        answers = await self.classify(items)
        self.counts.items += len(items)
        said: dict[str, Any] = {"predictions": answers} | ({"notes": notes} if notes else {})
        return 200, "application/json", json.dumps(said, allow_nan=False)


def together(desk: Desk, requests: list[np.ndarray]) -> list[list[Any]]:
    """Answer the items of several requests at once."""
    answers = desk.answer(np.concatenate(requests))
    ends = np.cumsum([len(items) for items in requests]).tolist()
    return [answers[end - len(items) : end] for items, end in zip(requests, ends, strict=True)]


def _application(desk: Desk, serving: Serving) -> Any:
    # Imported late: Ray Serve is an extra, and takes a second to load.
    from ray import serve
    from starlette.requests import Request
    from starlette.responses import Response

    @serve.deployment(
        name=_NAME,
        num_replicas=serving.replicas,
        max_ongoing_requests=4 * serving.batch_items,
        max_queued_requests=serving.max_queued,
        ray_actor_options={"num_cpus": 1},
    )
    class Served:
        def __init__(self, desk: Desk) -> None:
            from threadpoolctl import threadpool_limits
            from torch import set_num_threads

            set_num_threads(1)
            self.limits = threadpool_limits(1)
            self.answers = Answers(desk, serving, self.classify)

        @serve.batch(max_batch_size=serving.batch_items, batch_wait_timeout_s=serving.wait_seconds)
        async def classify(self, requests: list[np.ndarray]) -> list[list[Any]]:
            return await asyncio.to_thread(together, self.answers.desk, requests)

        async def __call__(self, request: Request) -> Response:
            status, kind, text = await self.answers.respond(request)
            return Response(text, status, media_type=kind)

    return Served.bind(desk)  # type: ignore[attr-defined]


@contextmanager
def served(desk: Desk, serving: Serving) -> Iterator[str]:
    """Serve for the time of a `with` block, on a Ray of its own; yield the address of the server.

    Raises
    ------
    ClusterError
        If Ray Serve is not installed, or does not begin, say because the port is taken.
    """
    for name, value in _SETTINGS.items():
        # Read when Ray Serve is loaded, here and in its processes.
        os.environ.setdefault(name, value)
    try:
        from ray import serve
        from ray.serve.schema import LoggingConfig
    except ImportError as error:
        raise ClusterError('serving needs Ray Serve: pip install "gmvae-bench[serve]"') from error
    # It tells of every step.
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    with connected("local"):
        _check_cores(serving.replicas)
        try:
            options = serve.HTTPOptions(host=serving.host, port=serving.port, request_timeout_s=60)
            serve.start(http_options=options, logging_config=LoggingConfig(enable_access_log=False, log_level="ERROR"))
            serve.run(_application(desk, serving), name=_NAME, route_prefix="/")
        except Exception as error:
            raise ClusterError(f"cannot serve at {serving.host}:{serving.port} ({first_line(error)})") from error
        try:
            host = f"[{serving.host}]" if ":" in serving.host else serving.host
            yield f"http://{host}:{serving.port}"
        finally:
            serve.shutdown()


def _check_cores(n_replicas: int) -> None:
    """Refuse more replicas than there are cores: Ray would wait for them for ever.

    Raises
    ------
    ClusterError
        If there are too few.
    """
    import ray

    n_cores = int(ray.cluster_resources().get("CPU", 0))
    if n_replicas > n_cores:
        raise ClusterError(f"--replicas {n_replicas} needs as many cores; there are {number_of(n_cores, 'core')}")


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Wait at the end of a `with` block until the user interrupts, which may be before."""
    try:
        yield
        threading.Event().wait()
    except KeyboardInterrupt:
        return
