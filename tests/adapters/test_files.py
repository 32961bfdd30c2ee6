"""Columns of Parquet, CSV and Arrow files and of frames: `fastloss.evaluate` and the command eval."""

import json
import os
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet
import pytest

import fastloss
from fastloss import huber
from fastloss.__main__ import main
from fastloss._evaluate.sources import arrow

pytestmark = pytest.mark.usefixtures("empty_folder")

RNG = np.random.default_rng(3)
SIZE = 200_001
NUMBERS = {
    "y_hat": RNG.normal(0, 3, SIZE),
    "y": RNG.normal(0, 3, SIZE),
    "w": RNG.random(SIZE),
    "m": RNG.random(SIZE) < 0.5,
}
KEYS = RNG.choice(np.array(["AA", "DL", None, "UA"], object), SIZE)
TABLE = pa.table(NUMBERS | {"carrier": pa.array(KEYS, pa.string()), "day": RNG.integers(1, 8, SIZE)})
NAMES = {"pred": "y_hat", "target": "y"}
WEIGHTED = NAMES | {"weight": "w", "where": "m"}
ARGUMENTS = "--pred", "y_hat", "--target", "y"


def in_memory(rows=slice(None), loss=huber, **params):
    """Make the same call on some rows in memory."""
    pred, target, weight, where = (x[rows] for x in NUMBERS.values())
    return loss(pred, target, weight=weight, where=where, **params)


def write(kind, path, table=TABLE):
    """Write a file or folder of that kind, in pieces of uneven sizes."""
    if kind == "parquet":
        pa.parquet.write_table(table, path, row_group_size=70_001)
    elif kind == "csv":
        pa.csv.write_csv(table, path)
    elif kind == "feather":
        pa.feather.write_feather(table, path, compression="lz4")
    elif kind == "arrow":
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table, max_chunksize=9_999)
    elif kind == "folder":
        os.mkdir(path)
        for k in range(5):
            write("parquet", f"{path}/{k}.parquet", table.slice(k * 41_000, 41_000))
    return path


KINDS = ["parquet", "csv", "feather", "arrow", "folder"]


@pytest.fixture
def run(capsys):
    """Run the command eval in this process; return its status, its stdout and its stderr."""

    def evaluate(*words):
        status = main(["eval", *words])
        return status, *capsys.readouterr()

    return evaluate


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_has_the_bits_of_its_columns_in_memory(kind):
    path = write(kind, f"data.{kind}")
    found = fastloss.evaluate(path, ["huber:delta=2", "l1"], **WEIGHTED)
    assert found["huber:delta=2"][0] == in_memory(delta=2.0)
    assert found["absolute_error"][0] == in_memory(loss=fastloss.absolute_error)
    grouped = fastloss.evaluate(path, huber, by="carrier", **WEIGHTED)
    assert grouped["carrier"] == (["", "AA", "DL", "UA"] if kind == "csv" else ["AA", "DL", "UA", None])
    for key, value in zip(grouped["carrier"], grouped["huber"], strict=True):
        assert value == in_memory(np.array([each == (key or None) for each in KEYS]))


@pytest.mark.parametrize("kind", KINDS)
def test_groups_by_two_columns_of_a_file(kind):
    path = write(kind, f"data.{kind}")
    found = fastloss.evaluate(path, huber, by=["carrier", "day"], **WEIGHTED)
    assert len(found["huber"]) == 4 * 7
    for carrier, day, value in zip(found["carrier"], found["day"], found["huber"], strict=True):
        rows = np.array([key == (carrier or None) for key in KEYS]) & (TABLE["day"].to_numpy() == int(day))
        assert value == in_memory(rows)


