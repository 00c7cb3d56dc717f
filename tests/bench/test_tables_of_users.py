"""Tables as people have them: what is a feature is decided once, rightly, and said; the rest is refused in a line."""

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.data.dataset import Dataset
from bench.data.reading import Reading
from bench.data.registry import load_dataset
from bench.errors import DataError, SettingsError
from bench.wording import printable
from gmvae.missing import is_missing

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(30, 3)).round(3)
CLASSES = np.array(["ham", "spam", "news"])[np.arange(30) % 3]
FRAME = pd.DataFrame(NOISE, columns=["a", "b", "c"]).assign(label=CLASSES)


def write(path: Path, frame: pd.DataFrame, **options: object) -> Path:
    frame.to_csv(path, **({"index": False} | options))  # type: ignore[call-overload]
    return path


def read(path: Path, **reading: object) -> Dataset:
    return load_dataset(str(path), reading=Reading(**reading))  # type: ignore[arg-type]


def said(data: Dataset) -> str:
    return "\n".join(data.notices())


def check(data: Dataset, n_features: int = 3) -> None:
    """Expect the items and classes of `FRAME`."""
    assert data.pool.shape == (30, n_features)
    np.testing.assert_allclose(data.pool[:, :3], NOISE, rtol=1e-6)
    assert data.class_names == ("ham", "news", "spam")
    assert [data.class_names[code] for code in data.labels] == CLASSES.tolist()


@pytest.mark.parametrize("name", ["Label", "LABEL", " label", "class ", "Target", "Y"])
def test_the_label_column_is_found_in_any_case_and_with_spaces(tmp_path: Path, name: str) -> None:
    check(read(write(tmp_path / "t.csv", FRAME.rename(columns={"label": name}))))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("label", "Class"), "the columns 'label' and 'Class' both look like labels. Say which one is with --label-column"),
        (("target", "label_name"), "the columns 'target' and 'label_name' both look like labels. Leave one out"),
        (("label", "targetClass"), "both look like labels"),
    ],
)
def test_a_second_label_column_is_refused_by_name(tmp_path: Path, names: tuple[str, str], message: str) -> None:
    frame = FRAME.rename(columns={"label": names[0]}).assign(**{names[1]: CLASSES})
    path = write(tmp_path / "t.csv", frame)
    with pytest.raises(DataError, match=message):
        read(path)
    check(read(path, label_column=names[0], drop_columns=(names[1],)))


def test_beside_x_y_is_a_coordinate(tmp_path: Path) -> None:
    data = read(write(tmp_path / "t.csv", FRAME.rename(columns={"a": "x", "b": "y"})))
    check(data)


@pytest.mark.parametrize(
    ("index", "line"),
    [
        (np.arange(30), r"column 1 \(without a name\) \(counts the rows, 0 … 29\)"),
        (np.arange(1, 31), "counts the rows, 1 … 30"),
        (RNG.permutation(1000)[:30], "numbers the rows"),
    ],
)
def test_an_index_column_is_no_feature(tmp_path: Path, index: np.ndarray, line: str) -> None:
    data = read(write(tmp_path / "t.csv", FRAME.set_index(pd.Index(index)), index=True))
    check(data)
    assert pd.Series([said(data)]).str.contains(line)[0]
    named = FRAME.copy()
    named.insert(1, "Index", index)
    check(read(write(tmp_path / "named.csv", named)))


def test_a_saved_index_of_an_index_is_no_feature_either(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME, index=True)
    again = write(tmp_path / "again.csv", pd.read_csv(path), index=True)
    check(read(again))


def test_a_column_of_any_name_that_counts_the_rows_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME.assign(step=np.arange(30)))
    check(read(path))
    assert read(path, feature_columns=("a", "step")).pool.shape == (30, 2)


def test_an_unnamed_column_that_is_no_index_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME.rename(columns={"b": ""}))
    with pytest.raises(DataError, match=r"column 2 has no name\. Give it one"):
        read(path)


