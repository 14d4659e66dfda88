"""The same samples give the same bits, however many threads the process would like to use."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from classically_punk.features import describe_clip
noise = np.random.Generator(np.random.PCG64(5)).standard_normal(44_100).astype("f4") * 0.1
print({name: value.hex() for name, value in describe_clip(noise, 22_050, "punk").items()})
"""


def test_values_do_not_depend_on_the_number_of_threads() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert told[0] == told[1]
