"""Translate the body of one PTX function to C."""

import re

from . import arithmetic, machine, moves  # noqa: F401  (they fill the table behind rule_for)
from .operands import SPECIAL_REGISTERS, Memory, Register, as_number, c_name, is_float, literal
from .parse import BYTES, Unsupported, parse_variable, split_list, statements
from .rules import C_BITS, C_TYPE, rule_for, unsupported


def prototype(function):
    arrays = "".join(f", uint8_t *P_{c_name(p.name)}" for p in function.results + function.parameters)
    return f"static void F_{c_name(function.name)}(Block *B, Thread *T{arrays})"


def round_up(size, alignment):
    return -(-size // alignment) * alignment


class FunctionTranslator:
    """Translate one body. The functions in arithmetic.py, moves.py and machine.py call the public methods."""

    def __init__(self, module, function):
        self.module = module
        self.function = function
        self.tables = {}
        self.site = -1
        self._scopes = [{}]
        self._declarations = []
        self._lines = []
        self._labels = set()
        self._resume_points = 0
        self._carry = None

    # ---- the C function around the instructions

    def definition(self):
        for kind, value in statements(self.function.body):
            getattr(self, f"_{kind}")(value)
        return "\n".join(self._entry() if self.function.is_entry else self._device_function())

    def _device_function(self):
        if self._resume_points:
            raise Unsupported(f"barrier or warp operation inside the .func {self.function.name}, not inlined")
        start = [prototype(self.function) + " {", *self._declarations, "    int fuel = SPIN_LIMIT;"]
        return [*start, *self._lines, "}"]

    def _entry(self):
        name = c_name(self.function.name)
        return [
            "typedef struct {",
            "    Thread thread;",
            *self._declarations,
            f"}} __attribute__((aligned(64))) State_{name};",
            f"static void run_{name}(Block *B, Thread *T) {{",
            f"    State_{name} *state = (State_{name} *)T;",
            "    int fuel = SPIN_LIMIT;",
            "    switch (T->resume) {",
            *(f"    case {point}: goto R{point};" for point in range(1, self._resume_points + 1)),
            "    }",
            *self._lines,
            "    T->status = EXITED;",
            "}",
            f"int launch_{name}(Launch *launch) {{",
            f"    Kernel kernel = {{run_{name}, sizeof(State_{name}), DYNAMIC_START}};",
            "    return run_grid(launch, &kernel);",
            "}",
        ]

    # ---- statements, by the kinds that parse.statements yields

    def _brace(self, which):
        if which == "{":
            self._scopes.append({})
        else:
            self._scopes.pop()

    def _label(self, name):
        self._labels.add(name)
        self._lines.append(f"{self.label_name(name)}: ;")

    def _table(self, name_and_targets):
        name, targets = name_and_targets
        self.tables[name] = targets

    def _directive(self, text):
        word = re.match(r"\.(\w*)", text)[1]
        if word == "reg":
            self._declare_registers(text)
        elif word == "shared":
            self.module.place_shared(parse_variable(text))
        elif word in ("local", "param"):
            variable = parse_variable(text)
            size = round_up(variable.size, 16)
            array = self._declare("uint8_t", variable.name, f"[{size}] __attribute__((aligned(16)))")
            self._scopes[-1][variable.name] = Memory(array)
        elif word != "pragma":
            raise Unsupported(f"PTX statement not modelled: {text}")

    def _declare_registers(self, text):
        match = re.match(r"\.reg\s+\.(\w+)\s+(.*)$", text)
        if not match or match[1] not in BYTES:
            raise Unsupported(f"PTX statement not modelled: {text}")
        width, is_predicate = BYTES[match[1]], match[1] == "pred"
        for item in split_list(match[2]):
            base, _, count = item.rstrip(">").partition("<")
            place = self._declare(C_BITS[width], base.lstrip("%"), f"[{count}]" if count else "")
            names = {f"{base}{i}": f"{place}[{i}]" for i in range(int(count))} if count else {base: place}
            self._scopes[-1] |= {name: Register(c, width, is_predicate) for name, c in names.items()}

    def _declare(self, type, name, suffix=""):
        """Make a C variable; those of a kernel are in the thread's state, where they outlast a barrier."""
        unique = f"{c_name(name)}_{len(self._declarations)}"
        self._declarations.append(f"    {type} {unique}{suffix};")
        return f"state->{unique}" if self.function.is_entry else unique

    def _instruction(self, instruction):
        translate_it = rule_for(instruction)
        self.site = self.module.add_site(instruction)
        try:
            code = translate_it(self, instruction)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise unsupported(instruction) from error
        guard = f"if ({self.condition(instruction.guard)}) " if instruction.guard else ""
        self._lines.append(f"    {guard}{{ COUNT({self.site}); {code} }}")

    # ---- operands

    def _lookup(self, name):
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    def _address(self, name):
        local = self._lookup(name)
        return f"(uint64_t){local.c_name}" if isinstance(local, Memory) else self.module.address(name)

    def read(self, operand, type):
        """A C expression for the operand's value as this type."""
        register = self._lookup(operand)
        if isinstance(register, Register):
            return register.c_name if type == "pred" else as_number(register.c_name, type)
        if operand in SPECIAL_REGISTERS:
            return f"(({C_TYPE[type]}){SPECIAL_REGISTERS[operand]})"
        if constant := literal(operand, type):
            return constant
        name, _, offset = operand.partition("+")
        return f"(({C_TYPE[type]})({self._address(name.strip())} + {int(offset or 0)}))"

    def condition(self, predicate):
        """A C expression for the truth of a predicate, which may be negated."""
        negated = predicate.startswith("!")
        return f"({'!' if negated else '!!'}{self.read(predicate.lstrip('!'), 'pred')})"

    def flushed(self, ins, value):
        return f"flush({value})" if ins.has("ftz") and ins.type == "f32" else value

    def sources(self, ins, type=None):
        """All operands after the destination, read as one type, flushed to 0 if the instruction has .ftz."""
        return [self.flushed(ins, self.read(operand, type or ins.type)) for operand in ins.operands[1:]]

    def write(self, operand, type, value):
        """A C statement that puts the value, a C expression of this type, into the register."""
        if operand == "_":
            return f"(void)({value});"
        register = self._lookup(operand)
        if not isinstance(register, Register):
            raise Unsupported(f"PTX destination not modelled: {operand}")
        if register.is_predicate:
            return f"{register.c_name} = ({value}) ? 1 : 0;"
        bits = f"{type}_bits({value})" if is_float(type) else f"({C_TYPE[type]})({value})"
        return f"{register.c_name} = ({C_BITS[register.width]}){bits};"

    def write_with_predicate(self, operands, type, value, flag):
        """A C statement that writes a result and, for destinations such as d|p, a predicate."""
        first, *second = (name.strip() for name in operands.split("|"))
        return self.write(first, type, value) + "".join(self.write(name, "pred", flag) for name in second)

    def result(self, ins, value, type=None):
        return self.write(ins.operands[0], type or ins.type, value)

    def float_result(self, ins, value, type=None):
        type = type or ins.type
        if ins.has("ftz") and type == "f32":
            value = f"flush({value})"
        if ins.has("sat"):
            value = f"saturate({value})"
        return self.result(ins, f"canonical({value})" if type == "f32" else value, type)

    def carry(self):
        self._carry = self._carry or self._declare("uint8_t", "carry")
        return self._carry

    # ---- memory

    def memory(self, ins, operand, size, kind):
        """A C pointer to the checked memory behind [operand]."""
        space = ins.pick("global", "shared", "local", "const", "param") or "generic"
        base, offset = re.fullmatch(r"\[\s*([^\s+\]]+)\s*(?:\+\s*(-?\w+))?\s*\]", operand).groups()
        offset = int(offset or "0", 0)
        register = self._lookup(base)
        if space == "param":
            return f"({self._parameter(base, register)} + {offset})"
        if isinstance(register, Register):
            address = f"(uint64_t){register.c_name}"
        else:
            address = literal(base, "u64") or self._address(base)
        return f"{space}_memory(B, T, {address} + (int64_t){offset}, {size}, {kind}, {self.site})"

    def _parameter(self, name, local):
        if isinstance(local, Memory):
            return local.c_name
        if self.function.is_entry:
            return f"B->launch->parameters[{[p.name for p in self.function.parameters].index(name)}]"
        return f"P_{c_name(name)}"

    # ---- control

    def label_name(self, name):
        return f"L_{c_name(name)}"

    def is_behind(self, label):
        return label in self._labels

    def call(self, function, arguments):
        arrays = "".join(f", {self._lookup(name).c_name}" for name in arguments)
        return f"F_{c_name(function.name)}(B, T{arrays});"

    def wait(self):
        """C code that leaves the function of the thread, which later resumes after this point."""
        self._resume_points += 1
        point = self._resume_points
        return f"T->site = {self.site}, T->resume = {point}; return; R{point}: ; "
