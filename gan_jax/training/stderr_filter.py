"""A process of its own that passes on what another writes to its standard error, but for how jax takes a lost host.

Where a host ends, jax's service aborts the others with a page of its own log, before Python can say anything. What
this program is given says it in one line. It is run as a file, without the package.
"""

import re
import signal
import sys

__all__ = ["LOST", "main"]

LOST = "gan_jax: a host is lost\n"
_LOST = re.compile(
    rf"{LOST}|[EF]\d+ .*(coordination_service|the JAX distributed service detected fatal errors)"
    r"|terminate called after throwing an instance of 'gloo::"  # a sum that was under way on the other devices
)


def main(line: str) -> None:
    """Copy lines from the standard input to the standard error; from the first of a lost host on, say `line` alone."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # they are for the other process; this one ends when that has
    lost = False
    for text in sys.stdin:
        if not lost:
            lost = _LOST.match(text) is not None
            print(f"{line}\n" if lost else text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
