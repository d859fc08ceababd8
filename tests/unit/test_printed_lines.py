from pipeline.graph.printed_lines import PrintedLines

FAILED = "ERROR: failed to reproduce 'train@net': failed to run: python -m x, exited with {}\n"


def heard(*lines: str) -> PrintedLines:
    printed = PrintedLines()
    for line in lines:
        printed.hear(line)
    return printed


def test_the_exit_code_is_that_of_the_command_and_what_follows_it_is_no_news() -> None:
    printed = PrintedLines()

    told = [
        printed.hear(line)
        for line in ("Running stage 'train@net':\n", "it broke\n", FAILED.format(7), "bye\n")
    ]

    assert told == [True, True, False, False]
    assert printed.exit_code == 7
    assert printed.lines == ["Running stage 'train@net':", "it broke"]


def test_a_stage_that_begins_again_is_heard_again() -> None:
    printed = heard(
        "Running stage 'train@net':", "stopped after 5 steps", FAILED.format(1),
        "Running stage 'train@net':", "goes on", "no memory",
    )  # fmt: skip

    assert printed.exit_code is None
    assert printed.lines == ["Running stage 'train@net':", "goes on", "no memory"]


def test_advice_of_dvc_and_empty_lines_are_left_out_and_the_last_lines_kept() -> None:
    printed = heard(
        "Updating lock file 'dvc.lock'", "", *(f"line {number}" for number in range(300))
    )

    assert printed.lines[0] == "line 100"
    assert printed.lines[-1] == "line 299"
