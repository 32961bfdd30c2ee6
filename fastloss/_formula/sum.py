"""The shape of the sum, one for every processor, layout and number of threads.

A chunk is four bands, one after the other, and each band has its own lanes. Element `i` of a band
belongs to its lane ``i % LANES``, which adds its elements in rising order. The lanes of all bands are
folded in halves, and the chunks' sums as a pairwise tree. All of it is float64. An aligned block of
2**k chunks is a subtree, so sums of such blocks fold to the same bits as one call over all of them.

Bands let four warps of a GPU read a chunk at once. On an H200 a call of 10**7 elements takes 0.6 x the
time of a warp for each chunk. On a CPU, where lanes lie in the first cache, four bands cost 1 %.
"""

CHUNK = 1 << 14
BANDS = 4
BAND = CHUNK // BANDS
LANES = 128  # of a band
ROW = 4 * LANES  # what the CPU adds at once
