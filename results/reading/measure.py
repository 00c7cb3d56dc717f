"""How much memory and time reading a large table takes, beside the array that comes of it.

    python results/reading/measure.py --rows 2000000 --columns 100 --folder /tmp/large

Writes a table of random numbers as CSV and as Parquet, reads each in a process of its own, and prints the most memory that the
process held beyond what the imports take, as a multiple of the final array, and the seconds.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

_BLOCK = 50_000


def write(path: Path, rows: int, columns: int) -> None:
    """Write random numbers with four decimals, and a label, block by block."""
    rng = np.random.default_rng(0)
    names = [*(f"f{place}" for place in range(columns)), "label"]
    writer = None
    for begin in range(0, rows, _BLOCK):
        n = min(_BLOCK, rows - begin)
        values = rng.normal(size=(columns, n)).round(4)
        table = pa.table([*map(pa.array, values), pa.array(rng.integers(0, 5, n))], names=names)
        if writer is None:
            kind = pacsv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
            writer = kind(str(path), table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def read(path: Path) -> None:
    """Read a table in this process, and print what it took."""
    from bench.data.registry import load_dataset

    load_dataset("digits")
    before, begun, told = _resident(), time.monotonic(), []
    dataset = load_dataset(str(path), progress=told.append)
    seconds, peak = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    final = dataset.pool.nbytes
    sys.stdout.write(
        f"{path.suffix[1:]}: {len(dataset.pool):,} x {dataset.pool.shape[1]}, {path.stat().st_size / 2**20:,.0f} MiB on disk; "
        f"array {final / 2**20:,.0f} MiB; peak {(peak - before) / 2**20:,.0f} MiB beyond the imports = "
        f"{(peak - before) / final:.2f} x the array; {seconds:.1f} s; progress told {len(told)} times\n"
    )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Write, and read each file in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path("large"))
    parser.add_argument("--read", type=Path)
    asked = parser.parse_args()
    if asked.read is not None:
        read(asked.read)
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    for suffix in (".parquet", ".csv"):
        path = asked.folder / f"t{asked.rows}x{asked.columns}{suffix}"
        if not path.exists():
            write(path, asked.rows, asked.columns)
        subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
