"""What `import hf_textclf` costs beside the part of Transformers that it cannot do without.

    python -m tests.benchmarks.import_cost --runs 9

Each run is a fresh process, and the statements take turns, so that a busy moment of the machine hits both. The figures
are the statement alone, without starting the interpreter. The last line is one JSON document.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

STATEMENTS = {
    "transformers": "from transformers import PreTrainedModel",
    "hf_textclf": "import hf_textclf",
}
TIMER = "import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"


def seconds(statement):
    """Run one statement in a fresh process and return how long it took."""
    command = [sys.executable, "-c", TIMER.format(statement=statement)]
    # one thread, so that neither side gains from idle cores
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return float(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description="Time `import hf_textclf` against bare Transformers.")
    parser.add_argument("--runs", type=int, default=9, help="timed processes per statement")
    runs = parser.parse_args().runs
    times = {name: [] for name in STATEMENTS}
    for number in range(runs + 1):
        for name, statement in STATEMENTS.items():
            taken = seconds(statement)
            # the first of each reads the files from disk and compiles them
            if number:
                times[name].append(taken)
    print(f"{'import':>14} {'median s':>9} {'min s':>7} {'max s':>7}")
    for name, taken in times.items():
        print(f"{name:>14} {statistics.median(taken):>9.2f} {min(taken):>7.2f} {max(taken):>7.2f}")
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    result = {f"{name}_s": round(median, 3) for name, median in medians.items()}
    print(json.dumps(result | {"ratio": round(medians["hf_textclf"] / medians["transformers"], 3), "runs": runs}))


if __name__ == "__main__":
    main()
