"""The shape of the sum, one for every processor, layout and number of threads.

Element `i` of a chunk belongs to lane ``i % LANES``, which adds its elements in rising order. A
chunk's lanes are folded in halves, and the chunks' sums as a pairwise tree. All of it is float64.
An aligned block of 2**k chunks is a subtree, so sums of such blocks fold to the same bits as one
call over all of them.
"""

LANES = 128
CHUNK = 1 << 14
ROW = 4 * LANES  # what the CPU adds at once
