"""Tables in memory from any library: which tables and keys are accepted, and the errors for the others."""

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
from fastloss._evaluate.sources import scanning

NUMBERS = {"pred": [1.0, 2.0, 3.0, 4.0], "target": [0.0] * 4}
TABLE = pa.table(NUMBERS)


SOURCES = {
    "batch": lambda: TABLE.to_batches()[0],
    "reader": TABLE.to_reader,
    "struct": lambda: pl.DataFrame(NUMBERS).to_struct(),
    "chunks": lambda: pa.chunked_array([TABLE.to_batches()[0].to_struct_array()]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_whatever_streams_columns_is_a_table(name):
    assert fastloss.evaluate(SOURCES[name](), "l1")["count"].tolist() == [4]


FOREIGN = {
    "Series": (lambda: pl.Series([1.0]), "cannot read the Series: "),
    "array": (lambda: pa.chunked_array([[1.0]]), "cannot read the ChunkedArray: "),
    "batch": (
        lambda: TABLE.drop(["pred"]).to_batches()[0],
        "the RecordBatch has no column 'pred': it",
    ),
    "twice": (
        lambda: pd.DataFrame(np.ones((4, 3)), columns=["pred", "target", "pred"]),
        "the DataFrame has 2 columns 'pred', expected one",
    ),
    "object": (
        lambda: pd.DataFrame({"pred": [1.0, "a"], "target": 0.0}),
        "cannot read the DataFrame: ",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_table_is_told_in_a_line(name):
    make, said = FOREIGN[name]
    with pytest.raises((TypeError, ValueError)) as raised:
        fastloss.evaluate(make(), "l1")
    assert str(raised.value).startswith(f"evaluate: {said}")
    assert "\n" not in str(raised.value)


def test_names_of_columns_are_text():
    frame = pd.DataFrame(np.ones((4, 2)))
    for source in (frame, pa.Table.from_pandas(frame)):
        with pytest.raises(TypeError, match="evaluate: pred must be the name of a column, a string, got 0"):
            fastloss.evaluate(source, "l1", pred=0, target=1)


@pytest.mark.parametrize("index", [pa.int8(), pa.uint8(), pa.uint32(), pa.uint64()], ids=str)
def test_keys_of_dictionaries_with_nulls(index):
    indices = pa.array([1, None, 0, 1], index)
    table = TABLE.append_column("g", pa.DictionaryArray.from_arrays(indices, ["a", "b"]))
    assert fastloss.evaluate(table, "l1", by="g")["g"] == ["a", "b", None]


def test_keys_of_polars_with_nulls():
    for dtype in (pl.Categorical, pl.Enum(["b", "a"])):
        frame = pl.DataFrame(NUMBERS | {"g": pl.Series(["a", None, "b", "a"], dtype=dtype)})
        assert fastloss.evaluate(frame, "l1", by="g")["g"] == ["a", "b", None]


TIMES = np.array(["2026-01-02", "2025-01-01"] * 2, "M8[ns]")


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_times_are_keys_as_python_has_them(make):
    found = fastloss.evaluate(make(NUMBERS | {"g": TIMES}), "l1", by="g")["g"]
    assert [str(key) for key in found] == ["2025-01-01 00:00:00", "2026-01-02 00:00:00"]


def test_times_that_python_cannot_tell_apart_are_no_keys():
    given = NUMBERS | {"g": TIMES + np.arange(4)}
    with pytest.raises(TypeError, match=r"column 'g' of the source, given as by, .* got datetime64.ns"):
        fastloss.evaluate(given, "l1", by="g")
    given["g"] = np.where(np.arange(4) < 2, TIMES, np.datetime64("NaT"))
    assert [str(key)[:4] for key in fastloss.evaluate(given, "l1", by="g")["g"]] == ["2025", "2026", "None"]


BAD_KEYS = {
    "time64.ns.": pa.array([1, 2, 1, 2], pa.time64("ns")),
    "dictionary<values=list": pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 1]), pa.array([[1], [2]])),
    "extension<pandas.interval": pd.arrays.IntervalArray.from_breaks(range(5)),
}


@pytest.mark.parametrize("said", BAD_KEYS)
def test_keys_that_do_not_fit(said):
    make = pa.table if isinstance(BAD_KEYS[said], pa.Array) else pd.DataFrame
    source = make(NUMBERS | {"g": BAD_KEYS[said]})
    with pytest.raises(TypeError, match=f"column 'g' of the .*, given as by, must hold keys, .*, got {said}"):
        fastloss.evaluate(source, "l1", by="g")


def test_missing_values_of_pandas_in_a_mapping():
    given = NUMBERS | {"g": pd.Series(["b", pd.NA, "a", "b"], dtype=object)}
    assert fastloss.evaluate(given, "l1", by="g")["g"] == ["a", "b", None]
    given |= {"pred": pd.Series([1.0, pd.NA, 2.0, 1.0], dtype=object)}
    with pytest.raises((TypeError, ValueError), match="evaluate: "):
        fastloss.evaluate(given, "l1")


UNHELD = {
    "text": pa.array([b"\xff"] * 4).view(pa.string()),
    "date": pa.array([10**7] * 4, pa.int32()).view(pa.date32()),
}


@pytest.mark.parametrize("kind", UNHELD)
def test_keys_that_python_cannot_hold(kind):
    with pytest.raises(ValueError, match="'g' of the Table, given as by, has a key that Python cannot"):
        fastloss.evaluate(pa.table(NUMBERS | {"g": UNHELD[kind]}), "l1", by="g")


def test_a_frame_with_numbers_for_names_has_no_such_texts():
    with pytest.raises(ValueError, match=r"the DataFrame has no column '0': it has 0, 1$"):
        fastloss.evaluate(pd.DataFrame(np.ones((4, 2))), "l1", pred="0", target="1")


def test_a_dataset_with_other_delimiters_is_told_of(tmp_path):
    (tmp_path / "data.csv").write_text("pred;target\n" + "1;2\n" * 400_000 + "1;x\n")
    form = pa.dataset.CsvFileFormat(parse_options=pa.csv.ParseOptions(delimiter=";"))
    with pytest.raises(ValueError, match=r"evaluate: cannot read .*data.csv: In CSV column #1: .*'x'"):
        fastloss.evaluate(pa.dataset.dataset(tmp_path / "data.csv", format=form), "l1")


def test_a_dataset_of_files_in_memory():
    form, held = pa.dataset.ParquetFileFormat(), pa.BufferOutputStream()
    pa.parquet.write_table(TABLE, held)
    fragments = [form.make_fragment(pa.BufferReader(held.getvalue())) for _ in range(3)]
    dataset = pa.dataset.FileSystemDataset(fragments, TABLE.schema, form)
    assert fastloss.evaluate(dataset, "l1")["count"].tolist() == [12]


def test_a_damaged_arrow_file_of_a_folder_is_named(tmp_path):
    for k in range(3):
        pa.feather.write_feather(TABLE, tmp_path / f"{k}.arrow")
    content = bytearray((tmp_path / "1.arrow").read_bytes())
    content[8:300] = b"\xff" * 292
    (tmp_path / "1.arrow").write_bytes(content)
    with pytest.raises(ValueError, match=r"evaluate: cannot read .*1\.arrow: "):
        fastloss.evaluate(tmp_path, "l1")


KEYS = {
    "halffloat": pa.array(np.array([1, 2, 2, 1], np.float16)),
    "string_view": pa.array(["1", "2", "2", "1"], pa.string_view()),
    "uint64": pa.array([1, 2**64 - 1, 2**64 - 1, 1], pa.uint64()),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_types_that_arrow_does_not_look_up_and_of_the_widest(kind):
    found = fastloss.evaluate(pa.table(NUMBERS | {"g": KEYS[kind]}), "l1", by="g")
    assert found["g"] == KEYS[kind].to_pylist()[:2]
    assert found["absolute_error"].tolist() == [2.5, 2.5]


def test_a_dataset_of_files_with_a_filter(tmp_path):
    pa.parquet.write_table(TABLE, tmp_path / "data.parquet")
    dataset = pa.dataset.dataset(tmp_path / "data.parquet").filter(pa.dataset.field("pred") > 2)
    assert fastloss.evaluate(dataset, "l1")["absolute_error"].tolist() == [3.5]


def test_a_nan_that_a_dictionary_holds_before_any_row_does_is_no_key():
    rows = scanning.BATCH
    keys = pa.DictionaryArray.from_arrays(pa.array(np.repeat([0, 1], rows)), [1.0, np.nan])
    table = pa.table({"pred": np.ones(2 * rows), "target": np.zeros(2 * rows), "g": keys})
    with pytest.raises(
        ValueError, match="column 'g' of the Table, given as by, must not hold NaN, got 131,072"
    ):
        fastloss.evaluate(table, "l1", by="g")
    assert fastloss.evaluate(table[:rows], "l1", by="g")["g"] == [1.0]


def test_hours_that_are_one_in_python_are_told():
    hours = pa.array([1636263000, 1636266600, 0, 0], pa.timestamp("s", "America/New_York"))
    with pytest.raises(TypeError, match="New_York], two of whose times are one in Python"):
        fastloss.evaluate(pa.table(NUMBERS | {"g": hours}), "l1", by="g")


MISSING = {
    "arrow": pa.array([1 << 60, None, 7, 1 << 60]),
    "chunks": pa.chunked_array([[1 << 60, None], [7, 1 << 60]]),
    "polars": pl.Series([1 << 60, None, 7, 1 << 60]),
    "pandas": pd.Series([1 << 60, None, 7, 1 << 60], dtype="Int64"),
    "array": pd.array([1 << 60, None, 7, 1 << 60], dtype="Int64"),
    "pyarrow": pd.Series([1 << 60, None, 7, 1 << 60], dtype="int64[pyarrow]"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_integers_with_missing_ones_in_a_mapping(kind):
    given = NUMBERS | {"g": MISSING[kind]}
    found = fastloss.evaluate(given, "l1", by="g")
    assert found["g"] == [7, 1 << 60, None]
    assert found["count"].tolist() == [1, 2, 1]
    found = fastloss.evaluate(given, "l1", pred="g", by="g", skip_null=True)
    assert found["g"] == [7, 1 << 60]


def test_a_column_of_polars_with_python_objects_is_refused():
    frame = pl.DataFrame(NUMBERS | {"g": pl.Series([(1,), (1,), (2,), (2,)], dtype=pl.Object)})
    with pytest.raises(TypeError, match="column 'g' of the DataFrame holds Python objects"):
        fastloss.evaluate(frame, "l1", by="g")
    assert fastloss.evaluate(frame, "l1")["count"].tolist() == [4]
