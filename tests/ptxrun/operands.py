"""Registers, memory, special registers and constants of PTX as C expressions."""

import re
from dataclasses import dataclass

from .rules import C_TYPE, FLOATS, SMALL_FLOATS

SPECIAL_REGISTERS = {
    **{f"%tid.{axis}": f"T->tid[{i}]" for i, axis in enumerate("xyz")},
    **{f"%ntid.{axis}": f"B->launch->block[{i}]" for i, axis in enumerate("xyz")},
    **{f"%ctaid.{axis}": f"B->ctaid[{i}]" for i, axis in enumerate("xyz")},
    **{f"%nctaid.{axis}": f"B->launch->grid[{i}]" for i, axis in enumerate("xyz")},
    "%laneid": "(T->index % WARP)",
    "%warpid": "(T->index / WARP)",
    "%lanemask_eq": "(1u << T->index % WARP)",
    "%lanemask_lt": "((1u << T->index % WARP) - 1)",
    "%lanemask_le": "((2u << T->index % WARP) - 1)",
    "%lanemask_gt": "~((2u << T->index % WARP) - 1)",
    "%lanemask_ge": "~((1u << T->index % WARP) - 1)",
    "%dynamic_smem_size": "B->launch->dynamic_shared",
    "WARP_SZ": "WARP",
}


@dataclass(frozen=True)
class Register:
    c_name: str
    width: int
    is_predicate: bool


@dataclass(frozen=True)
class Memory:
    """A .param or .local variable of a function body, as a C array."""

    c_name: str


def c_name(name):
    return re.sub(r"\W", "_", name)


def is_float(type):
    return type in FLOATS.split() or type in SMALL_FLOATS.split()


def as_number(bits, type):
    """Register bits read as a number of this type."""
    return f"{type}_of({bits})" if is_float(type) else f"(({C_TYPE[type]}){bits})"


def literal(text, type):
    """A C expression for a PTX constant; None if the text is no constant."""
    if match := re.fullmatch(r"0([fFdD])([0-9a-fA-F]+)", text):
        function = "f32_of" if match[1] in "fF" else "f64_of"
        number = f"{function}(0x{match[2]}ull)" if is_float(type) else f"0x{match[2]}ull"
        return f"(({C_TYPE[type]}){number})"
    if match := re.fullmatch(r"(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)U?", text):
        octal = re.fullmatch(r"0[0-7]+", match[2])
        value = int(match[2], 8 if octal else 0) * (-1 if match[1] else 1)
        return f"(({C_TYPE[type]}){value if is_float(type) else f'{value & (1 << 64) - 1}ull'})"
    return None
