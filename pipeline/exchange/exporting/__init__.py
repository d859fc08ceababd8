"""Trained networks as files that other programs run: ONNX, and PyTorch's own exported programs.

A network is captured as one graph for images of every size (``capturing``), written with the
facts that its user needs (``interface``, ``onnx_file``, ``torch_file``), read back, and compared
with the network that it came from (``trial_run``): a file that computes something else is never
left.
"""


class ExportError(Exception):
    """A network cannot be exported, or the file would not compute what it computes."""
