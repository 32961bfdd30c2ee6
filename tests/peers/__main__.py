"""Record the figures of the peers in tests/data/peers.json again: python -m tests.peers."""

import json
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tests.peers import CALLS, SOURCES
from tests.peers.call import Call
from tests.peers.operands import OPERANDS, operands

DATA = Path(__file__).parent.parent / "data" / "peers.json"
DRAWN, DECIMALS = 12, 3


def numbers(result) -> float | list[float | None]:
    """Turn a result into one number or a list with None for NaN, with the digits of its type."""
    if np.ndim(result):
        return [None if np.isnan(x) else float(str(x)) for x in result]
    return float(str(result))


def lines(call: Call, pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> Iterator[str]:
    """Yield the figures of a call, one a line."""
    named = {} if call.inputs == "errors" else {"inputs": call.inputs}
    pred, target = (column.astype(call.dtype) for column in pairs[call.inputs])
    for (reduction, quantity), result in call.measured(pred, target).items():
        yield json.dumps(
            {
                "source": call.source,
                "call": call.name,
                "loss": call.loss,
                "params": call.params,
                **named,
                "reduction": reduction,
                "quantity": quantity,
                "dtype": call.dtype,
                "expected": numbers(result),
            }
        )


def recorded_version(package: str) -> str:
    """The version of a package without its build tag, such as +cpu."""
    return version(package).partition("+")[0]


def recorded() -> str:
    """The text of the file."""
    pairs = {name: operands(name, 0 if name == "errors" else DRAWN, DECIMALS) for name in OPERANDS}
    inputs = {name: {"pred": list(p), "target": list(t)} for name, (p, t) in pairs.items()}
    sources = {name: source.text.format(recorded_version(source.package)) for name, source in SOURCES.items()}
    figures = [line for call in CALLS for line in lines(call, pairs)]
    return "\n".join(
        [
            '{"inputs": {',
            ",\n".join(f" {json.dumps(name)}: {json.dumps(found)}" for name, found in inputs.items()) + "},",
            '"sources": {',
            ",\n".join(f" {json.dumps(name)}: {json.dumps(found)}" for name, found in sources.items()) + "},",
            '"figures": [',
            ",\n".join(figures),
            "]}",
            "",
        ]
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # raised by other packages
    DATA.write_text(recorded(), encoding="utf-8")
