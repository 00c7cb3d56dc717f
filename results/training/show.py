"""What `measure.py` measured, as a figure of accuracy against time and as a table.

python results/training/show.py time-to-accuracy.csv --figure time-to-accuracy.png
python results/training/show.py ablation.csv --table
python results/training/show.py paper-letters.csv --looks 1,10,50
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

TARGET, BUDGETS = 0.8, (73, 291)
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_GRID_MINUTES = 0.05


def main() -> None:
    """Draw or print what is asked."""
    asked = _arguments()
    frame = pd.read_csv(asked.file)
    if asked.figure:
        time_to_accuracy(frame).savefig(asked.figure, dpi=150)
    if asked.table:
        print(table(frame))  # noqa: T201 - a script's output
    if asked.looks:
        print(by_epoch(frame, [int(epoch) for epoch in asked.looks.split(",")]))  # noqa: T201 - a script's output


def time_to_accuracy(frame: pd.DataFrame, n_labeled: int = 291) -> Figure:
    """Draw soft accuracy against training minutes: a thin line per model seed, a thick one for their mean."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    chosen = frame[frame["n_labeled"] == n_labeled]
    for color, way in zip(_COLORS, dict.fromkeys(chosen["way"]), strict=False):
        seeds = [seed.sort_values("minutes") for _, seed in chosen[chosen["way"] == way].groupby("model_seed")]
        for seed in seeds:
            axes.plot(seed["minutes"], 100 * seed["soft"], color=color, linewidth=0.6, alpha=0.6)
        start, end = max(seed["minutes"].iloc[0] for seed in seeds), min(seed["minutes"].iloc[-1] for seed in seeds)
        grid = np.arange(start, end + _GRID_MINUTES / 2, _GRID_MINUTES)
        mean = np.mean([np.interp(grid, seed["minutes"], seed["soft"]) for seed in seeds], axis=0)
        axes.plot(grid, 100 * mean, color=color, linewidth=2, label=f"{way} ({len(seeds)} model seeds)")
    axes.axhline(100 * TARGET, color="#666666", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set_ylim(0, 100)
    axes.set_xlim(left=0)
    axes.set_xlabel("minutes of training on one core")
    axes.set_ylabel(f"accuracy of soft decoding, {n_labeled} labels, in %")
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center right")
    return figure


def minutes_to(frame: pd.DataFrame, n_labeled: int = 291) -> pd.Series:
    """Return, for each way and seed, the first minute at which soft decoding was seen at the target or above."""
    there = frame[(frame["n_labeled"] == n_labeled) & (frame["soft"] >= TARGET)]
    first: pd.Series = there.groupby(["way", "model_seed"])["minutes"].min()
    return first


def table(frame: pd.DataFrame) -> str:
    """Return each way's last scores in Markdown: mean over model seeds, sorted by soft accuracy with most labels."""
    last = frame.sort_values("epoch").groupby(["way", "model_seed", "n_labeled"], as_index=False).last()
    lines = [
        "| way | seeds | minutes | live | " + " | ".join(f"soft {n} | hard {n}" for n in BUDGETS) + " | purity |",
        "|---|" + "---:|" * (4 + 2 * len(BUDGETS)),
    ]
    most = last[last["n_labeled"] == max(BUDGETS)]
    for way in most.groupby("way")["soft"].mean().sort_values(ascending=False).index:
        rows = last[last["way"] == way]
        mean = rows.groupby("n_labeled")[["soft", "hard"]].mean()
        scores = " | ".join(f"{100 * mean.loc[n, kind]:.1f}" for n in BUDGETS for kind in ("soft", "hard"))
        lines.append(
            f"| {way} | {rows['model_seed'].nunique()} | {rows['minutes'].mean():.1f} | {rows['live_components'].mean():.0f} "
            f"| {scores} | {100 * rows['purity'].mean():.1f} |"
        )
    first = minutes_to(frame)
    if not first.empty:
        spans = (f"{way} {times.min():.1f}-{times.max():.1f}" for way, times in first.groupby(level="way"))
        lines += ["", f"Minutes to {TARGET:.0%} with 291 labels (fastest and slowest seed): {'; '.join(spans)}."]
    return "\n".join(lines)


def by_epoch(frame: pd.DataFrame, epochs: list[int]) -> str:
    """Return accuracies and purity in percent, live components and terms of the bound in nats, after some epochs."""
    looked = frame[frame["epoch"].isin(epochs)].assign(soft=100 * frame["soft"], purity=100 * frame["purity"])
    model = ["way", "model_seed", "epoch"]
    scores = looked.pivot_table(index=model, columns="n_labeled", values="soft").add_prefix("soft ")
    others = looked.groupby(model)[["purity", "live_components", "reconstruction", "kl_z"]].first()
    rows = scores.join(others).reset_index().rename(columns={"model_seed": "seed", "live_components": "live"})
    return str(rows.to_string(index=False, float_format="%.1f"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--looks", help="epochs after which models were looked at: 1,10,50")
    return parser.parse_args()


if __name__ == "__main__":
    main()
