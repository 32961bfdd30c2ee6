"""The kind of a file, or of all files in a folder."""

import os
from collections.abc import Iterator

#: Kinds of files by the extension of their names.
KINDS = {
    ".npy": "npy",
    ".npz": "npy",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".arrow": "ipc",
    ".feather": "ipc",
    ".ipc": "ipc",
}


def files_of(path: str) -> list[str]:
    """The file itself, or all files in a folder by path: each only once, without hidden ones."""
    if not os.path.isdir(path):
        return [path]
    known, found = {os.path.realpath(path)}, list[str]()

    def new(folder: str, names: list[str]) -> Iterator[str]:
        for name in sorted(names):
            real = os.path.realpath(os.path.join(folder, name))
            if not name.startswith((".", "_")) and real not in known:
                known.add(real)
                yield name

    for folder, folders, names in os.walk(path, followlinks=True):
        folders[:] = new(folder, folders)
        found += [os.path.join(folder, name) for name in new(folder, names)]
    return sorted(found)


def kind_of(path: str) -> str:
    """The kind of a file, or of all files of a folder."""
    found: dict[str, str] = {}
    for each in files_of(path):
        found.setdefault(_kind(each), each)
    if not found:
        raise ValueError(f"evaluate: cannot read {path}: the folder has no files")
    if len(found) > 1:
        got = " and ".join(sorted(found.values()))
        raise ValueError(f"evaluate: cannot read {path}: expected files of one kind, got {got}")
    (kind,) = found
    return kind


def _kind(path: str) -> str:
    end = os.path.splitext(path)[1].lower()
    if end not in KINDS:
        raise ValueError(f"evaluate: cannot read {path}: expected a file that ends in {', '.join(KINDS)}")
    return KINDS[end]
