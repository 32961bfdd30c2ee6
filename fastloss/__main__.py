"""The command line: ``python -m fastloss`` or ``fastloss``."""

import argparse
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
        The arguments; those of the process if left out.
    """
    parser = _parser()
    options = vars(parser.parse_args(argv))
    command = options.pop("command")
    if command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        # A command's module, and what it needs, loads only when that command is run.
        status: int = import_module(f"fastloss.commands.{command}").run(**options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as head, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit flushes into it again
        return 1
    except KeyboardInterrupt:
        return 130
    except MemoryError as error:
        return _failed(command, f"not enough memory: {error}")
    except (CommandError, OSError) as error:
        return _failed(command, str(error))


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
    commands.add_parser("info", help=about, description=about.capitalize() + ".")
    _add_cache(commands)
    about = "list the losses with their formulas, parameters and other names"
    losses = commands.add_parser("losses", help=about, description=about.capitalize() + ".")
    _add_plot(losses, "draw them with their derivatives")
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="fit real data, then compare losses with NumPy",
        description="Fit 327,346 flights by Huber regression, then compare the values, gradients and speed "
        "of common losses with the usual NumPy formulas. The exit status is 1 if they are not equal.",
    )
    demo.add_argument(
        "--size",
        type=_positive,
        default=1 << 24,
        metavar="N",
        help="float32 elements in the comparison (default: 2^24 = 16777216, for which it takes 1 GB)",
    )
    _add_plot(demo, "also draw the fit")


def _add_cache(commands: Any) -> None:
    about = "show what is kept on disk of compiled kernels, and remove what is of no use"
    cache = commands.add_parser(
        "cache",
        help=about,
        description=f"{about.capitalize()}: what other versions of fastloss, Python, Numba, llvmlite or "
        "NumPy compiled, and what was not read for 30 days, as of formulas that were changed since. "
        "What is missing later is compiled anew. Processes that run are not disturbed.",
    )
    cache.add_argument("--clean", action="store_true", help="remove it")


def _add_plot(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--plot", metavar="FILE", help=f"{what}, as a .png, .pdf or .svg")
    command.add_argument("--force", action="store_true", help="replace the drawing if it exists")


def _add_eval(commands: Any) -> None:
    about = "evaluate a loss over .npy files, which may be larger than memory"
    evaluation = commands.add_parser(
        "eval",
        help=about,
        description=about.capitalize() + ". Print the value; write the gradient to a file if asked.",
        allow_abbrev=False,  # what is unique now may not be once there are more losses
    )
    add = evaluation.add_argument
    add("pred", metavar="PRED", help="predictions: a .npy file, as all others")
    add("target", metavar="TARGET", help="targets, of the shape of PRED or broadcast to it")
    add(
        "--loss",
        required=True,
        metavar="NAME",
        help="see: python -m fastloss losses, also for what PRED and TARGET may be",
    )
    add("--weight", metavar="FILE", help="weights >= 0, of the shape of PRED or broadcast to it")
    add("--where", metavar="FILE", help="booleans, the elements to keep")
    add("--reduction", choices=REDUCTIONS, default="mean", help="what becomes of the losses (default: mean)")
    add("--normalizer", type=float, metavar="C", help="divide by C instead of the number or total weight")
    add("--grad-out", metavar="FILE", help="write the gradient, of the shape of PRED")
    add("--loss-out", metavar="FILE", help="write the elements' losses, with --reduction none")
    add("--force", action="store_true", help="replace output files that exist; never an input")
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
