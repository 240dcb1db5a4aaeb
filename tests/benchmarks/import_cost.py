"""What `import hf_textclf` and `hf-textclf --help` cost beside `python -c "import argparse"`.

    python -m tests.benchmarks.import_cost --runs 15

Each run is a fresh process, its start included, and the commands take turns, so that a busy moment of the machine hits
all of them. The last line is one JSON document.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "argparse": [sys.executable, "-c", "import argparse"],
    "hf_textclf": [sys.executable, "-c", "import hf_textclf"],
    # what pip installs
    "help": [str(Path(sys.executable).with_name("hf-textclf")), "--help"],
    "transformers": [sys.executable, "-c", "from transformers import PreTrainedModel"],
}


def main():
    parser = argparse.ArgumentParser(description="Time our import and our help against importing argparse.")
    parser.add_argument("--runs", type=int, default=15, help="timed processes per command")
    runs = parser.parse_args().runs
    times = {name: [] for name in COMMANDS}
    for number in range(runs + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            # the first of each reads the files from disk and compiles them
            if number:
                times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, taken in times.items():
        print(f"{name:>14} median {medians[name]:.3f} s, from {min(taken):.3f} to {max(taken):.3f}")
    ratios = {f"{name}_ratio": round(medians[name] / medians["argparse"], 2) for name in ("hf_textclf", "help")}
    print(json.dumps({f"{name}_s": round(median, 3) for name, median in medians.items()} | ratios | {"runs": runs}))


if __name__ == "__main__":
    main()
