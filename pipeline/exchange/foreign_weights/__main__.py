"""Examine a file of weights in a process of its own: a request comes in and JSON goes out.

The command line must start at once and so must not import torch; and readers of damaged files
may take their process with them.
"""

import json
import sys
from pathlib import Path

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.examining import examine
from pipeline.running.request import read_request
from pipeline.settings.architectures import NETWORKS, Models


def main() -> None:
    """Answer one request: the arguments of ``examine`` in JSON."""
    request = read_request()
    known = Models.model_validate(request["models"])
    models = {
        f"{arch}.{name}": model for arch in NETWORKS for name, model in known.named(arch).items()
    }
    try:
        answer = examine(
            Path(request["file"]), request["layout"], models, request["wanted"], request["entry"]
        )
    except ForeignWeightsError as error:
        reason, file = str(error), request["file"]
        # What is wrong with a layer names the layer alone.
        answer = {"refused": reason if file in reason else f"{file}: {reason}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
