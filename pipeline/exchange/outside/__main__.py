"""Hand a benchmark out in a process of its own, since the command line imports no NumPy."""

import json
import sys
from pathlib import Path

from pipeline.exchange.outside.handing_out import hand_out
from pipeline.running.request import read_request


def main() -> None:
    """Answer one request: ``{"benchmark", "to"}``, both folders."""
    request = read_request()
    try:
        answer = hand_out(Path(request["benchmark"]), Path(request["to"]))
    except (OSError, ValueError) as error:
        answer = {"refused": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
