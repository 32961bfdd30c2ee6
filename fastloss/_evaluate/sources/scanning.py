"""The batches of an Arrow dataset in order, read ahead in threads and in bounded memory."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

#: Rows of a batch, as many as Arrow's own default.
BATCH = 1 << 17
#: Rows and files of a piece of Parquet files at most, unless one row group has more.
PIECE, FILES = 1 << 19, 32
#: Pieces that are read at once.
AHEAD = 3
#: Batches that our thread reads before it hands them over.
TOGETHER = 2


class Scan:
    """Batches of some columns of a dataset.

    Arrow's own threads read up to 1 GiB ahead of a slower reader, however little `batch_readahead` allows
    (`BackpressureOptions::DefaultBackpressure` in its C++; 1.1 GB were seen). So Parquet files are cut into
    pieces, and Arrow's threads read a few of these at once, which takes 1.06 to 1.16 times the processors'
    time of a scan of the whole. Other datasets are read without Arrow's threads. Then no batch is read before
    it is asked for, and a thread of our own asks for the next ones.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    columns : list of str
    **reading
        Further options of the scanners.

    Attributes
    ----------
    piece : pyarrow.dataset.Dataset
        The piece of the last batch, or of the error that was raised instead.
    """

    def __init__(self, dataset: ds.Dataset, columns: list[str], **reading: Any) -> None:
        self.piece = dataset
        self._options = {"columns": columns, "batch_size": BATCH, "fragment_readahead": 1, **reading}

    def batches(self) -> Generator[pa.RecordBatch]:
        """All batches in their order."""
        following = pieces(self.piece)
        window: deque[tuple[ds.Dataset, Iterator[pa.RecordBatch]]] = deque()
        threads = ThreadPoolExecutor(AHEAD, "fastloss-scan")
        try:
            while True:
                while len(window) < AHEAD and (piece := next(following, None)) is not None:
                    self.piece = piece
                    window.append((piece, self._begun(piece, threads)))
                if not window:
                    return
                self.piece, batches = window.popleft()
                yield from batches
        finally:
            threads.shutdown(cancel_futures=True)

    def _begun(self, piece: ds.Dataset, threads: ThreadPoolExecutor) -> Iterator[pa.RecordBatch]:
        """The batches of a piece, after starting to read the first of them."""
        bounded = any(isinstance(each, ds.ParquetFileFragment) for each in fragments_of(piece))
        batches = piece.scanner(
            use_threads=bounded, batch_readahead=4 if bounded else 0, **self._options
        ).to_batches()
        return batches if bounded else _handed_over(batches, threads.submit(_some, batches), threads)


def _some(batches: Iterator[pa.RecordBatch]) -> list[pa.RecordBatch]:
    return list(islice(batches, TOGETHER))


def _handed_over(
    batches: Iterator[pa.RecordBatch], asked: Future[list[pa.RecordBatch]], threads: ThreadPoolExecutor
) -> Iterator[pa.RecordBatch]:
    """Batches that a thread reads while earlier ones are used."""
    while some := asked.result():
        asked = threads.submit(_some, batches)
        yield from some


def fragments_of(dataset: ds.Dataset) -> list[ds.Fragment]:
    """The files of a dataset; none if it is not made of files or has a filter, as Arrow gives none then."""
    if not isinstance(dataset, ds.FileSystemDataset):
        return []
    try:
        return list(dataset.get_fragments())
    except ValueError:
        return []


def pieces(dataset: ds.Dataset) -> Iterator[ds.Dataset]:
    """The dataset in pieces: files, or row groups of Parquet files, with small ones read together."""
    waiting: list[ds.Fragment] = []
    rows = 0
    for part, size in _parts(fragments_of(dataset)):
        if waiting and (rows + size > PIECE or len(waiting) == FILES):
            yield _of_fragments(waiting, dataset)
            waiting, rows = [], 0
        waiting.append(part)
        rows += size
    yield _of_fragments(waiting, dataset) if waiting else dataset


def _of_fragments(fragments: list[ds.Fragment], dataset: ds.Dataset) -> ds.Dataset:
    # Asking a dataset of buffers for its file system kills the process (pyarrow 26); fragments have one.
    return ds.FileSystemDataset(fragments, dataset.schema, dataset.format, fragments[0].filesystem)


def _parts(fragments: list[ds.Fragment]) -> Iterator[tuple[ds.Fragment, int]]:
    """Row groups of Parquet files, or other files as a whole, with their numbers of rows if known."""
    for fragment in fragments:
        if not isinstance(fragment, ds.ParquetFileFragment):
            yield fragment, PIECE
        elif fragment.metadata.num_rows <= PIECE:
            yield fragment, fragment.metadata.num_rows
        else:
            for part in fragment.split_by_row_group():
                yield part, part.row_groups[0].num_rows
