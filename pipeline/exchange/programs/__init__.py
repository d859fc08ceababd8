"""Networks of other people as programs: opened, put to the test, and run on whole images.

``opening`` opens a file, ``foreign_network`` brings its images to ours, ``surroundings`` finds how
far it looks and on what grid it works, and ``putting_to_the_test`` refuses a program whose entry in
``params.yaml`` says something else than it does.
"""


class ProgramError(ValueError):
    """A program cannot be used; the message says what was expected and what came."""
