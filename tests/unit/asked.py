"""A process that is asked for an exit code, or works on and on; for test_running_request.py."""

import os
import sys
import time

from pipeline.running.request import read_request

if __name__ == "__main__":
    request = read_request()
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    if "code" in request:
        sys.exit(request["code"])
    while True:
        time.sleep(0.1)
