"""The report: one table and one self-contained page; start reading at ``page.py``."""
