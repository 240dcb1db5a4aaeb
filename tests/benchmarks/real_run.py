"""Train and judge one config on real data, once per seed, through the commands a user types.

    python -m tests.benchmarks.real_run sst2_lstm --dataset DIR --seeds 1 2 3 [--processes 2] [-- --key value ...]

The settings of a config are chosen on validation; the test split is read once, by the last command. The figures go to
tests/benchmarks/results/NAME.json, from which render.py makes RESULTS.md. What stands after `--` is handed to `train`
(a checkpoint's local folder, a stated subset); folders are shown as DIR.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hf_textclf.files import read_yaml

RESULTS = Path(__file__).parent / "results"
# a linear model's vocabulary is most of it, where a network's tokenizer is little
MODEL_FILES = ("*.safetensors", "vocabulary.json", "[0-9]*/*.safetensors")
CLI = [sys.executable, "-m", "hf_textclf.cli"]


def run(command, log):
    """Run a command, its output in a log; return the seconds it took."""
    start = time.perf_counter()
    with open(log, "a", encoding="utf-8") as stream:
        subprocess.run(command, check=True, stdout=stream, stderr=stream)
    return round(time.perf_counter() - start, 1)


def one_seed(options, seed, folder):
    """Train with one seed and evaluate on test; return the figures."""
    launcher = CLI
    if options.processes > 1:
        # `accelerate launch --cpu` starts one process whatever --num_processes says, unless there is MPI
        launch = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(options.processes)]
        launcher = [sys.executable, "-m", *launch, "-m", "hf_textclf.cli"]
    config = Path("configs", f"{options.config}.yaml")
    flags = ["--config", str(config), "--dataset", options.dataset]
    # a linear model draws no numbers, and its config no seed
    flags += ["--seed", str(seed)] if "num_train_epochs" in read_yaml(config) else []
    run([*launcher, "train", *flags, "--output_dir", str(folder), *options.more], folder.with_suffix(".log"))
    return figures(options, seed, folder)


def figures(options, seed, folder):
    """Evaluate a trained folder on test; return all its figures."""
    judge = [*CLI, "evaluate", str(folder), "--split", "test", *options.evaluate]
    seconds = run([*judge, "--dataset", options.dataset], folder.with_suffix(".log"))
    trained = json.loads((folder / "eval_results.json").read_text())
    tested = json.loads((folder / "evaluation_test" / "eval_results.json").read_text())
    return trained | {
        "seed": seed,
        "metrics": flat(trained["metrics"]),
        "test_rows": tested["rows"],
        "test_metrics": flat(tested["metrics"]),
        # with fitted thresholds: the same without them
        **({"test_metrics_at_0.5": tested["metrics_at_0.5"]} if "metrics_at_0.5" in tested else {}),
        "test_pipeline": tested["pipeline"],
        "test_seconds": seconds,
        "model_bytes": sum(file.stat().st_size for file in model_files(folder)),
    }


def model_files(folder):
    """The files of a model, or those of each network of a group; not those of checkpoints."""
    return [file for pattern in MODEL_FILES for file in folder.glob(pattern)]


def flat(metrics):
    """The metrics without the per-label table."""
    return {name: value for name, value in metrics.items() if name != "per_label"}


def shown(options):
    """The command as it stands in RESULTS.md, without folders of this machine."""
    words = ["python", "-m", "tests.benchmarks.real_run", options.config, "--dataset", "DIR"]
    words += ["--seeds", *map(str, options.seeds)]
    words += ["--processes", str(options.processes)] if options.processes > 1 else []
    words += [f"'--evaluate={' '.join(options.evaluate)}'"] if options.evaluate else []
    words += ["--name", options.name] if options.name else []
    more = [re.sub(r"[^=]*/[^=]*$", "DIR", word) if os.sep in word else word for word in options.more]
    return " ".join(words + (["--", *more] if more else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--evaluate", type=str.split, default=[], help="flags for `evaluate`, in one word")
    parser.add_argument("--name", help="name of the result file, if not that of the config")
    parser.add_argument("--keep", help="new folder that the trained models stay in")
    tokens = sys.argv[1:]
    cut = tokens.index("--") if "--" in tokens else len(tokens)
    options = parser.parse_args(tokens[:cut])
    options.more = tokens[cut + 1 :]
    with nullcontext(options.keep) if options.keep else TemporaryDirectory() as place:
        Path(place).mkdir(parents=True, exist_ok=True)
        runs = [one_seed(options, seed, Path(place) / f"seed_{seed}") for seed in options.seeds]
    result = {"config": options.config, "command": shown(options), "date": str(date.today()), "runs": runs}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.name or options.config}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"result": path.name, "test": [run["test_metrics"] for run in runs]}))


if __name__ == "__main__":
    main()
