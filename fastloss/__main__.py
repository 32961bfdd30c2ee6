"""The command line: ``python -m fastloss`` or ``fastloss``."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fastloss import __version__
from fastloss._rules.options import REDUCTIONS
from fastloss.commands import CommandError
from fastloss.losses import shipped


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default, those of the process.
    """
    _open_streams()
    parser = _parser()
    options = vars(parser.parse_args(argv))
    command = options.pop("command")
    if command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        # The module of a command, and what it imports, is loaded only when that command is run.
        status: int = import_module(f"fastloss.commands.{command}").run(**options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit would flush into it
        return 1
    except KeyboardInterrupt:
        return 130
    except MemoryError as error:
        return _failed(command, f"not enough memory: {error}")
    except (CommandError, OSError) as error:
        return _failed(command, str(error))


def _open_streams() -> None:
    """Make sure that a result can be printed, wherever it goes and whatever text is in it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, or on Windows without a console
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for keys that its encoding lacks


def _sentence(about: str) -> str:
    return f"{about[0].upper()}{about[1:]}."


def _failed(command: str, reason: str) -> int:
    print(f"fastloss {command}: {reason}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastloss", description="Losses and their gradients in one pass over large arrays."
    )
    parser.add_argument("--version", action="version", version=f"fastloss {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    _add_demo(commands)
    _add_eval(commands)
    about = "show versions, processor, threads, kernel cache and CUDA"
    commands.add_parser("info", help=about, description=_sentence(about))
    _add_cache(commands)
    about = "list the losses with their formulas, parameters and other names"
    losses = commands.add_parser("losses", help=about, description=_sentence(about))
    _add_plot(losses, "draw the losses with their derivatives")
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="fit real data, then compare losses with NumPy",
        description="Fit 327,346 flights by Huber regression, then compare the values, gradients and speed "
        "of common losses with the usual NumPy formulas. The exit status is 1 if the results are not equal.",
    )
    demo.add_argument(
        "--size",
        type=_positive,
        default=1 << 24,
        metavar="N",
        help="float32 elements in the comparison (default: 2^24 = 16777216, which takes 1 GB of memory)",
    )
    _add_plot(demo, "also draw the fit")


def _add_cache(commands: Any) -> None:
    about = "show the compiled kernels that are kept on disk, and remove those of no use"
    cache = commands.add_parser(
        "cache",
        help=about,
        description=f"{_sentence(about)} Of no use are those that other versions of fastloss, Python, "
        "Numba, llvmlite or NumPy compiled, and those that were not read for 30 days, such as those of "
        "formulas that have changed. A kernel that is missing later is compiled again. Running processes "
        "are not disturbed.",
    )
    cache.add_argument("--clean", action="store_true", help="remove the kernels of no use")


def _add_plot(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--plot", metavar="FILE", help=f"{what}, as a .png, .pdf or .svg")
    command.add_argument("--force", action="store_true", help="replace the drawing if it exists")


def _add_eval(commands: Any) -> None:
    about = "evaluate losses over files, which may be larger than memory"
    evaluation = commands.add_parser(
        "eval",
        help=about,
        description=f"{_sentence(about)} Print the value or a table; write the gradient to a file if asked.",
        allow_abbrev=False,  # an abbreviation that is unique now may not be once there are more losses
    )
    add = evaluation.add_argument
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="a Parquet, CSV, Arrow or .npz file, or a folder of such files, with all columns; or two FILEs, "
        "predictions and targets: .npy files, or columns such as data.parquet::pred",
    )
    add(
        "--loss",
        required=True,
        action="append",
        metavar="NAME",
        help="a loss, with parameters as in huber:delta=5; several make a table; see: python -m fastloss "
        "losses, also for what predictions and targets may be",
    )
    add("--pred", metavar="COLUMN", help="predictions, with one FILE (default: pred)")
    add("--target", metavar="COLUMN", help="targets, with one FILE (default: target)")
    add("--weight", metavar="COLUMN", help="weights >= 0; with two FILEs, file::column or a .npy file")
    add("--where", metavar="COLUMN", help="booleans, the elements to keep; given like --weight")
    by = "groups: a row with count, value and share for each; several columns: for each combination"
    add("--by", action="append", default=[], metavar="COLUMN", help=by)
    add("--skip-null", action="store_true", help="leave out rows with a null or NaN (by default, an error)")
    add("--json", dest="as_json", action="store_true", help="print a list of rows in JSON")
    add("--reduction", choices=REDUCTIONS, default="mean", help="how losses are reduced (default: mean)")
    add("--normalizer", type=float, metavar="C", help="divide by C instead of the number or total weight")
    add("--grad-out", metavar="FILE", help="write the gradient, in the format of the predictions")
    add("--loss-out", metavar="FILE", help="write the elements' losses, with --reduction none")
    add("--force", action="store_true", help="replace output files that exist; never an input")
    _add_parameters(evaluation)


def _add_parameters(evaluation: argparse.ArgumentParser) -> None:
    """An option for each parameter that a loss has."""
    uses: dict[str, list[str]] = {}
    for loss in shipped().values():
        for name, domain in loss.domains.items():
            default = "" if domain.default is None else f" (default: {domain.default:g})"
            uses.setdefault(name, []).append(f"{loss.name}: {domain}{default}")
    parameters = evaluation.add_argument_group("parameters of the losses")
    for name, use in uses.items():
        parameters.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="X", help="; ".join(use))


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number > 0, got {text!r}")


if __name__ == "__main__":
    sys.exit(main())