def test_unnamed_texts_are_the_names_of_the_items(tmp_path: Path) -> None:
    data = read(write(tmp_path / "t.csv", FRAME.set_index(pd.Index([f"p{n:02}" for n in range(30)])), index=True))
    check(data)
    assert data.ids is not None
    assert data.ids[:2] == ("p00", "p01")


@pytest.mark.parametrize("first", ["0,1.04,0.382", "1.04,0.382,ham", "0,tcp,http,SF,491,0,normal", "5.1,3.5,Iris-setosa", "12"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, first: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join([first] * 5) + "\n")
    with pytest.raises(DataError, match="has no header: its first row is"):
        read(path)


@pytest.mark.parametrize("names", [("0", "1", "2"), ("1", "2", "3"), ("2019", "2020", "2021")])
def test_numbers_in_order_are_names_of_columns(tmp_path: Path, names: tuple[str, str, str]) -> None:
    check(read(write(tmp_path / "t.csv", FRAME.set_axis([*names, "label"], axis=1))))


def test_rows_that_end_with_a_separator(tmp_path: Path) -> None:
    lines = write(tmp_path / "t.csv", FRAME).read_text().splitlines()
    (tmp_path / "rows.csv").write_text("\n".join([lines[0], *(f"{line}," for line in lines[1:])]))
    check(read(tmp_path / "rows.csv"))
    (tmp_path / "all.csv").write_text("\n".join(f"{line}," for line in lines))
    check(read(tmp_path / "all.csv"))
    (tmp_path / "header.csv").write_text("\n".join([f"{lines[0]},", *lines[1:]]))
    check(read(tmp_path / "header.csv"))


def test_other_separators_are_named_in_the_refusal(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="4 values in each row, separated by spaces; separate them by commas"):
        read(write(tmp_path / "t.csv", FRAME, sep=" "))


def test_an_encoding_that_shows_late(tmp_path: Path) -> None:
    n = 30_000
    frame = pd.DataFrame({"a": np.arange(n)[::-1] / 7, "label": ["plain"] * (n - 1) + ["größe"]})
    data = read(write(tmp_path / "t.csv", frame, encoding="latin-1"))
    assert data.class_names == ("größe", "plain")
    assert "Latin-1" in said(data)


def test_a_label_column_of_names_is_questioned(tmp_path: Path) -> None:
    data = read(write(tmp_path / "t.csv", FRAME.assign(label=[f"n{n}" for n in range(30)])))
    assert "30 classes for 30 labels; is it the label" in said(data)


def test_a_header_without_a_name_for_the_first_column(tmp_path: Path) -> None:
    lines = write(tmp_path / "t.csv", FRAME).read_text().splitlines()
    (tmp_path / "r.csv").write_text("\n".join([lines[0], *(f"row{n},{line}" for n, line in enumerate(lines[1:]))]))
    data = read(tmp_path / "r.csv")
    check(data)
    assert data.ids is not None
    assert data.ids[29] == "row29"


@pytest.mark.parametrize(
    ("row", "message"), [("1,2", "2 values where the header has 4"), ("1,2,3,ham,5", "5 values where|saw 5")]
)
def test_shifted_rows_are_refused(tmp_path: Path, row: str, message: str) -> None:
    lines = write(tmp_path / "t.csv", FRAME).read_text().splitlines()
    (tmp_path / "s.csv").write_text("\n".join([*lines[:9], row, *lines[9:]]))
    with pytest.raises(DataError, match=message):
        read(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("name", "options", "note"),
    [
        ("t.CSV", {}, ""),
        ("t.tsv", {"sep": "\t"}, "tabs"),
        ("t.csv", {"sep": ";", "decimal": ","}, "separated by semicolons, a comma as decimal sign"),
        ("t.csv", {"sep": "|"}, "bars"),
        ("t.csv", {"encoding": "utf-8-sig"}, ""),
        ("t.csv", {"encoding": "utf-16"}, "UTF-16"),
        ("t.csv", {"encoding": "utf-16-le"}, "utf-16-le"),
        ("t.csv", {"encoding": "cp1252"}, "Windows-1252"),
        ("t.csv.gz", {}, ""),
        ("t.csv.bz2", {}, ""),
    ],
)
def test_how_a_file_is_written_is_found_out(tmp_path: Path, name: str, options: dict[str, str], note: str) -> None:
    frame = FRAME.rename(columns={"a": "größe"}) if "encoding" in options else FRAME
    data = read(write(tmp_path / name, frame, **options))
    check(data)
    assert note in said(data)
    assert data.name == "t"


def test_zstandard_needs_no_other_package(tmp_path: Path) -> None:
    text = write(tmp_path / "t.csv", FRAME).read_bytes()
    with pa.output_stream(str(tmp_path / "z.csv.zst"), compression="zstd") as file:
        file.write(text)
    check(read(tmp_path / "z.csv.zst"))


def test_what_is_no_text_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,label\n1,x\n" * 50)[:30])
    (tmp_path / "b.csv").write_bytes(bytes(range(256)) * 20)
    for name in ("t.csv.gz", "b.csv"):
        with pytest.raises(DataError, match=name):
            read(tmp_path / name)


def test_gaps_are_filled_and_marked(tmp_path: Path) -> None:
    frame = FRAME.assign(d=np.where(np.arange(30) % 5 == 0, np.nan, np.arange(30) / 7), e=["", "?", *["2.5"] * 28])
    data = read(write(tmp_path / "t.csv", frame))
    check(data, n_features=7)
    np.testing.assert_array_equal(data.pool[:, 4], np.arange(30) % 5 == 0)
    np.testing.assert_allclose(data.pool[0, 3], np.nanmedian(frame["d"]), rtol=1e-6)
    np.testing.assert_allclose(data.pool[:2, 5:], [[2.5, 1], [2.5, 1]])
    assert "gaps: d 6, e 2" in said(data)


def test_categories_dates_and_truth_values(tmp_path: Path) -> None:
    frame = FRAME.assign(
        color=np.array(["red", "blue", "green"])[np.arange(30) % 3],
        sex=np.array(["f", "m"])[np.arange(30) % 2],
        day=pd.date_range("2024-02-27", periods=30).astype(str),
        when=pd.date_range("2024-01-01", periods=30, freq="6h").strftime("%Y-%m-%d %H:%M:%S"),
        ok=np.arange(30) % 4 == 0,
    )
    frame["color"] = frame["color"].sample(frac=1, random_state=1).to_numpy()
    data = read(write(tmp_path / "t.csv", frame))
    check(data, n_features=10)
    assert [name for feature in data.features for name in feature.names][3:] == [
        *("color=blue", "color=green", "color=red", "sex=m", "day", "when", "ok")
    ]
    np.testing.assert_array_equal(data.pool[:, 3:6].argmax(axis=1), pd.Categorical(frame["color"]).codes)
    np.testing.assert_array_equal(data.pool[:, 6], np.arange(30) % 2)
    np.testing.assert_allclose(data.pool[:, 7], np.arange(30))
    np.testing.assert_allclose(data.pool[:, 8], np.arange(30) / 4)
    np.testing.assert_array_equal(data.pool[:, 9], np.arange(30) % 4 == 0)


def test_rare_categories_share_a_feature(tmp_path: Path) -> None:
    texts = [f"level {n}" for n in range(40) for _ in range(40 - n)]
    frame = pd.DataFrame({"service": texts, "a": RNG.normal(size=len(texts)), "label": np.arange(len(texts)) % 2})
    data = read(write(tmp_path / "t.csv", frame))
    (service, _) = data.features
    assert (service.n_features, service.others, "level 31" in service.levels, "level 32" in service.levels) == (
        33,
        True,
        True,
        False,
    )
    np.testing.assert_array_equal(data.pool[:, :33].sum(axis=1), 1)
    assert data.pool[:, 32].sum() == sum(40 - n for n in range(32, 40))


def test_free_text_is_refused_with_what_can_be_done(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        pd.DataFrame({"a": np.arange(50) % 7, "review": [f"text {n}" for n in range(50)], "label": [0, 1] * 25}),
    )
    with pytest.raises(DataError, match=r"the column 'review' holds free text .*--drop-columns review.*gmvae-bench embed"):
        read(path)
    assert read(path, id_column="review").ids is not None


def test_a_heavy_tail_becomes_a_logarithm_whatever_its_unit(tmp_path: Path) -> None:
    size = RNG.lognormal(5, 3, 400).round(2)
    frame = pd.DataFrame({"bytes": size, "small": size / 1e6, "plain": RNG.normal(size=400), "label": np.arange(400) % 2})
    path = write(tmp_path / "t.csv", frame)
    data = read(path)
    assert [feature.kind for feature in data.features] == ["log", "log", "number"]
    unit = np.quantile(size, 0.1)
    np.testing.assert_allclose(data.pool[:, 0], np.log1p(size / unit), rtol=1e-5)
    np.testing.assert_allclose(data.pool[:, 1], data.pool[:, 0], rtol=1e-4)
    assert "2 logarithms (heavy tails): bytes, small" in said(data)
    np.testing.assert_allclose(read(path, log_columns=("none",)).pool[:, 0], size, rtol=1e-6)
    with pytest.raises(DataError, match="--log-columns names 'plain', which holds -"):
        read(path, log_columns=("plain",))


def test_a_text_column_that_looks_like_the_label_is_not_a_feature(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME.rename(columns={"label": "species"}))
    with pytest.raises(DataError, match=r"but 'species' looks like the label .*Say --label-column species if it is"):
        read(path)
    check(read(path, label_column="species"))
    assert read(path, label_column="none").class_names == ()


def test_a_column_that_tells_every_label_is_warned_about(tmp_path: Path) -> None:
    code = pd.Categorical(CLASSES).codes
    data = read(write(tmp_path / "t.csv", FRAME.assign(code=code)))
    assert "warning: the column code alone tells every label" in said(data)
    assert "warning" not in said(read(write(tmp_path / "u.csv", FRAME)))


@pytest.mark.parametrize("word", ["", "NaN", "nan", "None", "NA", "<NA>", "-1", "unlabelled", "Unlabeled", " NA "])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_one_rule_for_no_label(tmp_path: Path, word: str, suffix: str) -> None:
    labels = [word if n % 2 else name for n, name in enumerate(CLASSES)]
    path = tmp_path / f"t{suffix}"
    frame = FRAME.assign(label=labels)
    if suffix == ".csv":
        write(path, frame)
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        np.savez(path, x=NOISE, y=np.array(labels))
    data = read(path)
    assert data.class_names == ("ham", "news", "spam")
    np.testing.assert_array_equal(data.labels < 0, np.arange(30) % 2 == 1)
    if word.strip():
        assert f"no label where it says '{word.strip()}' 15" in said(data)


def test_other_words_for_no_label_and_words_that_are_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME.assign(label=np.array(["NA", "None", "intact"])[np.arange(30) % 3]))
    with pytest.raises(DataError, match=r"'NA' \(10 items\) and 'None' \(10 items\) both occur"):
        read(path)
    assert read(path, missing_label=()).class_names == ("NA", "None", "intact")
    assert read(path, missing_label=("NA", "None")).class_names == ("intact",)
    both = write(tmp_path / "u.csv", FRAME.assign(label=np.array(["-1", "1", "?"])[np.arange(30) % 3]))
    assert read(both, missing_label=("?",)).class_names == ("-1", "1")


