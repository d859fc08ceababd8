"""Export a network in a process of its own: a request comes in and JSON goes out.

The command line must start at once and so must not import torch.
"""

import contextlib
import json
import sys
from pathlib import Path

from pipeline.exchange.exporting import ExportError
from pipeline.exchange.exporting.checked_export import export
from pipeline.running.request import read_request
from pipeline.settings.architectures import NETWORKS


def main() -> None:
    """Answer one request: ``{"name", "arch", "model", "weights", "to"}``."""
    request = read_request()
    model = NETWORKS[request["arch"]].model_validate(request["model"])
    try:
        with contextlib.redirect_stdout(sys.stderr):
            facts, difference = export(
                request["name"],
                request["arch"],
                model,
                Path(request["weights"]),
                Path(request["to"]),
            )
        answer = {"facts": facts, "difference": difference}
    except ExportError as error:
        answer = {"refused": str(error)}
    except OSError as error:
        answer = {"refused": f"{error.filename or request['to']}: {error.strerror or error}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
