"""`hf-textclf train --on_hub`: what it sends, what it refuses before that is paid for, and jobs that really run."""

import os
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf.cli.main import main
from tests.helpers.loopback import READER, WRITER
from tests.helpers.push_command import REPO, error_line

RUN = "--dataset samples/opinions_zh --label_column sentiment --license apache-2.0 --tokenizer_type word".split()
SIZES = "--vocab_size 301 --embedding_size 11 --hidden_size 7 --max_steps 4".split()


@pytest.fixture
def on_hub(hub, capsys, caplog):
    """Run the command; returns exit code, what is printed and what is logged, in none of which a token stands."""

    def run(*tokens, flavor="t4-small", repo=REPO):
        caplog.clear()
        with caplog.at_level("INFO", "hf_textclf"):
            code = main(["train", "--on_hub", flavor, "--repo", repo, *tokens])
        out, err = capsys.readouterr()
        assert WRITER not in out + err + caplog.text
        return code, out, err + caplog.text

    return run


@pytest.fixture
def detached(hub, on_hub):
    """Start a job that is left alone, and so never runs; returns what the Hub got."""

    def run(*tokens, **options):
        code, _, told = on_hub(*tokens, "--detach", **options)
        assert code == 0, told
        (job,) = hub.jobs.values()
        assert job.stage == "SCHEDULING"
        return job.spec

    return run


def test_what_the_hub_gets(detached, tmp_path):
    config = tmp_path / "my config.yaml"
    config.write_text(
        "dataset: you/data\nlabel_column: [topic]\nlicense: mit\nlabel_names: [it's, $HOME]\nmax_steps: 9\n"
    )
    spec = detached("--config", str(config), "--max_steps", "4", "--bf16", "true", "--private")
    script = spec["command"].pop()
    assert spec == {
        "command": ["uv", "run", "--with", f"hf-textclf[chinese,trackio]=={version('hf-textclf')}", "bash", "-c"],
        "arguments": [],
        "environment": {"TQDM_MININTERVAL": "30"},
        "secrets": {"HF_TOKEN": WRITER},
        "flavor": "t4-small",
        "timeoutSeconds": 6 * 3600,
        "labels": {"name": "model"},
        "dockerImage": "ghcr.io/astral-sh/uv:python3.12-bookworm",
    }
    assert WRITER not in script and str(tmp_path) not in script
    # the shell of the job reads what was meant here, and the last word has the one who typed
    printed = subprocess.run(
        ["bash", "-c", script.replace("hf-textclf", "printf '%s|'")], capture_output=True, text=True
    )
    assert printed.stdout == (
        "train|--dataset=you/data|--label_column|topic|--license=mit|--label_names|it's|$HOME|--max_steps=4|"
        "--bf16=True|--output_dir|model|push|model|--repo|you/model|--private|"
    )


def test_one_process_for_each_gpu(detached):
    spec = detached(
        *RUN, "--job_package", "hf-textclf @ git+https://x.y/z@1", "--job_timeout", "90m", flavor="a10g-largex2"
    )
    assert spec["command"][3] == "hf-textclf @ git+https://x.y/z@1" and spec["timeoutSeconds"] == 5400
    start = "accelerate launch --multi_gpu --num_processes 2 -m hf_textclf.cli train --"
    assert spec["command"][-1].startswith(start)


def test_a_bundled_config_that_is_not_named(detached):
    assert " --hidden_size=128 " in detached(*RUN)["command"][-1]


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["--dataset", __file__], "is no id of the Hub"),
        (["--dataset", "reviews.csv"], "dataset='reviews.csv' is no id of the Hub"),
        (["--init_from", "you/forward", "./backward"], "init_from='./backward' is no id of the Hub"),
        (["--output_dir", "runs/lstm"], "output_dir is given"),
        (["--output-dir=runs/lstm"], "output_dir is given"),
        (["--resume_from_checkpoint=true"], "resume_from_checkpoint is given"),
        (["--one_vs_rest", "true"], "one_vs_rest"),
        (["--model_type", "maxent"], "linear"),
        (["--learning_rate", "-1"], "learning_rate"),
        (["--hiden_size", "3"], "did you mean 'hidden_size'"),
        (["--job_timeout", "tomorrow"], "job_timeout"),
        (["--run_name", f"hf_{'a1' * 17}"], "access token"),
        (["--job_package", f"git+https://hf_{'a1' * 17}@x.y/z"], "access token"),
    ],
)
def test_refused_before_anything_is_sent(hub, on_hub, tokens, words):
    code, _, told = on_hub(*RUN, *tokens)
    assert code == 2 and words in error_line(told)
    assert not hub.requests


def test_no_licence(hub, on_hub):
    code, _, told = on_hub("--dataset", "samples/opinions_zh")
    assert code == 2 and "license is not given" in error_line(told) and not hub.requests


