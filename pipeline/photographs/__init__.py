"""Photographs restored: files of all kinds in, files of the same kind out.

Nothing here measures: what is known of a photograph is what its file says and what is estimated.
``restore photo`` starts ``__main__`` in a process of its own; before that it needs ``finding`` and
``shipped``, which load without torch.
"""