FRAMES = {
    "Arrow": lambda: TABLE,
    "dataset": lambda: pa.dataset.dataset(TABLE),
    "pandas": TABLE.to_pandas,
    "Polars": lambda: pl.from_arrow(TABLE),
    "dictionary of Series": lambda: dict(TABLE.to_pandas()),
    "categories": lambda: TABLE.to_pandas().astype({"carrier": "category"}),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_in_memory(name):
    found = fastloss.evaluate(FRAMES[name](), huber, by="carrier", **WEIGHTED)
    assert found["carrier"] == ["AA", "DL", "UA", None]
    assert found["huber"].tolist() == [
        in_memory(np.array([each == key for each in KEYS])) for key in found["carrier"]
    ]


def test_the_table_makes_frames():
    found = fastloss.evaluate(TABLE, huber, by="carrier", **NAMES)
    frame = pd.DataFrame(found)
    assert list(frame.columns) == ["carrier", "count", "huber", "huber share"]
    assert frame["huber"].tolist() == found["huber"].tolist()
    assert pl.DataFrame(dict(found))["carrier"].to_list() == ["AA", "DL", "UA", None]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (pa.array([3, 1, None, 3]), [1, 3, None]),
        (pa.array([2.5, 1.0, 1.0, 2.5]), [1.0, 2.5]),
        (pa.array([True, False, True, True]), [False, True]),
        (pa.array(["b", "a", "b", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array(["b", "a", "b", "b"], pa.large_string()), ["a", "b"]),
        (pa.chunked_array([["b", "a"], ["c"], ["b"]]), ["a", "b", "c"]),
        (pa.array(np.array(["2026-01-02", "2025-01-01"] * 2, "M8[D]")), [date(2025, 1, 1), date(2026, 1, 2)]),
    ],
    ids=lambda x: str(getattr(x, "type", "")),
)
def test_keys_of_many_types(keys, expected):
    table = pa.table({"y_hat": [1.0, 2.0, 3.0, 4.0], "y": [0.0] * 4, "key": keys})
    pa.parquet.write_table(table, "keys.parquet")
    for source in (table, "keys.parquet"):
        found = fastloss.evaluate(source, "l1", by="key", **NAMES)
        assert found["key"] == expected
        assert found["count"].sum() == 4


@pytest.mark.parametrize("dtype", [pa.float16(), pa.float32(), pa.int8(), pa.uint64(), pa.bool_()])
def test_numbers_of_many_types(dtype):
    pred = np.array([1, 0, 1, 1]).astype(dtype.to_pandas_dtype())
    table = pa.table({"y_hat": pa.array(pred, dtype), "y": pa.array([0.25] * 4, pa.float32())})
    value = huber(pred, np.full(4, 0.25, np.float32))
    assert fastloss.evaluate(table, huber, **NAMES)["huber"][0] == value
    nulls = pa.table(
        {"y_hat": pa.concat_arrays([table["y_hat"].chunk(0), pa.nulls(2, dtype)]), "y": [0.25] * 6}
    )
    found = fastloss.evaluate(nulls, huber, skip_null=True, **NAMES)
    assert (found["huber"][0], found.skipped) == (huber(pred, np.full(4, 0.25)), 2)


def test_folders_by_keys_of_their_names():
    for year in (2025, 2026):
        os.makedirs(f"data/year={year}")
        write("parquet", f"data/year={year}/part.parquet")
    found = fastloss.evaluate("data", huber, by="year", **WEIGHTED)
    assert (found["year"], found["huber"].tolist()) == ([2025, 2026], [in_memory()] * 2)


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow"])
def test_nulls_and_nan_are_counted_or_skipped(kind, run):
    numbers = TABLE["y_hat"].to_numpy().copy()
    numbers[[5, 150_000]] = np.nan
    masked = pa.array(NUMBERS["y"], mask=np.arange(SIZE) == 7)
    path = write(
        kind, f"data.{kind}", TABLE.set_column(0, "y_hat", pa.array(numbers)).set_column(1, "y", masked)
    )
    said = (
        f"numbers are missing (null or NaN): 2 in column 'y_hat' of {path}, 1 in column 'y' of {path}; "
        "--skip-null leaves out such rows"
    )
    for by in ((), ("--by", "carrier")):
        status, out, err = run(path, *ARGUMENTS, "--loss", "huber", *by)
        assert (status, out, err) == (2, "", f"fastloss eval: {said}\n")
    left = ~np.isin(np.arange(SIZE), [5, 7, 150_000])
    value = huber(NUMBERS["y_hat"][left], NUMBERS["y"][left])
    said = "fastloss eval: skipped rows with missing numbers: 3\n"
    assert run(path, *ARGUMENTS, "--loss", "huber", "--skip-null") == (0, f"{value!r}\n", said)


def test_the_command_prints_a_table_of_groups_in_one_pass(run, calls_of):
    scans = calls_of(arrow.Arrow, "blocks")
    path = write("parquet", "data.parquet")
    words = path, *ARGUMENTS, "--weight", "w", "--where", "m", "--by", "carrier"
    words += "--loss", "huber:delta=5", "--loss", "absolute_error"
    found = fastloss.evaluate(path, ["huber:delta=5", "absolute_error"], by="carrier", **WEIGHTED)
    scans.clear()
    assert run(*words) == (0, f"{found}\n", "")
    assert len(scans) == 1
    status, out, _ = run(*words, "--json")
    assert (status, json.loads(out)) == (0, found.rows())
    assert run(f"{path}::y_hat", f"{path}::y", "--loss", "huber") == run(path, *ARGUMENTS, "--loss", "huber")


READERS = {
    "parquet": pa.parquet.read_table,
    "csv": pa.csv.read_csv,
    "arrow": lambda path: pa.ipc.open_file(path).read_all(),
}


@pytest.mark.parametrize("kind", READERS)
def test_gradients_and_losses_go_to_files_of_the_inputs_kind(kind, run):
    path = write(
        kind, f"data.{kind}", TABLE.cast(pa.schema(TABLE.schema).set(0, pa.field("y_hat", pa.float64())))
    )
    words = path, *ARGUMENTS, "--weight", "w", "--where", "m", "--loss", "huber"
    value, grad = in_memory(loss=huber.value_and_grad)
    assert run(*words, "--grad-out", f"grad.{kind}") == (0, f"{value!r}\n", "")
    assert READERS[kind](f"grad.{kind}")["grad"].to_numpy().tobytes() == grad.tobytes()
    losses, grad = in_memory(loss=huber.value_and_grad, reduction="none")
    outs = "--grad-out", f"grad.{kind}", "--loss-out", f"loss.{kind}", "--force"
    assert run(*words, "--reduction", "none", *outs) == (0, "", "")
    assert READERS[kind](f"grad.{kind}")["grad"].to_numpy().tobytes() == grad.tobytes()
    assert READERS[kind](f"loss.{kind}")["loss"].to_numpy().tobytes() == losses.tobytes()
    assert sorted(os.listdir()) == sorted([path, f"grad.{kind}", f"loss.{kind}"])


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_mean_over_rows_is_known_before_its_gradient(kind, run):
    path = write(kind, f"data.{kind}")
    value, grad = huber.value_and_grad(NUMBERS["y_hat"], NUMBERS["y"])
    assert run(path, *ARGUMENTS, "--loss", "huber", "--grad-out", f"grad.{kind}") == (0, f"{value!r}\n", "")
    assert READERS[kind](f"grad.{kind}")["grad"].to_numpy().tobytes() == grad.tobytes()


def test_cells_of_csv_files_may_have_several_lines():
    write("csv", "data.csv", pa.table(NUMBERS | {"g": np.array(["a\nb", "c,\n\nd"])[np.arange(SIZE) % 2]}))
    assert fastloss.evaluate("data.csv", huber, **WEIGHTED)["huber"][0] == in_memory()
    found = fastloss.evaluate("data.csv", huber, by="g", **NAMES)
    assert (found["g"], found["count"].sum()) == (["a\nb", "c,\n\nd"], SIZE)
