"""Keep the garbage collector away from what lives as long as the process."""

from __future__ import annotations

import gc


def freeze() -> None:
    """Collect once, then never look at the surviving objects again.

    Libraries and models are hundreds of thousands of objects. A full collection walks over all of them and
    holds every thread meanwhile, health checks too.
    """
    gc.collect()
    gc.freeze()
