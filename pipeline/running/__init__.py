"""What every stage runs with: its command line, its outputs, its cores, the tracker.

It decides no result, so that no stage depends on it.
"""