def test_spaces_and_case_of_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME.assign(label=[" cat", "cat ", "Cat", "dog  a", "dog a"] * 6))
    data = read(path)
    assert data.class_names == ("Cat", "cat", "dog a")
    assert "the classes 'Cat' and 'cat' differ in case alone" in said(data)
    np.savez(tmp_path / "t.npz", x=NOISE, y=np.array([" cat", "cat ", "dog"] * 10))
    assert read(tmp_path / "t.npz").class_names == ("cat", "dog")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_of_items_stay_as_written(tmp_path: Path, suffix: str) -> None:
    frame = FRAME.assign(ID=[f"{n:05}" for n in range(30)])
    path = tmp_path / f"t{suffix}"
    write(path, frame) if suffix == ".csv" else frame.to_parquet(path)
    data = read(path)
    check(data)
    assert data.ids is not None
    assert data.ids[7] == "00007"


def test_names_of_classes_with_zeros_stay_as_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,label\n1,01\n2,02\n4,10\n3,01\n")
    assert read(path).class_names == ("01", "02", "10")


def test_columns_that_name_groups_are_left_out(tmp_path: Path) -> None:
    data = read(write(tmp_path / "t.csv", FRAME.assign(patient_id=[f"p{n // 3}" for n in range(30)])))
    check(data)
    assert "patient_id (names groups of rows)" in said(data)


