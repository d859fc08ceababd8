"""torchrun, which is silent about failures that the failed process has told of."""

import logging
import signal
import sys

if __name__ == "__main__":
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import get_args_parser, run

    # News of each signal and exit code; a fault of torchrun itself still shows as a traceback.
    logging.disable(logging.CRITICAL)
    # Its parser would take options of the stage for abbreviations of its own.
    end = sys.argv.index("--")
    arguments = get_args_parser().parse_args(sys.argv[1:end])
    arguments.training_script_args = sys.argv[end + 1 :]
    try:
        run(arguments)  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        for rank, failure in sorted(error.failures.items()):
            # Those that end because another one did get SIGTERM.
            if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM:
                sys.stderr.write(
                    f"process {rank} of the training was ended by signal {-failure.exitcode}, and "
                    "so are the others: start the same stage again to go on\n"
                )
        sys.exit(1)
    except SignalException:
        sys.exit(1)
