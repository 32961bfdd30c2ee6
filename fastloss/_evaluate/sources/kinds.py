"""Which kind a file is, or all files of a folder are."""

import os

#: Kinds of files by the ends of their names.
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


def kind_of(path: str) -> str:
    """The kind of a file, or of all files of a folder."""
    if not os.path.isdir(path):
        return _kind(path)
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(path):
        folders[:] = [each for each in folders if not each.startswith((".", "_"))]  # as Arrow does
        for name in names:
            if not name.startswith((".", "_")):
                full = os.path.join(folder, name)
                found.setdefault(_kind(full), full)
    if not found:
        raise ValueError(f"evaluate: cannot read {path}: there is no file in the folder")
    if len(found) > 1:
        raise ValueError(
            f"evaluate: cannot read {path}: files of two kinds, {' and '.join(sorted(found.values()))}"
        )
    (kind,) = found
    return kind


def _kind(path: str) -> str:
    end = os.path.splitext(path)[1].lower()
    if end not in KINDS:
        raise ValueError(f"evaluate: cannot read {path}: expected a file that ends in {', '.join(KINDS)}")
    return KINDS[end]
