"""Published weights of other people's code, brought into our networks.

A file is read (``containers``, ``matlab``), the network found in it (``entries``, ``choosing``),
recognised by the table of its layout (``layouts``, ``matconvnet``) and put together for one of our
networks (``assembling``). Nothing in a file is ever executed, and what does not fit is refused with
what was expected and what came.
"""
