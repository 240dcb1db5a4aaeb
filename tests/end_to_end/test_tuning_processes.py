"""`hf-textclf tune` in real processes: killed and resumed, two at once, under a launcher, on the samples."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise

import pytest
import yaml
from optuna.trial import TrialState

from hf_textclf.cli.main import main
from tests.benchmarks.minilm import minilm_folder
from tests.end_to_end.test_field_guide import linear_macro_f1
from tests.helpers.small_runs import TINY, TUNED, empty_config, write_csv
from tests.tuning.test_search import BY_LOG_LOSS, LEFT, RATES, rows, study, table, trained

SPACE = RATES | {"hidden_size": {"low": 3, "high": 9}, "seed": {"low": 1, "high": 9}}


@pytest.fixture
def keys(tmp_path):
    """The flags of a small search."""
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=80)
    config = ["--config", str(empty_config(tmp_path)), "--search_space", str(tmp_path / "space.yaml")]
    return [*config, "--dataset", data, *TINY, *TUNED, *BY_LOG_LOSS]


def start(keys, output, *tokens, launcher=("-u", "-m")):
    """Start the real command; standard output and error come together."""
    return subprocess.Popen(
        [sys.executable, *launcher, "hf_textclf.cli", "tune", *keys, "--output_dir", str(output), *tokens],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_killed_in_the_fourth_trial_and_started_again(keys, tmp_path):
    alone = start(keys, tmp_path / "alone", "--trials", "5")
    killed = start(keys, tmp_path / "killed", "--trials", "5", "--logging_steps", "1")
    # a line per step is logged: the first one after the third trial's end is the fourth trial's
    judged = False
    for line in killed.stdout:
        judged |= line.startswith("best of 3 trials")
        if judged and "'grad_norm'" in line:
            killed.send_signal(signal.SIGKILL)
            break
    assert killed.wait() == -signal.SIGKILL
    assert len(table(tmp_path / "killed")) == 3

    again = start(keys, tmp_path / "killed", "--trials", "5", "--logging_steps", "1")
    for process in (alone, again):
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 0, out[-3000:]
    assert table(tmp_path / "killed") == table(tmp_path / "alone")
    assert [row["state"] for row in rows(tmp_path / "killed")].count("fail") == 1
    assert "best of 4 trials" in out and "best of 3 trials" not in out
    assert {path.name for path in (tmp_path / "killed").iterdir()} == LEFT


@pytest.mark.slow
def test_two_workers_share_a_search(keys, tmp_path):
    """The same command twice at the same time: as many trials as one would make, each of them a run of its own."""
    search = tmp_path / "search"
    workers = [start(keys, search, "--trials", "6") for _ in range(2)]
    for worker in workers:
        out, _ = worker.communicate(timeout=240)
        assert worker.returncode == 0, out[-3000:]
    trials = study(search).get_trials()
    # where both end a trial at the same moment, there is one more
    assert len(trials) in (6, 7) and {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert any(one.datetime_start < other.datetime_complete and other.datetime_start < one.datetime_complete
               for one, other in pairwise(trials))  # fmt: skip
    assert len({row["learning_rate"] for row in rows(search)}) == len(trials) == len(rows(search))
    assert {path.name for path in search.iterdir()} == LEFT
    best = min(rows(search), key=lambda row: float(row["value"]))
    assert trained(search / "best.yaml", tmp_path / "best")["log_loss"] == pytest.approx(
        float(best["value"]), rel=1e-6
    )


@pytest.mark.slow
def test_worker_joins_and_leaves_the_trials_of_others_alone(keys, tmp_path):
    """One is killed while another runs: its trial is given up by the next search that is alone."""
    search = tmp_path / "search"
    first = start(keys, search, "--trials", "50")
    for line in first.stdout:
        if line.startswith("best of 1 trials"):
            break
    joined = start(keys, search, "--trials", "2")
    out, _ = joined.communicate(timeout=240)
    assert joined.returncode == 0, out[-3000:]
    assert TrialState.FAIL not in [trial.state for trial in study(search).get_trials()]
    first.kill()
    first.communicate()
    done = len(table(search))
    last = start(keys, search, "--trials", str(done + 1))
    out, _ = last.communicate(timeout=240)
    assert last.returncode == 0, out[-3000:]
    assert {path.name for path in search.iterdir()} == LEFT
    assert TrialState.RUNNING not in [trial.state for trial in study(search).get_trials()]


@pytest.mark.slow
def test_launcher_is_refused(keys, tmp_path):
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    process = start(keys, tmp_path / "search", launcher=launcher)
    out, _ = process.communicate(timeout=240)
    assert process.returncode != 0
    assert "hf-textclf: error: tune in 2 processes, expected one" in out
    assert not (tmp_path / "search").exists()


@pytest.mark.slow
def test_best_of_three_trials_learns(tmp_path):
    """What is found on validation is good on test: 0.9 of what a linear model reaches there, and more."""
    try:
        minilm = str(minilm_folder())
    except FileNotFoundError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    flags = ["--embeddings_from", minilm, "--disable_tqdm", "true", "--use_cpu", "true", "--trials", "3"]
    assert main(["tune", "--config", "demo_lstm", *flags, "--output_dir", str(tmp_path / "search")]) == 0
    trained(tmp_path / "search" / "best.yaml", tmp_path / "best")
    assert main(["evaluate", str(tmp_path / "best")]) == 0
    found = json.loads((tmp_path / "best" / "evaluation_test" / "eval_results.json").read_text())
    assert found["metrics"]["macro_f1"] >= 0.9 * linear_macro_f1("samples/news_en")
