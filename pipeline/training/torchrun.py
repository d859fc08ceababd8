"""torchrun, silent about failures: the process that failed has said what went wrong."""

import os
import sys

if __name__ == "__main__":
    # Its own news are of signals and exit codes; a fault of its own still shows as a traceback.
    os.environ.setdefault("LOGLEVEL", "CRITICAL")

    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import get_args_parser, run

    # Its parser would take options of the stage for abbreviations of its own.
    end = sys.argv.index("--")
    arguments = get_args_parser().parse_args(sys.argv[1:end])
    arguments.training_script_args = sys.argv[end + 1 :]
    try:
        run(arguments)  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        failures = sorted(error.failures.items())
        for rank, failure in failures:
            if failure.exitcode < 0:
                sys.stderr.write(
                    f"process {rank} of the training was ended by signal {-failure.exitcode}; all "
                    "others are ended too, start the same stage again to go on\n"
                )
        sys.exit(1)
    except SignalException:
        sys.exit(1)
