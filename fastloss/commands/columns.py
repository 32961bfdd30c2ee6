"""The command eval over columns of files: which columns its options mean, and the files that it writes."""

import os
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from fastloss._cpu.launch import Progress
from fastloss._evaluate.computing import Outputs
from fastloss._evaluate.job import Job
from fastloss._evaluate.sources.kinds import files_of
from fastloss._evaluate.sources.opening import opened
from fastloss._evaluate.sources.source import BY, Source
from fastloss._evaluate.table import Evaluation
from fastloss._evaluate.terms import Term
from fastloss._rules.arrays import result_type
from fastloss.commands import CommandError
from fastloss.commands.column_output import ColumnOutput
from fastloss.commands.npy import check_apart, publish, refuse_change

#: The columns of the files that options name.
COLUMNS = {"--loss-out": "loss", "--grad-out": "grad"}


class Seen(NamedTuple):
    """An input file, with its state before it was read."""

    path: str
    stat: os.stat_result

    def check_unchanged(self) -> None:
        """Raise an error if the file has been written to since."""
        refuse_change(self.path, self.stat, os.stat(self.path))


def is_column(text: str) -> bool:
    """Whether a text is of the form ``file::column``, and not the name of a file."""
    return "::" in text and not os.path.exists(text)


def _split(text: str) -> tuple[str, str]:
    """The file and the column. Either name may contain ``::``: the file is the first one that exists."""
    parts = text.split("::")
    splits = [("::".join(parts[:k]), "::".join(parts[k:])) for k in range(1, len(parts))]
    return next((split for split in splits if os.path.exists(split[0])), splits[-1])


class Columns:
    """The operands that the command line names, in files that are opened once each.

    Parameters
    ----------
    files : list of str
        One file or folder, whose columns are the operands; or two, pred and target.
    given : dict
        Operands by their options, as columns of the one file, or as ``file::column`` or a .npy file.
    """

    def __init__(self, files: list[str], given: dict[str, str | None]) -> None:
        named = {role: text for role, text in given.items() if text is not None}
        whole = None
        if len(files) == 2:
            if {"pred", "target"} & named.keys():
                raise CommandError(
                    "--pred and --target are only allowed with one FILE, got two, which are pred and target"
                )
            named |= dict(zip(("pred", "target"), files, strict=True))
        elif len(files) == 1 and files[0].lower().endswith(".npy"):
            named = {"pred": files[0]} | named
            if "target" not in named:
                raise CommandError(f"{files[0]} holds a single array: add a second FILE, or --target")
        elif len(files) == 1:
            (whole,) = files
            named = {"pred": "pred", "target": "target"} | named
        else:
            raise CommandError(f"expected one FILE with columns, or two, pred and target, got {len(files)}")
        self._sources: dict[str, Source] = {}
        self.operands = {role: self._operand(role, text, whole) for role, text in named.items()}

    def _operand(self, role: str, text: str, whole: str | None) -> tuple[Source, str]:
        """The source and column that a text means; with one FILE, a column of that comes first."""
        if whole is not None and ("::" not in text or self._has(whole, role, text)):
            return self._opened(whole), text
        if is_column(text):
            path, column = _split(text)
            return self._opened(path), column
        if not text.lower().endswith(".npy"):
            raise CommandError(f"{text} needs a column: write {text}::COLUMN, or take a .npy file")
        return self._opened(text), ""

    def _opened(self, path: str) -> Source:
        if path not in self._sources:
            self._sources[path] = opened(path, [])
        return self._sources[path]

    def _has(self, path: str, role: str, column: str) -> bool:
        try:
            self._opened(path).dtype(role, column)
        except ValueError:
            return False
        return True

    def seen(self) -> list[Seen]:
        """Every file that will be read."""
        return [Seen(each, os.stat(each)) for path in self._sources for each in files_of(path)]

    def check_outside(self, option: str, path: str) -> None:
        """Refuse an output in an input folder, whose contents it would belong to in the next run."""
        for source in filter(os.path.isdir, self._sources):
            for folder in {source, *map(os.path.dirname, files_of(source))}:
                if os.path.realpath(path).startswith(os.path.join(os.path.realpath(folder), "")):
                    raise CommandError(
                        f"{option} {path} would be a file of {source}, which is read: name one elsewhere"
                    )


def evaluated(
    columns: Columns,
    terms: list[Term],
    paths: dict[str, str],
    force: bool,
    progress: Progress,
    **options: Any,
) -> Evaluation:
    """Return the table; the files of `paths` are written completely or not at all."""
    job = Job(columns.operands, terms, progress=progress, **options)
    if paths:
        _check_elementwise(job, paths)
    seen, like = columns.seen(), columns.operands["pred"][0]
    outputs = {option: ColumnOutput(option, path, seen, force, like.name) for option, path in paths.items()}
    check_apart(outputs)
    for option, path in paths.items():
        columns.check_outside(option, path)
    with ExitStack() as undone:
        denominator = job.denominator() if "--grad-out" in outputs else 1.0
        for option, output in outputs.items():
            undone.callback(output.discard)
            shape = like.shape(columns.operands["pred"][1])
            output.begin(COLUMNS[option], result_type(np.empty(0, job.types["pred"])), shape)
        takers = {option: output.take for option, output in outputs.items()}
        wanted = Outputs(
            takers.get("--loss-out"), takers.get("--grad-out"), job.reduction == "none", denominator
        )
        found = job.run(wanted if outputs else None)
        for output in outputs.values():
            output.end()
        publish(outputs, seen, progress)
    return found


def _check_elementwise(job: Job, paths: dict[str, str]) -> None:
    option = next(iter(paths))
    if len(job.terms) > 1:
        raise CommandError(f"{option} is only allowed with one --loss, got {len(job.terms)}")
    if BY in job.columns:
        raise CommandError(f"{option} cannot be used with --by")
    if job.skip_null:
        raise CommandError(
            f"{option} cannot be used with --skip-null, because rows would not be those of the input: "
            "pass the rows to keep as --where"
        )
