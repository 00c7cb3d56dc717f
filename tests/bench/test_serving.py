"""A served classifier: every request gets an answer, good ones what `predict` says, bad ones a 4xx that says why."""

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from classifiers import data, taken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.classifier.classifier import Classifier
from bench.classifier.desk import Desk
from bench.classifier.store import save
from bench.data.registry import load_dataset
from bench.engine.serving import Answers, Serving, together
from bench.errors import RequestError

Command = Callable[..., tuple[int, str, str]]
SESAME = "open sesame"


@pytest.fixture(scope="module")
def digits() -> Classifier:
    return taken("digits", "soft")[3]


@pytest.fixture(scope="module")
def wine() -> Classifier:
    return taken("wine", "logreg")[3]


def request(
    body: bytes = b"", kind: str = "application/json", path: str = "/predict", method: str = "POST", **headers: str
) -> Any:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1_000):
            yield body[start : start + 1_000]

    named = {"host": "127.0.0.1:8000", "content-type": kind} | {name.replace("_", "-"): text for name, text in headers.items()}
    return SimpleNamespace(method=method, headers=named, url=SimpleNamespace(path=path), stream=stream)


def asked(classifier: Classifier, *requests: Any, **serving: Any) -> list[tuple[int, Any]]:
    """Status and content for each request, to one server."""
    desk = Desk(classifier)

    async def classify(items: np.ndarray) -> list[Any]:
        return together(desk, [items])[0]

    async def all_of_them() -> list[tuple[int, Any]]:
        answers = Answers(desk, Serving(**serving), classify)
        found = [await answers.respond(one) for one in requests]
        return [(status, json.loads(text) if kind == "application/json" else text) for status, kind, text in found]

    return asyncio.run(all_of_them())


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_lists_arrays_and_pictures_are_told_as_by_the_classifier(digits: Classifier) -> None:
    items = data("digits").test
    assert items is not None
    said = digits.classify(items[:5])
    bodies = [
        request(json.dumps({"items": items[:5].tolist()}).encode()),
        request(json.dumps({"items": items[:5].reshape(5, 8, 8).tolist()}).encode()),
        request(npy(items[:5]), "application/x-npy"),
        request(npy(items[:5].reshape(5, 8, 8)), "application/x-npy; charset=utf-8"),
    ]
    for status, content in asked(digits, *bodies):
        assert status == 200
        told = content["predictions"]
        assert [one["class"] for one in told] == digits.predict(items[:5]).tolist()
        np.testing.assert_allclose([one["probability"] for one in told], said.probability, atol=1e-6)
        np.testing.assert_allclose([one["novelty_p"] for one in told], said.novelty_p, atol=1e-6)
        assert [one["cluster"] for one in told] == said.cluster.tolist()
    pixels = np.round(items[0].reshape(8, 8) * 255).astype(np.uint8)
    ((status, content),) = asked(digits, request(png(pixels), "image/png"))
    assert status == 200
    assert content["predictions"][0]["class"] == digits.predict(pixels[None])[0]


def test_rows_of_a_table_are_told_by_their_columns(tmp_path: Path) -> None:
    table = pd.DataFrame({"size": np.arange(60) / 7, "color": ["red", "blue", "green"] * 20, "label": ["a", "b", "a"] * 20})
    table.to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(str(tmp_path / "t.csv"))
    desk = Desk(SimpleNamespace(form=dataset.form))  # type: ignore[arg-type]
    rows = table.drop(columns="label").to_dict("records")
    items, notes = desk.read("application/json", json.dumps({"rows": rows}).encode())
    np.testing.assert_array_equal(items, dataset.pool)
    assert notes == ()
    _, notes = desk.read("application/json", json.dumps({"rows": [{"color": "mauve", "size": 1}]}).encode())
    assert notes == ("color: 1 rows with 1 categories that the training data do not have: 'mauve'",)
    # What is not read is not looked at, however much it is.
    many = [{f"x{row}-{place}": place for place in range(200)} | rows[row] for row in range(50)]
    np.testing.assert_array_equal(desk.read("application/json", json.dumps({"rows": many}).encode())[0], dataset.pool[:50])
    for odd in (
        {"color": ["a"], "size": 1},
        {"color": "red", "size": [1, 2]},
        {"color": "red", "size": {"a": 1}},
        {"size": 1e400},
    ):
        with pytest.raises(RequestError) as refused:
            desk.read("application/json", json.dumps({"rows": [odd]}).replace("Infinity", "1e400").encode())
        assert refused.value.status == 400
    gap = [{"color": "red", "size": None}]
    assert desk.read("application/json", json.dumps({"rows": gap}).encode())[0][0, 0] == np.float32(dataset.features[0].fill)


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(256)


