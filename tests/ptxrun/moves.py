"""Instructions that compare, select, move and convert."""

from .parse import BYTES, split_list
from .rules import (
    C_TYPE,
    FLOATS,
    INTEGERS,
    ROUNDING,
    SMALL_FLOATS,
    SYMBOLS,
    bits_type,
    handles,
    unsigned,
    unsupported,
)

COMPARISONS = "eq ne lt le gt ge lo ls hi hs equ neu ltu leu gtu geu num nan"
ORDERED = {"eq": "==", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
ORDERED |= {"lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
UNORDERED = {"equ": "==", "neu": "!=", "ltu": "<", "leu": "<=", "gtu": ">", "geu": ">="}
INTEGRAL = {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}

# ---- comparison and selection


def comparison(ins, x, y):
    compare, unordered = ins.modifiers[0], f"({x} != {x} || {y} != {y})"
    if compare in ORDERED:
        return f"({x} {ORDERED[compare]} {y})"
    if compare in UNORDERED:
        return f"({unordered} || {x} {UNORDERED[compare]} {y})"
    return {"ne": f"({x} < {y} || {x} > {y})", "nan": unordered, "num": f"(!{unordered})"}[compare]


@handles("setp", SMALL_FLOATS, f"{COMPARISONS} and or xor")
@handles("setp", f"{INTEGERS} {FLOATS}", f"{COMPARISONS} and or xor ftz")
def set_predicate(f, ins):
    x, y = (f.flushed(ins, f.read(operand, ins.type)) for operand in ins.operands[1:3])
    tail = ""
    if len(ins.operands) > 3:
        tail = f" {SYMBOLS[ins.modifiers[1]]} {f.condition(ins.operands[3])}"
    code = f"int compared = {comparison(ins, x, y)}, yes = compared{tail}, no = !compared{tail}; "
    return code + f.write_with_predicate(ins.operands[0], "pred", "yes", "no")


@handles("set", f"{INTEGERS} {FLOATS}", f"{COMPARISONS} ftz")
def set_value(f, ins):
    to, _ = ins.types
    yes = "1" if to == "f32" else "-1"
    return f.result(ins, f"({C_TYPE[to]})({comparison(ins, *f.sources(ins))} ? {yes} : 0)", to)


@handles("selp", f"{INTEGERS} {FLOATS}")
def select_by_predicate(f, ins):
    x, y = (f.read(operand, bits_type(ins.type)) for operand in ins.operands[1:3])
    return f.result(ins, f"{f.condition(ins.operands[3])} ? {x} : {y}", bits_type(ins.type))


@handles("slct", "s32 f32")
def select_by_sign(f, ins):
    type, sign_type = bits_type(ins.types[0]), ins.types[1]
    x, y = (f.read(operand, type) for operand in ins.operands[1:3])
    return f.result(ins, f"{f.read(ins.operands[3], sign_type)} >= 0 ? {x} : {y}", type)


# ---- moves and conversions


@handles("mov", f"{INTEGERS} {FLOATS} pred")
def move(f, ins):
    to, source = ins.operands
    type = bits_type(ins.type)
    if to[0] == "{":
        return unpack(f, split_list(to[1:-1]), f.read(source, type), type)
    if source[0] == "{":
        return f.result(ins, packed(f, split_list(source[1:-1]), type), type)
    return f.result(ins, f.read(source, type), type)


def unpack(f, parts, whole, type):
    bits = 8 * BYTES[type] // len(parts)
    writes = (f.write(part, f"u{bits}", f"whole >> {bits * i}") for i, part in enumerate(parts))
    return f"uint64_t whole = {whole}; {' '.join(writes)}"


def packed(f, parts, type):
    bits = 8 * BYTES[type] // len(parts)
    shifted = (f"(uint64_t){f.read(part, f'u{bits}')} << {bits * i}" for i, part in enumerate(parts))
    return " | ".join(shifted)


@handles("cvta", "u64", "to global shared local const")
def convert_address(f, ins):
    (address,) = f.sources(ins)
    if ins.has("shared"):
        address = f"{address} {'-' if ins.has('to') else '+'} (uint64_t)B->shared"
    return f.result(ins, address)


@handles("cvt", f"{INTEGERS} {SMALL_FLOATS} {FLOATS}", "rn rz rm rp rni rzi rmi rpi ftz sat")
def convert(f, ins):
    to, source = ins.types
    if to.endswith("x2"):
        return convert_pair(f, ins, to, source)
    x = f.read(ins.operands[1], source)
    x = f"flush({x})" if ins.has("ftz") and source == "f32" else x
    if "f" in to and "f" in source:
        return convert_float(f, ins, x)
    if ins.pick("sat", *ROUNDING):
        raise unsupported(ins)
    if "f" in source:
        return convert_to_integer(f, ins, x)
    return f.result(ins, f"({C_TYPE[to]}){x}", to)


def convert_to_integer(f, ins, x):
    to, source = ins.types
    value = f"{unsigned(to) if to[0] == 'b' else to}_from({INTEGRAL[ins.pick(*INTEGRAL)]}((double){x}))"
    if source == "f64" or BYTES[to] == 8:
        value = f"{x} != {x} ? ({C_TYPE[to]})(1ull << {8 * BYTES[to] - 1}) : {value}"
    return f.result(ins, value, to)


def convert_float(f, ins, x):
    to, source = ins.types
    integral, rounding = ins.pick(*INTEGRAL), ins.pick(*ROUNDING)
    if rounding and (to, source) != ("f32", "f64"):
        raise unsupported(ins)
    if rounding:
        x = f"directed_f32_from_f64({x}, 0, 0, {ROUNDING[rounding]})"
    if integral:
        x = f"{INTEGRAL[integral]}((double){x})"
    return f.float_result(ins, f"({C_TYPE[to]}){x}", to)


def convert_pair(f, ins, to, source):
    if ins.modifiers != ("rn",) or source != "f32":
        raise unsupported(ins)
    high, low = (f"(uint32_t){to[:-2]}_bits({f.read(operand, 'f32')})" for operand in ins.operands[1:])
    return f.result(ins, f"{high} << 16 | {low}", "b32")