def test_options_that_name_no_column(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME)
    for option in ("label_column", "id_column"):
        with pytest.raises(DataError, match=f"no column 'colour' in the table, which --{option.replace('_', '-')} names"):
            read(path, **{option: "colour"})
    for option in ("drop_columns", "feature_columns"):
        with pytest.raises(DataError, match=f"--{option.replace('_', '-')} names"):
            read(path, **{option: ("colour",)})


def test_parquet_of_every_type(tmp_path: Path) -> None:
    n = 30
    table = pa.table(
        {
            "whole": pa.array(list(range(5, 5 + 2 * n, 2)), pa.int64()),
            "price": pa.array([Decimal(f"{k}.25") for k in range(n, 0, -1)], pa.decimal128(10, 2)),
            "flag": pa.array([k % 2 == 0 for k in range(n)]),
            "kind": pa.array(["u", "v", "w"] * 10).dictionary_encode(),
            "at": pa.array(pd.date_range("2024-01-01", periods=n, freq="12h")),
            "gap": pa.array([None if k % 3 == 0 else float(k % 7) for k in range(n)]),
            "vector": pa.array(NOISE.astype(np.float32).tolist(), pa.list_(pa.float32(), 3)),
            "label": pa.array([None, 2, 3] * 10),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    data = read(tmp_path / "t.parquet")
    assert [feature.kind for feature in data.features] == ["number"] * 3 + ["levels", "date", "number", "list"]
    np.testing.assert_allclose(data.pool[:, -3:], NOISE, rtol=1e-6)
    np.testing.assert_allclose(data.pool[:, 1], np.arange(n, 0, -1) + 0.25)
    np.testing.assert_allclose(data.pool[:, 6], np.arange(n) / 2)
    assert data.class_names == ("2", "3")
    assert (data.labels < 0).sum() == 10


def test_a_folder_of_parquet_and_feather(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    FRAME[:20].to_parquet(tmp_path / "parts" / "part-0.parquet")
    FRAME[20:].to_parquet(tmp_path / "parts" / "part-1.parquet")
    (tmp_path / "parts" / "_SUCCESS").write_text("")
    check(read(tmp_path / "parts"))
    FRAME.to_feather(tmp_path / "t.feather")
    check(read(tmp_path / "t.feather"))


def test_lists_in_a_column_of_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"embedding": [str(row.tolist()) for row in NOISE], "label": CLASSES})
    check(read(write(tmp_path / "t.csv", frame)))
    frame.loc[3, "embedding"] = "[1.0, 2.0]"
    with pytest.raises(DataError, match=r"lists of different lengths \(2, 3\) in the column 'embedding'"):
        read(write(tmp_path / "u.csv", frame))


def test_numbers_that_become_text_late_are_read_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.data import tables

    monkeypatch.setattr(tables, "_ROWS", 7)
    frame = FRAME.assign(zone=[*"1123112", *["x"] * 11, *["y"] * 12])
    data = read(write(tmp_path / "t.csv", frame))
    check(data, n_features=8)
    assert data.features[3].levels == ("1", "2", "3", "x", "y")


def test_what_is_fitted_is_fitted_on_the_pool_and_kept_without_pickles(tmp_path: Path) -> None:
    from bench.data.features import from_json, make_matrix, to_json
    from bench.data.texts import texts_of

    size = np.concatenate([RNG.lognormal(5, 3, 399), [1e12]])
    frame = pd.DataFrame({"bytes": size, "kind": np.array(list("uvw"))[RNG.integers(0, 3, 400)], "label": np.arange(400) % 2})
    frame.loc[::7, "bytes"] = np.nan
    path = write(tmp_path / "t.csv", frame)
    held = load_dataset(str(path), holdout="0.5")
    assert held.test is not None
    of_pool = frame["bytes"].to_numpy()[np.sort(np.random.default_rng(20260401).permutation(400)[200:])]
    assert held.features[0].fill == pytest.approx(np.nanmedian(of_pool), rel=1e-6)
    again = from_json(held.describe()["columns"])
    assert again == held.features
    new = [np.array([np.nan, 3.5], np.float32), texts_of(["w", "never seen"])]
    matrix = make_matrix(again, new)
    unit = again[0].unit
    np.testing.assert_allclose(matrix[0], [np.log1p(again[0].fill / unit), 1, 0, 0, 1], rtol=1e-5)
    np.testing.assert_allclose(matrix[1], [np.log1p(3.5 / unit), 0, 0, 0, 0], rtol=1e-5)
    assert to_json(again) == held.describe()["columns"]


@pytest.mark.parametrize("name", ["class_label", "Class Label", "class_id"])
def test_a_column_of_numbers_that_speaks_of_labels_is_no_feature_in_silence(tmp_path: Path, name: str) -> None:
    codes = np.arange(30) % 3
    path = write(tmp_path / "t.csv", FRAME.drop(columns="label").assign(**{name: codes}))
    with pytest.raises(DataError, match=f"but '{name}' looks like the label"):
        read(path)
    assert read(path, label_column=name).class_names == ("0", "1", "2")
    beside = write(tmp_path / "u.csv", FRAME.assign(coarse_label=(codes + np.arange(30)) % 2))
    with pytest.raises(DataError, match="'label' and 'coarse_label' both look like labels"):
        read(beside)


def test_a_feature_called_class_can_be_kept(tmp_path: Path) -> None:
    seats = RNG.permutation(["Eco", "Business"] * 15)
    path = write(tmp_path / "t.csv", FRAME.rename(columns={"label": "satisfaction"}).assign(Class=seats))
    data = read(path, label_column="satisfaction")
    check(data, n_features=4)
    assert "Class is a feature; if it is a label too" in said(data)
    check(read(path, label_column="satisfaction", feature_columns=("a", "b", "c", "class")), n_features=4)


def test_a_broken_part_of_a_folder_is_named_and_columns_that_parts_lack_are_told(tmp_path: Path) -> None:
    FRAME[:20].assign(d=1.5).to_parquet(tmp_path / "a.parquet")
    FRAME[20:].to_parquet(tmp_path / "b.parquet")
    data = read(tmp_path)
    check(data, n_features=5)
    assert "gaps where parts lack the columns d" in said(data)
    (tmp_path / "b.parquet").write_bytes(b"garbage")
    with pytest.raises(DataError, match=r"b\.parquet cannot be read as Parquet"):
        read(tmp_path)


def test_dates_that_are_none_are_gaps_and_told(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=30).astype(str).to_numpy(object)
    days[[3, 7]] = "2024-02-31", "9999-12-31"
    data = read(write(tmp_path / "t.csv", FRAME.assign(day=days)))
    check(data, n_features=5)
    assert data.pool[3, 4] == 1
    assert "day: a gap where it says '2024-02-31'" in said(data)
    table = pa.table(
        {"day": pa.array([f"{2000 + n}-01-01" for n in range(29)] + ["9999-12-31"]).cast(pa.date32()), "label": [0, 1] * 15}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").pool[-1, 0] > 2_900_000


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_large_numbers_that_lie_close_together_keep_their_differences(tmp_path: Path, suffix: str) -> None:
    order = RNG.permutation(30)
    frame = FRAME.assign(t=1_700_000_000 + order)
    path = tmp_path / f"t{suffix}"
    write(path, frame) if suffix == ".csv" else frame.to_parquet(path)
    data = read(path)
    check(data, n_features=4)
    np.testing.assert_array_equal(data.pool[:, 3], order)


def test_gaps_of_held_out_items_get_the_pools_median(tmp_path: Path) -> None:
    held = np.setdiff1d(np.arange(30), np.sort(np.random.default_rng(20260401).permutation(30)[15:]))[4]
    values = 100 + RNG.normal(size=30).round(2)
    values[held] = np.nan
    rare = np.full(30, np.nan)
    rare[held] = 5
    path = write(tmp_path / "t.csv", FRAME.assign(d=values, rare=rare))
    data = load_dataset(str(path), holdout="0.5")
    assert data.test is not None
    assert 98 < data.test[:, 3].min() <= data.test[:, 3].max() < 102
    assert np.isfinite(data.test).all()


def test_empty_rows_and_lines_before_the_header(tmp_path: Path) -> None:
    text = write(tmp_path / "t.csv", FRAME).read_text()
    (tmp_path / "u.csv").write_text(f"sep=,\n# made by hand\n,,,\n{text},,,\n,,,\n")
    data = read(tmp_path / "u.csv")
    check(data)
    assert "2 empty rows left out" in said(data)


def test_an_index_that_pandas_kept_is_read_if_its_name_says_what_it_is(tmp_path: Path) -> None:
    FRAME.assign(id=[f"{n:05}" for n in range(30)]).set_index("id").to_parquet(tmp_path / "i.parquet")
    data = read(tmp_path / "i.parquet")
    check(data)
    assert (data.ids or ())[3] == "00003"
    FRAME.set_index("label").to_parquet(tmp_path / "l.parquet")
    check(read(tmp_path / "l.parquet"))
    FRAME.set_index(pd.Index(RNG.normal(size=30), name="moment")).to_parquet(tmp_path / "m.parquet")
    data = read(tmp_path / "m.parquet")
    check(data)
    assert "left out: moment (index of pandas)" in said(data)


def test_types_of_arrow_that_are_texts_or_lists_in_disguise(tmp_path: Path) -> None:
    kinds = pa.array(["u", "v", "w"] * 10)
    vectors = pa.FixedShapeTensorArray.from_numpy_ndarray(NOISE.astype(np.float32))
    table = pa.table({"kind": kinds.cast(pa.string_view()), "vector": vectors, "label": CLASSES.tolist()})
    import pyarrow.feather as feather

    feather.write_feather(table.select(["kind", "label"]), tmp_path / "t.feather")
    with pa.OSFile(str(tmp_path / "v.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    assert [feature.kind for feature in read(tmp_path / "v.arrow").features] == ["levels", "list"]
    assert read(tmp_path / "t.feather").features[0].levels == ("u", "v", "w")


def test_classes_stay_as_written(tmp_path: Path) -> None:
    for words in (["1.1", "1.10", "2.0"], ["1E5", "2E5", "3E8"]):
        data = read(write(tmp_path / "t.csv", FRAME.assign(label=words * 10)))
        assert set(data.class_names) <= {*words, "2"}
        assert len(data.class_names) == 3
    assert read(write(tmp_path / "t.csv", FRAME.assign(label=["1.0", "2.0", ""] * 10))).class_names == ("1", "2")


def test_what_is_said_of_other_kinds_of_data_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME)
    with pytest.raises(SettingsError, match=r"--x is for a array|--x is for an? array"):
        read(path, x="a")
    with pytest.raises(SettingsError, match="--label-column is for a table"):
        load_dataset("digits", reading=Reading(label_column="a"))
    with pytest.raises(DataError, match="no column 'byte' in the table, which --log-columns names"):
        read(path, log_columns=("byte",))


def test_names_of_items_keep_every_character_of_their_script(tmp_path: Path) -> None:
    data = read(write(tmp_path / "t.csv", FRAME.assign(id=[f"no\u00a0{n} a\u200cb" for n in range(30)])))
    assert (data.ids or ())[0] == "no\u00a00 a\u200cb"


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='"?'), min_size=1, max_size=8)
_NUMBERS = st.floats(-1e6, 1e6, width=32).map(lambda value: round(value, 3)) | st.integers(-1000, 1000).map(float)


@given(
    values=st.lists(st.tuples(_NUMBERS, _NUMBERS | st.none()), min_size=12, max_size=40),
    names=st.lists(_NAMES, min_size=2, max_size=3, unique=True),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_a_table_holds_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[tuple[float, float | None]],
    names: list[str],
    separator: str,
    encoding: str,
) -> None:
    labels = [names[place % len(names)] for place in range(len(values))]
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(label=labels)
    path = write(tmp_path_factory.mktemp("t") / "t.csv", frame, sep=separator, encoding=encoding)
    try:
        data = load_dataset(str(path))
    except DataError:
        return
    first, second = frame["a"].to_numpy(np.float32), frame["b"].to_numpy(np.float32)
    counts = np.array_equal(first, np.arange(len(first)))
    assert counts or np.allclose(data.pool[:, 0], first, rtol=1e-5) or data.features[0].kind == "log"
    for code, text in zip(data.labels, labels, strict=True):
        assert (code < 0) == is_missing(text)
        assert code < 0 or data.class_names[code] == printable(text)
    assert len(data.pool) == len(second)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{}.12.2024", "holds dates such as .* Write them as 2024-12-31"),
        ("01/{}/2024 03:00 PM", "holds dates such as"),
        ("1,{}4.50", "holds numbers with signs between thousands such as .* Write them as 1234.5"),
        ("{}.5 %", "holds percentages such as .* without the sign"),
    ],
)
def test_numbers_and_dates_in_a_form_that_is_not_read_are_named(tmp_path: Path, value: str, message: str) -> None:
    texts = [value.format(number) for number in range(10, 70)]
    texts[3] = "n/a"
    twice = pd.concat([FRAME, FRAME], ignore_index=True)
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / "t.csv", twice.assign(when=texts)[["when", "a", "label"]], sep=";"))
    # A few of them are categories like any other.
    few = twice.assign(when=[value.format(10 + number % 5) for number in range(60)])
    assert read(write(tmp_path / "few.csv", few[["a", "when", "label"]], sep=";")).pool.shape == (60, 6)