def test_no_such_machine(hub, on_hub):
    code, _, told = on_hub(*RUN, flavor="abacus")
    assert code == 2 and "choose one of cpu-basic, t4-small, a10g-largex2" in error_line(told)
    assert not hub.jobs


def test_who_may_not_write_pays_nothing(hub, on_hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    code, _, told = on_hub(*RUN)
    assert code == 2 and "may not write to you/model" in error_line(told) and not hub.jobs
    monkeypatch.delenv("HF_TOKEN")
    assert "hf auth login" in error_line(on_hub(*RUN)[2])


def test_a_public_repository_stays_no_secret(hub, api, on_hub):
    api.create_repo(REPO)
    code, _, told = on_hub(*RUN, "--private")
    assert code == 2 and "is public" in error_line(told) and not hub.jobs


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ({"status": 401}, "hf auth login"),
        ({"status": 402, "message": "Pre-paid credit balance is insufficient"}, "buy credits"),
        ({"status": 403}, "may not start or read jobs"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, "wait 7 seconds"),
        ({"status": 503}, "look with `hf jobs ps`"),
        ({"drop": True}, "look with `hf jobs ps`"),
    ],
)
def test_one_line_for_each_refusal(hub, on_hub, failure, words):
    hub.fail("POST /api/jobs/you", **failure)
    code, _, told = on_hub(*RUN)
    assert code == 2 and words in error_line(told)
    # a second try might be a second job to pay for
    assert hub.count("POST /api/jobs/you") == 1


def test_who_cannot_watch_learns_that_the_job_may_be_there(hub, on_hub):
    hub.fail("GET /api/jobs/you/.*/logs", status=500, times=-1)
    code, _, told = on_hub(*RUN)
    assert code == 2 and "look with `hf jobs ps`" in error_line(told) and len(hub.jobs) == 1


def test_the_loopback_hub_keeps_jobs_apart(hub, api, detached):
    detached(*RUN)
    (found,) = api.list_jobs()
    assert found.secrets == {"HF_TOKEN": None} and found.status.stage == "SCHEDULING"
    api.cancel_job(job_id=found.id)
    assert api.inspect_job(job_id=found.id).status.stage == "CANCELED"
    assert list(api.fetch_job_logs(job_id=found.id)) == []


@pytest.mark.slow
def test_trained_there_and_loaded_here(hub, on_hub):
    code, out, told = on_hub(*RUN, *SIZES, flavor="cpu-basic")
    assert code == 0 and out.endswith(": COMPLETED\n"), told
    assert "validation: 43 texts" in told and f"pushed to {hub.url}/{REPO}" in told
    model = AutoModelForSequenceClassification.from_pretrained(REPO)
    tokens = AutoTokenizer.from_pretrained(REPO)(["房间很好"], return_tensors="pt")
    assert torch.isfinite(model(**tokens).logits).all() and model.config.hidden_size == 7
    written = b"".join(hub.read(REPO, name) for name in hub.files(REPO))
    assert WRITER.encode() not in written and str(hub.storage.root).encode() not in written


@pytest.mark.slow
def test_several_processes_make_one_model(hub, on_hub):
    # what CONTRIBUTING.md says starts two on a machine without GPUs
    code, _, told = on_hub(*RUN, *SIZES, "--use_cpu", "true", flavor="a10g-largex2")
    assert code == 0 and "2 process(es)" in hub.read(REPO, "eval_results.json").decode(), told
    assert told.count("validation: 43 texts") == 1


@pytest.mark.slow
def test_a_job_that_fails(hub, on_hub):
    code, _, told = on_hub("--dataset", "samples/opinions_zh", "--label_column", "nothing", "--license", "mit")
    assert code == 2 and "ended as ERROR (Job failed with exit code: 2)" in error_line(told)
    assert "nothing" in told and hub.files(REPO) == [".gitattributes"]


@pytest.mark.slow
def test_a_job_that_takes_too_long(hub, on_hub):
    code, _, told = on_hub(*RUN, "--job_timeout", "1s")
    assert code == 2 and "ended as ERROR (Job timeout)" in error_line(told)


@pytest.mark.slow
def test_who_stops_watching_does_not_stop_the_job(hub, api):
    command = [sys.executable, "-m", "hf_textclf.cli", "train", "--on_hub", "t4-small", "--repo", REPO]
    watcher = subprocess.Popen(
        [*command, *RUN, "--num_train_epochs", "10000"], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    for line in watcher.stderr:
        if "tokens (train)" in line:
            break
    watcher.send_signal(signal.SIGINT)
    said = watcher.stderr.read()
    (job,) = hub.jobs.values()
    assert watcher.wait(30) == 130 and f"`hf jobs cancel {job.id}` stops it" in said
    assert "Traceback" not in said and job.stage == "RUNNING"
    api.cancel_job(job_id=job.id)
    assert job.process.wait(30) == -signal.SIGKILL
