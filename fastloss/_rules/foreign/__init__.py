"""Operands of other libraries, none of which is imported: who has such an operand has loaded its library."""
