"""Where the images of a data set come from, and how they are verified and brought together.

``fetching`` is what the stage ``download`` calls; ``set_facts`` tells what is known of a set
without fetching anything; ``importing`` takes files that people fetched themselves.
"""
