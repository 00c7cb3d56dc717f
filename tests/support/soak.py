"""Kill a sweep's driver and workers at random, resume it each time, and compare what comes out with an undisturbed run.

    python tests/support/soak.py --kills 25 --seed 0

Four trainings and 208 cells on digits. Half of the kills end the driver, by SIGKILL or SIGINT, at a random moment after it began
to work; the others end a random worker below a living driver. Exits with 0 if the records are the same, value for value.
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
from pathlib import Path

import pandas as pd
from runs import ENVIRONMENT, GMVAE_BENCH, MEASURED, descendants

GRID = [
    "run", "--components", "10,20", "--model-seeds", "0,1", "--label-seeds", "4", "--budgets", "25,50,100,200",
    "--methods", "soft,hard,hard-fallback,xgboost", "--checkpoint-seconds", "0.2",
]  # fmt: skip
# Until the driver has read its data, connected to Ray and given out work; before that there is nothing to lose.
_STARTING_SECONDS = 9.0


def command(folder: Path, epochs: int) -> list[str]:
    return [*GMVAE_BENCH, *GRID, "--epochs", str(epochs), "--out", str(folder)]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def soak(folder: Path, epochs: int, kills: int, seed: int, longest: float) -> dict[str, int]:
    """Run the sweep until so many kills are done and it is complete; return the kills by kind."""
    chance = random.Random(seed)  # noqa: S311 - a seeded choice, no secret
    done = {"driver SIGKILL": 0, "driver SIGINT": 0, "worker SIGKILL": 0}
    retry: list[str] = []
    while True:
        with (folder.parent / "messages").open("w") as messages:
            process = subprocess.Popen(
                [*command(folder, epochs), *retry], stdout=messages, stderr=messages, env=ENVIRONMENT, start_new_session=True
            )
        ends_driver = chance.random() < 0.5
        deadline = time.monotonic() + _STARTING_SECONDS + chance.uniform(0, longest)
        while process.poll() is None and sum(done.values()) < kills:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            if ends_driver:
                name = chance.choice(["driver SIGKILL", "driver SIGINT"])
                os.kill(process.pid, signal.SIGKILL if name.endswith("SIGKILL") else signal.SIGINT)
                done[name] += 1
                process.wait()
                break
            workers = [pid for pid in descendants(process.pid, "ray::") if not is_agent(pid)]
            if workers:
                os.kill(chance.choice(sorted(workers)), signal.SIGKILL)
                done["worker SIGKILL"] += 1
                ends_driver = chance.random() < 0.5
            deadline = time.monotonic() + chance.uniform(0.2, longest)
        code = process.wait()
        say(f"  {sum(done.values())} kills, exit code {code}, {progress(folder)}")
        if code == 0 and sum(done.values()) >= kills:
            return done
        if code == 0:
            # Complete before all kills were done: what was judged stays, the sweep goes on with models to be made again.
            shutil.rmtree(folder / "models" / chance.choice(["k10-s0", "k20-s1"]), ignore_errors=True)
            drop_some(folder, chance)
        elif code == 1:
            # By chance the same cell may have lost three workers.
            say("  " + (folder.parent / "messages").read_text().strip().splitlines()[-1])
        retry = ["--retry-failed"] if code == 1 else []


def is_agent(pid: int) -> bool:
    """Whether a process is one of those that Ray cannot live without, not a worker."""
    try:
        return "Agent" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        # It has ended meanwhile: no worker to kill either.
        return True


def drop_some(folder: Path, chance: random.Random) -> None:
    """Take a third of the records away, so that there is something left to kill."""
    path = folder / "records.parquet"
    table = pd.read_parquet(path, dtype_backend="pyarrow")
    kept = table[[chance.random() > 1 / 3 for _ in range(len(table))]]
    kept.to_parquet(path, index=False)


def progress(folder: Path) -> str:
    parts = [folder / "records.parquet", *(folder / "records.parts").glob("[!.]*.parquet")]
    count = sum(len(pd.read_parquet(path, columns=["status"])) for path in parts if path.exists())
    return f"{count} records, {len(list((folder / 'models').glob('k*')))} models"


def records(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "records.parquet").drop(columns=MEASURED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--longest", type=float, default=8.0, help="seconds of work between two kills, at most")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gmvae-bench-soak-") as place:
        undisturbed, disturbed = Path(place, "undisturbed"), Path(place, "disturbed")
        subprocess.run(
            [*command(undisturbed, options.epochs), "--executor", "serial"],
            check=True,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
        )
        say(f"undisturbed: {progress(undisturbed)}")
        begun = time.monotonic()
        kills = soak(disturbed, options.epochs, options.kills, options.seed, options.longest)
        pd.testing.assert_frame_equal(records(disturbed), records(undisturbed))
        models = sorted(path.name for path in (undisturbed / "models").iterdir())
        for name in models:
            ours, theirs = (folder / "models" / name / "weights.safetensors" for folder in (disturbed, undisturbed))
            if ours.read_bytes() != theirs.read_bytes():
                sys.exit(f"the weights of {name} differ")
        text = ", ".join(f"{count} {name}" for name, count in kills.items())
        say(f"{sum(kills.values())} kills ({text}) in {time.monotonic() - begun:.0f} s")
        say(f"{len(records(disturbed))} records and {len(models)} models are those of the undisturbed run, value for value")


if __name__ == "__main__":
    main()
