"""`hf-textclf tune` in real processes: killed and started again, over Ray, under a launcher, on the samples."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import ray
import yaml
from small_runs import TINY, TUNED, empty_config, write_csv
from test_field_guide import linear_macro_f1
from test_tuning import BY_LOG_LOSS, LEFT, RATES, rows, table, trained

from hf_textclf.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from minilm import minilm_folder  # noqa: E402

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


@pytest.fixture(scope="module")
def two_cores():
    """Ray on two cores; it would take all there are."""
    with pytest.MonkeyPatch.context() as patch:
        # its own default leaves its processes no time on a busy machine
        for name, value in {"worker_niceness": "0", "USAGE_STATS_ENABLED": "0", "CHDIR_TO_TRIAL_DIR": "0"}.items():
            patch.setenv(f"RAY_{name}", value)
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.mark.slow
def test_ray(two_cores, keys, tmp_path, capsys):
    """The same journal: as many trials again, each of them the run that `train` makes of its values."""
    search = ["tune", *keys, "--backend", "ray", "--output_dir", str(tmp_path / "search")]
    assert main([*search, "--trials", "2"]) == 0
    assert main([*search, "--trials", "3"]) == 0
    out, _ = capsys.readouterr()
    assert out.count("best of ") == 2 and out.count("\n") == 4, out
    found = rows(tmp_path / "search")
    assert [row["state"] for row in found] == ["complete"] * 3
    assert len({row["learning_rate"] for row in found}) == 3
    assert {path.name for path in (tmp_path / "search").iterdir()} == LEFT
    config, train = keys[1], keys[4:]
    for row in found:
        values = [token for key in SPACE for token in (f"--{key}", row[key])]
        metrics = trained(config, tmp_path / row["trial"], *train, *values)
        assert metrics["log_loss"] == pytest.approx(float(row["value"]), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "words"),
    [
        ("classifier_dropout: {choices: [1.5]}", "classifier_dropout=1.5 must lie in [0, 1)"),
        ("learning_rate: {choices: [3.0e+38]}", "1 trials, all of them given up"),
    ],
)
def test_ray_refuses_in_one_line(two_cores, keys, tmp_path, space, words):
    """A mistake or a divergence in one of Ray's processes."""
    (tmp_path / "space.yaml").write_text(space)
    process = start(keys, tmp_path / "search", "--backend", "ray", "--trials", "1")
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 2
    (complaint,) = [line for line in out.splitlines() if line.startswith("hf-textclf: error: ")]
    assert words in complaint and "Traceback" not in out


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
