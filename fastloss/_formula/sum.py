"""The shape of the sum, which is the same for every processor, layout and number of threads.

A chunk consists of four bands, one after the other, and each band has its own lanes. Element `i` of a band
belongs to lane ``i % LANES`` of that band, which adds its elements in increasing order. The lanes of all
bands are folded in halves, and the sums of the chunks as a pairwise tree. All of this is in float64. An
aligned block of 2**k chunks is a subtree, so sums of such blocks fold to the same bits as one call over all
of them.

Bands let four warps of a GPU read a chunk at once. On an H200, a call of 10**7 elements takes 0.6 times as
long as with one warp for each chunk. On a CPU, whose lanes are in the L1 cache, four bands cost 1 %.
"""

CHUNK = 1 << 14
BANDS = 4
BAND = CHUNK // BANDS
LANES = 128  # of a band
ROW = 4 * LANES  # elements that the CPU adds at once
