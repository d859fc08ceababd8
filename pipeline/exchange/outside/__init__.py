"""What other programs restore: the test images go out to them, and come back restored.

``handing_out`` writes the degraded images of a benchmark with all that another program needs to
know; ``taking_in`` reads what it made of them (``result_files``), refuses what cannot be right, all
at once, and finds results that were made of other noise (``realisation``).
"""
