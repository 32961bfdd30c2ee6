"""The format of the table by which a kernel finds operands that are not plain arrays.

The table begins with the number of tiles and, for each operand, the index of its layout in the table, or 0. A
layout consists of:

- the number of the tile that holds the operand's part of a chunk, or 0 if its rows are moved one by one;
- the address of the function that moves them;
- the address of the first element;
- the number of axes, their sizes, and their strides in bytes.

So one kernel takes every dtype and layout.
"""

# The indices of the head of the table. Parameters are the last, as many as there are.
TILES, LOSS_OUT, GRAD_OUT, HESS_OUT, PRED, TARGET, WEIGHT, WHERE, PARAMS = range(9)
LOSSES = 0  # among the addresses of operands, in place of TILES: the buffer of the losses to be summed
# The indices of a layout.
TILE, MOVER, DATA, AXES, SIZES = range(5)
