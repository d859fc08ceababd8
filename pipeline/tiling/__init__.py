"""Full-image restoration tile by tile, equal to restoring the whole image at once.

A tile is a core with a halo around it, as wide as the network sees; the halo is cropped, not
blended. A network pads with zeros outside of its input, so a tile may end where the image ends
but nowhere else within reach of its core: windows are moved inside the image instead of padded.
"""
