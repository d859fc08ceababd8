"""Photographs restored: files of all kinds in, files of the same kind out.

Nothing here measures: what is known of a photograph is what its file says and what is estimated.
Work in ``__main__``, started by ``restore photo``; the modules that it does not need before are
``finding`` and ``sharing``, which load without torch.
"""
