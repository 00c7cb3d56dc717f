"""Speed of classifiers that were taken away: items per second, one item at a time, start-up, and a served one under load.

    python results/classifier/measure.py [--seconds 20] [--rate 200]

Images are 28 x 28 random bytes, models are hardly trained: neither changes the arithmetic. Nothing else should run beside it.
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.classifier.classifier import About, Classifier
from bench.classifier.make import make_network
from bench.classifier.store import load, save
from bench.data.dataset import Dataset
from bench.engine.steps import represent
from bench.judge.methods import METHODS
from bench.plan.cells import ModelKey
from gmvae import GMVAE, student
from gmvae.posteriors import encode
from gmvae.student import StudentConfig

N_POOL, N_CLASSES, N_LABELED, K = 20_000, 26, 291, 100
_ITEMS, _ROUNDS, _SINGLE = 40_000, 3, 300
_CLIENTS = 32


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make(names: list[str], folder: Path) -> None:
    """Write a classifier for each method."""
    rng = np.random.default_rng(0)
    pool = rng.integers(0, 256, (N_POOL, 784)).astype(np.uint8)
    labels = rng.integers(0, N_CLASSES, N_POOL)
    data = Dataset("noise", pool, labels, tuple(f"c{code}" for code in range(N_CLASSES)), (28, 28))
    key = ModelKey(K, 0)
    model = GMVAE(K, epochs=1, random_state=0, device="cpu", image_shape=(28, 28)).fit(pool).model_.eval()
    encoded = encode(model, pool)
    student.DEFAULT = StudentConfig(min_steps=5, passes=0.01)
    y = data.shown(np.arange(N_LABELED))
    for name in names:
        method = METHODS[name]
        view = represent(method, key, data, None, (encoded, None))
        learner = method.make(N_CLASSES, 1, 0).fit(view.pool, y)
        network = make_network(method, learner, view.pool, key, key, {key: (model, encoded)}, data)
        save(Classifier(data.class_names, About("noise", "", N_POOL, name, (), {}, ""), data.form, network), folder / name)


def throughput(folder: Path) -> None:
    """Print items per second, and milliseconds of a single one."""
    classifier = load(folder)
    items = np.random.default_rng(1).integers(0, 256, (_ITEMS, 784)).astype(np.uint8)
    classifier.classify_read(items[:4096])
    seconds = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        classifier.classify_read(items)
        seconds.append(time.perf_counter() - begun)
    single = []
    for item in items[:_SINGLE]:
        begun = time.perf_counter()
        classifier.predict(item[None])
        single.append(time.perf_counter() - begun)
    rate = _ITEMS / statistics.median(seconds)
    say(
        f"  {rate:,.0f} items/s, a million in {1e6 / rate:.0f} s; a single one {1000 * statistics.median(single):.2f} ms (median)"
    )


def start(folder: Path, scratch: Path) -> None:
    """Print how long the command takes for one item, from nothing."""
    np.save(scratch / "one.npy", np.zeros((1, 784), np.uint8))
    command = [sys.executable, "-m", "bench.cli.main", "predict", str(folder), str(scratch / "one.npy")]
    seconds = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        subprocess.run([*command, "--out", str(scratch / "one.csv")], check=True, capture_output=True)  # noqa: S603
        seconds.append(time.perf_counter() - begun)
    say(f"  `predict` of one item, process and all: {statistics.median(seconds):.1f} s")


class Client:
    """A connection that stays open, as clients have them."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes) -> int:
        """Ask once; return the status."""
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        lines = (
            "POST /predict HTTP/1.1",
            f"Host: {self.host}",
            "Content-Type: application/x-npy",
            f"Content-Length: {len(body)}",
        )
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(answer.partition("content-length:")[2].split()[0]))
        return int(answer.split()[1])


async def load_test(host: str, port: int, rate: int, seconds: float) -> None:
    """Ask at an even rate, whether or not answers are late."""
    path = Path(tempfile.mkdtemp(), "x.npy")
    np.save(path, np.zeros((1, 784), np.uint8))
    body, times, statuses = path.read_bytes(), list[float](), list[int]()
    free: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(_CLIENTS):
        free.put_nowait(Client(host, port))
    begun = time.perf_counter()

    async def once(due: float) -> None:
        client = await free.get()
        statuses.append(await client.ask(body))
        # From when it was due: waiting for a connection is waiting, too.
        times.append(time.perf_counter() - due)
        free.put_nowait(client)

    tasks = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(once(due)))
    await asyncio.gather(*tasks)
    wall, cuts = time.perf_counter() - begun, statistics.quantiles(times, n=100)
    say(
        f"  {len(times):,} requests at {rate} a second: {len(times) / wall:.0f} answered a second, "
        f"{sum(status != 200 for status in statuses)} failed; median {1000 * cuts[49]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms"
    )


def served(folder: Path, rate: int, seconds: float) -> None:
    """Serve a classifier, and ask it."""
    command = [sys.executable, "-m", "bench.cli.main", "serve", str(folder), "--port", "8731"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101
        process.stdout.readline()
        asyncio.run(load_test("127.0.0.1", 8731, 50, 2))
        for faster in (rate // 2, rate):
            asyncio.run(load_test("127.0.0.1", 8731, faster, seconds))
        process.send_signal(signal.SIGINT)
        process.wait()


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", default="soft,hard,fixmatch,latent-student,joint-spreading,logreg")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=200)
    options = parser.parse_args()
    names = options.methods.split(",")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(names, folder)
        for name in names:
            say(name)
            throughput(folder / name)
        say(names[0])
        start(folder / names[0], folder)
        served(folder / names[0], options.rate, options.seconds)


if __name__ == "__main__":
    main()
