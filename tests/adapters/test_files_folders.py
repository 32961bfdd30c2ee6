"""Folders of files: each file is read once, names of folders may be keys, and no output is written there."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

import fastloss
from fastloss.__main__ import main
from tests.refused import only_line

pytestmark = pytest.mark.usefixtures("empty_folder")

TABLE = pa.table({"pred": [1.0, 2.0, 3.0, 4.0], "target": [0.0] * 4})


def parquet(path, table=TABLE):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pa.parquet.write_table(table, path)
    return path


def csv(path, *lines):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(path).write_text("\n".join(lines) + "\n")


def count(path):
    return fastloss.evaluate(path, "l1")["count"].tolist()


def error(capsys, *words):
    """Run a command that must fail, and return its line on stderr."""
    assert main(["eval", *words, "--loss", "l1"]) == 2
    return only_line(*capsys.readouterr()).removeprefix("fastloss eval: ")


def test_linked_folders_are_read_and_their_files_are_inputs(capsys):
    parquet("data/a.parquet")
    before = Path(parquet("other/c.parquet")).read_bytes()
    os.symlink("../other", "data/link")
    assert count("data") == [8]
    said = error(capsys, "data", "--grad-out", "other/c.parquet", "--force")
    assert said == (
        "--grad-out other/c.parquet would replace an input: it is the same file as data/link/c.parquet"
    )
    assert Path("other/c.parquet").read_bytes() == before


def test_a_file_is_read_once_and_hidden_ones_never(capsys):
    parquet("data/a.parquet")
    parquet("data/_old/b.parquet")
    os.symlink(".", "data/loop")
    os.symlink("a.parquet", "data/z.parquet")
    os.symlink("nowhere", "data/.hidden")
    assert count("data") == [4]
    assert (main(["eval", "data", "--loss", "l1"]), capsys.readouterr()) == (0, ("2.5\n", ""))
    os.symlink("nowhere", "data/b.parquet")
    assert "cannot read data/b.parquet: there is no such file" in error(capsys, "data")


def test_nothing_is_written_into_the_folder_that_is_read(capsys):
    parquet("data/a.parquet")
    os.symlink("data", "link")
    said = "would be a file of data, which is read: name one elsewhere"
    assert error(capsys, "data", "--grad-out", "data/g.parquet") == f"--grad-out data/g.parquet {said}"
    assert error(capsys, "data", "--grad-out", "link/g.parquet") == f"--grad-out link/g.parquet {said}"
    assert os.listdir("data") == ["a.parquet"]
    parquet("other/b.parquet")
    os.symlink("../other", "data/more")
    assert error(capsys, "data", "--grad-out", "other/g.parquet") == f"--grad-out other/g.parquet {said}"


@pytest.mark.parametrize("dtype", ["int32", "int64", "string"])
def test_a_files_own_column_is_read_not_its_folders_name(dtype):
    table = TABLE.append_column("seed", pa.array([1, 2, 1, 2]).cast(dtype))
    parquet("data/year=2026/seed=3/a.parquet", table)
    for path in ("data/year=2026/seed=3/a.parquet", "data/year=2026/seed=3", "data"):
        assert [str(key) for key in fastloss.evaluate(path, "l1", by="seed")["seed"]] == ["1", "2"]
    assert fastloss.evaluate("data", "l1", by="year")["year"] == [2026]


def test_keys_that_are_names_of_folders():
    for name in ("n=7/word=a%20b", "n=12/word=b", "n=__HIVE_DEFAULT_PARTITION__/word=b"):
        parquet(f"data/{name}/a.parquet")
    assert fastloss.evaluate("data", "l1", by="n")["n"] == [7, 12, None]
    assert fastloss.evaluate("data", "l1", by="word")["word"] == ["a b", "b"]
    parquet("data/n=x/word=y/a.parquet")
    assert fastloss.evaluate("data", "l1", by="n")["n"] == ["12", "7", "x", None]


def test_a_csv_file_that_lacks_a_column_is_named(capsys):
    csv("data/1.csv", "pred,target,g", "1,2,a")
    csv("data/2.csv", "pred,target", "1,2")
    assert error(capsys, "data", "--by", "g") == "data/2.csv has no column 'g': it has pred, target"
    csv("data/2.csv", "pred,g", "1,b")
    assert error(capsys, "data") == "data/2.csv has no column 'target': it has pred, g"


@pytest.mark.parametrize(("bad", "rows"), [(1, 400_000), (2, 1), (2, 400_000)])
def test_the_column_that_cannot_be_read_is_named_by_its_own_file(capsys, bad, rows):
    for k in (1, 2):
        lines = ["0,1,2"] * rows + ["0,1,four"] * (k == bad)
        csv(f"data/{k}.csv", *(["more,pred,target"] if k == 1 else ["more,target,pred"]), *lines)
    said = f"cannot read data/{bad}.csv: In column '{['target', 'pred'][bad - 1]}': "
    assert error(capsys, "data").startswith(said)