def test_texts_in_the_order_of_the_classes_raise_no_alarm(tmp_path: Path) -> None:
    """In a file that is sorted by class, whatever differs from row to row follows the classes."""
    ordered = FRAME.sort_values("label").assign(code=[f"c{number}" for number in range(30)], fine=np.arange(30) * 1.5)
    notes = said(
        read(write(tmp_path / "t.csv", ordered[["code", "a", "fine", "label"]]), id_column="none", drop_columns=("fine",))
    )
    assert "tells every label" not in notes
    assert "the column fine alone tells every label" in said(
        read(write(tmp_path / "t.csv", ordered[["a", "b", "fine", "label"]]))
    )


def test_classes_whose_names_mean_no_label_to_many_are_warned_of(tmp_path: Path) -> None:
    labels = np.where(np.arange(30) < 4, "?", np.where(np.arange(30) < 6, "Unknown", CLASSES))
    path = write(tmp_path / "t.csv", FRAME.assign(label=labels))
    notes = said(read(path))
    assert "classes called '?' (4 items), 'Unknown' (2 items); if that means no label, say --missing-label" in notes
    assert "e.g. '?,Unknown'" in notes
    assert "warning" not in said(read(path, missing_label=("?", "Unknown")))


def test_a_second_label_column_is_not_told_to_be_named_again(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", FRAME.assign(target=CLASSES))
    with pytest.raises(DataError, match="or keep it: name all features with --feature-columns"):
        read(path, label_column="label")
