"""The table by which a kernel finds operands that are not plain arrays.

It begins with the number of tiles and, for each operand, with the place of its layout or 0. A layout is the
number of the tile that holds the operand's part of a chunk, or 0 if its rows are moved one by one; the
address of the function that moves them; that of the first element; the number of axes, their sizes, and the
bytes of a step along each. So one kernel takes every type and layout.
"""

# The head of the table: what stands where. Parameters are the last, as many as there are.
TILES, LOSS_OUT, GRAD_OUT, HESS_OUT, PRED, TARGET, WEIGHT, WHERE, PARAMS = range(9)
LOSSES = 0  # among the places of operands, which have no number of tiles: where losses wait to be summed
# A layout.
TILE, MOVER, DATA, AXES, SIZES = range(5)
