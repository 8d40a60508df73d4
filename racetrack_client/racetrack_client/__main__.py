"""The `racetrack` command line. Data goes to standard output, everything else to standard error."""

import os
import sys
import traceback

from racetrack_client.commands.app import OutputClosed, make_app
from racetrack_client.utils.terminal import SafeOutput

UNEXPECTED_HINT = "run `racetrack -v …` to see where the error comes from"


def main() -> None:
    """Run a command; an error ends it with one message and exit code 70."""
    sys.stdout, sys.stderr = SafeOutput(sys.stdout), SafeOutput(sys.stderr)
    try:
        make_app()(prog_name="racetrack")
    except KeyboardInterrupt:
        sys.exit(130)
    except OutputClosed:
        # The rest of the buffer is discarded.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(os.EX_OK)
    except Exception as error:  # noqa: BLE001 the edge of the program
        if {"-v", "--verbose"} & set(sys.argv[1:2]):
            traceback.print_exc()
        text = _describe(error)
        prefix = "\033[31merror:\033[0m" if _has_colours() else "error:"
        sys.stderr.write(f"{prefix} {text}\n")
        sys.exit(os.EX_SOFTWARE)


def _has_colours() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _describe(error: Exception) -> str:
    # Our own errors say what to do; the message of a bug, such as a missing key, needs its class.
    if isinstance(error, KeyError | TypeError | AttributeError | AssertionError | IndexError):
        return f"{type(error).__name__}: {error}; {UNEXPECTED_HINT}"
    return str(error) or f"{type(error).__name__}; {UNEXPECTED_HINT}"


if __name__ == "__main__":
    main()
