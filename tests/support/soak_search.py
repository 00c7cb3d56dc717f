"""Kill a search's driver and workers at random, resume it each time, and compare its trials with those of an undisturbed one.

    python tests/support/soak_search.py --kills 25 --seed 0
    python tests/support/soak_search.py --kills 10 --postgres    # the study in PostgreSQL, two workers on two simulated nodes

A third of the kills each: SIGKILL of the driver, SIGINT, and SIGKILL of a worker below a living driver. With one worker a search
that was killed must be, trial for trial, the one that was not. With two, each trial must have ended once, and none be missing.
PostgreSQL is Debian's package `postgresql`; its driver is `psycopg2-binary`.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from runs import ENVIRONMENT, GMVAE_BENCH, descendants
from soak import is_agent, say

N_TRIALS = 12
SEARCH = [
    "search", "--components", "10", "--encoder-layers", "32", "--decoder-layers", "32", "--epochs", "60",
    "--trials", str(N_TRIALS), "--space", "latent_dim=int(2,8)", "--space", "learning_rate=float(1e-3,1e-2,log)",
    "--checkpoint-seconds", "0.2",
]  # fmt: skip
# Until the driver has read its data and connected to Ray; before that there is nothing to lose.
_STARTING_SECONDS = 8.0
KINDS = ("driver SIGKILL", "driver SIGINT", "worker SIGKILL")


def trials(place: Path | str) -> list[FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(place / "study.journal"))) if isinstance(place, Path) else place
    return optuna.load_study(study_name="gmvae-bench", storage=storage).trials


def essence(found: list[FrozenTrial]) -> list[tuple[object, ...]]:
    return [(trial.number, trial.state, trial.params, trial.value, trial.intermediate_values) for trial in found]


def disturbed(folder: Path, options: list[str], chance: random.Random, done: dict[str, int], kills: int, longest: float) -> None:
    """Repeat a search until it is complete, and kill something of it now and then."""
    while True:
        process = subprocess.Popen(
            [*GMVAE_BENCH, *SEARCH, *options, "--out", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=(folder.parent / "messages").open("w"),
            env=ENVIRONMENT,
            start_new_session=True,
        )
        deadline = time.monotonic() + _STARTING_SECONDS + chance.uniform(0, longest)
        while process.poll() is None:
            if time.monotonic() < deadline or sum(done.values()) >= kills:
                time.sleep(0.05)
                continue
            kind = chance.choice(KINDS)
            if kind == "worker SIGKILL":
                # Those of a simulated cluster are below this process.
                top = os.getpid() if "--address" in options else process.pid
                workers = [pid for pid in descendants(top, "ray::") if not is_agent(pid)]
                if workers:
                    os.kill(chance.choice(sorted(workers)), signal.SIGKILL)
                    done[kind] += 1
                deadline = time.monotonic() + chance.uniform(0.5, longest)
                continue
            os.kill(process.pid, signal.SIGKILL if kind == "driver SIGKILL" else signal.SIGINT)
            done[kind] += 1
            process.wait()
        code = process.wait()
        say(f"  {sum(done.values())} kills, exit code {code}")
        if code == 0:
            return
        # An interrupt at the very end, when nothing is left to be saved, ends Python itself.
        if code not in (130, -signal.SIGINT, -signal.SIGKILL):
            say("  " + (folder.parent / "messages").read_text().strip()[-2000:])
            sys.exit(f"unexpected exit code {code}")


@contextmanager
def postgres(place: Path) -> Iterator[str]:
    """Yield the URL of a database on a server of its own, which nobody but this user's machine reaches."""
    tools = max(Path("/usr/lib/postgresql").glob("*/bin"))
    data = place / "postgres"
    data.mkdir(mode=0o700)
    shutil.chown(data, "postgres")
    place.chmod(0o711)

    def as_postgres(*command: str) -> None:
        subprocess.run(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command], check=True, cwd="/")

    server = f"-p 54329 -k {data} -c listen_addresses=127.0.0.1"
    as_postgres(str(tools / "initdb"), "-D", str(data), "-A", "trust")
    as_postgres(str(tools / "pg_ctl"), "-D", str(data), "-o", server, "-w", "-l", str(data / "log"), "start")
    try:
        yield "postgresql+psycopg2://postgres:HUSH@127.0.0.1:54329/postgres"
    finally:
        as_postgres(str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


@contextmanager
def two_nodes() -> Iterator[str]:
    """Yield the address of a simulated cluster: a head without CPUs and two nodes with one each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster.address
    finally:
        cluster.shutdown()


def complete(found: list[FrozenTrial]) -> bool:
    """Whether each trial ended once and measured something at every rung up to its last."""
    ended = {TrialState.COMPLETE, TrialState.PRUNED}
    rungs = max((sorted(trial.intermediate_values) for trial in found), key=len)
    return [trial.number for trial in found] == list(range(N_TRIALS)) and all(
        trial.state in ended and sorted(trial.intermediate_values) == rungs[: len(trial.intermediate_values)] for trial in found
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=6.0, help="seconds of work between two kills, at most")
    parser.add_argument("--postgres", action="store_true")
    asked = parser.parse_args()
    chance, done, searches = random.Random(asked.seed), dict.fromkeys(KINDS, 0), 0  # noqa: S311 - a seeded choice, no secret
    begun = time.monotonic()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        options, url = ["--workers", "1"], ""
        if asked.postgres:
            url = stack.enter_context(postgres(place))
            options = ["--workers", "2", "--address", stack.enter_context(two_nodes()), "--study-storage", url]
        else:
            subprocess.run(
                [*GMVAE_BENCH, *SEARCH, "--executor", "serial", "--out", str(place / "undisturbed")],
                check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        while sum(done.values()) < asked.kills:
            folder = place / f"search-{searches}"
            disturbed(folder, options, chance, done, asked.kills, asked.longest)
            searches += 1
            found = trials(url or folder)
            if not complete(found):
                sys.exit("a trial was lost, doubled or measured badly: " + str(essence(found)))
            if not url and essence(found) != essence(trials(place / "undisturbed")):
                sys.exit("the trials are not those of the undisturbed search")
            if url:
                if "HUSH" in "".join(path.read_text(errors="replace") for path in folder.rglob("*.*") if path.is_file()):
                    sys.exit("the password is in the search's folder")
                optuna.delete_study(study_name="gmvae-bench", storage=url)
    text = ", ".join(f"{count} {name}" for name, count in done.items())
    say(f"{sum(done.values())} kills ({text}) of {searches} searches in {time.monotonic() - begun:.0f} s")
    say(
        "each trial ended once"
        if asked.postgres
        else "the trials of each search are those of the undisturbed one, value for value"
    )


if __name__ == "__main__":
    main()
