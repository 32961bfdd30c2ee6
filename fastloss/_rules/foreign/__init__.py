"""Operands of other libraries. None is imported here: the library of an operand is already loaded."""