BAD: dict[str, tuple[Any, int, str]] = {
    "no JSON": (request(b"{"), 400, "no JSON"),
    "not UTF-8": (request(b"\xff\xfe\x00"), 400, "no JSON"),
    "deep": (request(b"[" * 100_000), 400, "no JSON"),
    "a list": (request(b"[]"), 400, "expected"),
    "a number": (request(b'{"items": 3}'), 400, "expected"),
    "nothing": (request(b'{"items": []}'), 400, "no items"),
    "empty": (request(b""), 400, "no JSON"),
    "ragged": (request(b'{"items": [[1], [1, 2]]}'), 400, "differ in length"),
    "words": (request(b'{"items": [["a"]]}'), 400, "something else than numbers"),
    "narrow": (request(b'{"items": [[1, 2]]}'), 400, "made from images of 8 x 8"),
    "NaN": (request(b'{"items": [[NaN]]}'), 400, "NaN is no number"),
    "huge numbers": (request(json.dumps({"items": [[10**400] * 64]}).encode()), 400, ""),
    "too large for the form": (request(json.dumps({"items": [[9] * 64]}).encode()), 400, "lie in 0 to 1"),
    "rows": (request(b'{"rows": [{}]}'), 400, "rows are for tables"),
    "no type": (request(b"x", ""), 415, "content of type none"),
    "XML": (request(b"<a/>", "text/xml"), 415, "content of type text/xml"),
    "EPS": (request(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "image/png"), 400, "no picture"),
    "a negative array": (request(header((5, -64)), "application/x-npy"), 400, "an array of shape"),
    "an endless array": (request(header((1, 2**62, 8)), "application/x-npy"), 400, "an array of shape"),
    "an array of nothing": (request(header((5, 64), "|V0"), "application/x-npy"), 400, "expected numbers"),
    "a broken array": (request(b"\x93NUMPY", "application/x-npy"), 400, "cannot be read"),
    "a cut array": (request(npy(np.zeros((9, 64)))[:-8], "application/x-npy"), 400, "cut short"),
    "an empty array": (request(npy(np.zeros((0, 64))), "application/x-npy"), 400, "no items"),
    "a pickle": (request(b"\x80\x04\x95.", "application/x-npy"), 400, "cannot be read"),
    "no picture": (request(b"\x89PNG\r\n\x1a\n", "image/png"), 400, "no picture"),
    "an SVG": (request(b"<svg/>", "image/svg+xml"), 400, "no picture"),
    "another path": (request(path="/admin"), 404, "nothing at '/admin'"),
    "another method": (request(method="GET"), 405, "GET /predict; expected POST"),
    "announced too large": (request(b"x", content_length="99999999999"), 413, "99,999,999,999 bytes; at most"),
    "another name": (request(path="/about", method="GET", host="evil.example"), 421, "asked as 'evil.example'"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_requests_are_answered_with_4xx(name: str, digits: Classifier) -> None:
    bad, status, said = BAD[name]
    (first, content), (second, _) = asked(digits, bad, request(path="/health", method="GET"))
    assert first == status
    assert said in content["error"]
    assert second == 200


def test_a_body_that_is_larger_than_it_said_is_read_no_further(digits: Classifier) -> None:
    read = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 1_000

    endless = request(content_length="10")
    endless.stream = stream
    ((status, content),) = asked(digits, endless, max_bytes=5_000)
    assert (status, read) == (413, 6)
    assert "more than 5,000 bytes" in content["error"]


def test_pictures_with_very_many_pixels_are_refused_before_they_are_decoded(digits: Classifier) -> None:
    ((status, content),) = asked(digits, request(png(np.zeros((5_000, 5_000), np.uint8)), "image/png"))
    assert status == 413
    assert "5000 x 5000 pixels" in content["error"]


def test_a_token_lets_in_whoever_has_it_by_whatever_name(digits: Classifier) -> None:
    about = {"path": "/about", "method": "GET", "host": "anything"}
    statuses = asked(
        digits,
        request(**about),
        request(**about, authorization="Bearer wrong"),
        request(**about, authorization=f"Bearer {SESAME}"),
        request(path="/health", method="GET"),
        token=SESAME,
    )
    assert [status for status, _ in statuses] == [401, 401, 200, 200]
    assert statuses[2][1]["classes"] == list("0123456789")


def test_metrics_count_what_was_asked(digits: Classifier) -> None:
    good = request(npy(np.zeros((3, 64), np.float32)), "application/x-npy")
    *_, (status, text) = asked(digits, good, good, request(b"{"), request(path="/metrics", method="GET"))
    assert status == 200
    assert 'gmvae_bench_requests_total{path="/predict",status="200"} 2' in text
    assert 'gmvae_bench_requests_total{path="/predict",status="400"} 1' in text
    assert "gmvae_bench_items_total 6\n" in text


def test_an_error_inside_is_a_500_that_tells_nothing_of_it(digits: Classifier) -> None:
    class Broken(Desk):
        def answer(self, items: np.ndarray) -> list[Any]:
            raise RuntimeError(f"secret of {len(items)}")

    desk = Broken(digits)

    async def respond() -> tuple[int, str, str]:
        async def classify(items: np.ndarray) -> list[Any]:
            return together(desk, [items])[0]

        return await Answers(desk, Serving(), classify).respond(request(npy(np.zeros((1, 64), np.float32)), "application/x-npy"))

    status, _, text = asyncio.run(respond())
    assert status == 500
    assert "secret" not in text


def test_several_requests_together_are_told_apart(digits: Classifier) -> None:
    items = data("digits").test
    assert items is not None
    desk = Desk(digits)
    parts = [items[:2], items[2:3], items[3:8]]
    apart = [desk.answer(part) for part in parts]
    for mine, theirs in zip(together(desk, parts), apart, strict=True):
        assert [one["class"] for one in mine] == [one["class"] for one in theirs]
        assert len(mine) == len(theirs)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(["application/json", "application/x-npy", "image/png", "image/gif", "x/y", ""]),
    head=st.sampled_from(
        [b"", b"\x93NUMPY\x01\x00", b"\x89PNG\r\n\x1a\n", b"GIF89a", b'{"items": ', b'{"rows": ', npy(np.zeros(3))[:100]]
    ),
)
def test_no_bytes_make_it_fail(digits: Classifier, wine: Classifier, body: bytes, kind: str, head: bytes) -> None:
    for classifier in (digits, wine):
        ((status, _),) = asked(classifier, request(head + body, kind))
        assert status in (200, 400, 413, 415)


@pytest.mark.ray
@pytest.mark.slow
def test_the_command_serves_until_it_is_interrupted(digits: Classifier, tmp_path: Path) -> None:
    save(digits, tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "bench.cli.main", "serve", str(tmp_path / "one"), "--port", str(port)]
    environment = os.environ | {"RAY_TMPDIR": "/tmp"}  # noqa: S108 - names of sockets must be short
    process = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"serving {tmp_path / 'one'} at {url}; Ctrl-C ends it\n"
        items = data("digits").test
        assert items is not None
        ask = urllib.request.Request(f"{url}/predict", npy(items[:9]), {"Content-Type": "application/x-npy"})  # noqa: S310
        with urllib.request.urlopen(ask, timeout=30) as answer:  # noqa: S310
            told = json.load(answer)["predictions"]
        assert [one["class"] for one in told] == digits.predict(items[:9]).tolist()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/nothing", timeout=30)  # noqa: S310
        assert refused.value.code == 404
        refused.value.close()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert rest.endswith("ended\n")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    pytest.fail("something still listens")


def test_other_interfaces_need_a_token(command: Command, tmp_path: Path) -> None:
    code, _, said = command("serve", str(tmp_path), "--host", "0.0.0.0")  # noqa: S104
    assert code == 2
    assert "--host 0.0.0.0 lets other machines in: give a --token" in said
    code, _, said = command("serve", str(tmp_path / "absent"))
    assert code == 2
    assert "holds no classifier" in said
