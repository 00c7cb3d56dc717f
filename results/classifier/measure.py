"""Speed of classifiers that were taken away: items per second, one item at a time, start-up, and a served one under load.

    python results/classifier/measure.py [--seconds 20] [--rate 200]

Images are 28 x 28 random bytes, models are hardly trained: neither changes the arithmetic. Nothing else should run beside it.
"""

import argparse
import asyncio
import os
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


async def ask(host: str, port: int, body: bytes, times: list[float], failures: list[str]) -> None:
    """Ask once over a connection of its own."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection(host, port)
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-npy\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    times.append(time.perf_counter() - begun)
    if b" 200 " not in answer[:20]:
        failures.append(answer[:100].decode(errors="replace"))


async def load_test(host: str, port: int, rate: int, seconds: float) -> None:
    """Ask at an even rate, whether or not answers are late."""
    path = Path(tempfile.mkdtemp(), "x.npy")
    np.save(path, np.zeros((1, 784), np.uint8))
    body, times, failures = path.read_bytes(), list[float](), list[str]()
    tasks = []
    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(host, port, body, times, failures)))
    await asyncio.gather(*tasks)
    wall, cuts = time.perf_counter() - begun, statistics.quantiles(times, n=100)
    say(
        f"  {len(times):,} requests at {rate} a second: {len(times) / wall:.0f} answered a second, {len(failures)} failed; "
        f"median {1000 * cuts[49]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms"
    )


def served(folder: Path, rate: int, seconds: float) -> None:
    """Serve a classifier, and ask it."""
    command = [sys.executable, "-m", "bench.cli.main", "serve", str(folder), "--port", "8731"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101
        process.stdout.readline()
        asyncio.run(load_test("127.0.0.1", 8731, 50, 2))
        asyncio.run(load_test("127.0.0.1", 8731, rate, seconds))
        process.terminate()


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
