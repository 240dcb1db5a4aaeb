"""`hf-textclf train --on_hub FLAVOR --repo you/name`: the same run on a rented machine, which pushes what it trained.

The job gets every key as a flag, so that no file of this machine has to travel, and the token as a secret. What would
stop it at the end, after it was paid for, is looked for before it starts.
"""

import json
import logging
import re
import shlex
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, JobInfo

from ..arguments import option
from ..card import check_license
from ..errors import TOKEN, UserError
from ..files import SAMPLES
from ..provenance import hub_id
from ..saved_model.facts import PLACES
from .errors import explained, signed_in
from .push import check_name, check_private

logger = logging.getLogger(__name__)
# the client's own for uv: Debian with Python, uv and git
IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
# a job that was started after all would be paid twice
LOOK_FIRST = "look with `hf jobs ps` whether the job is there before you run the command again"
REMEDIES = {
    402: "the Hub wants to be paid for jobs; buy credits at {endpoint}/settings/billing, or train without --on_hub",
    403: "the token may not start or read jobs; log in with one that may (`hf auth login`)",
}


@dataclass
class JobArguments:
    """On which machine of the Hub a run is trained, and where its model goes. All other keys are those of the run."""

    on_hub: str = field(metadata={"help": "Machine to rent, such as t4-small; `hf jobs hardware` lists all."})
    repo: str = field(metadata={"help": "Repository that the job pushes to, you/name; made if it is not there."})
    private: bool = option(False, "Make the new repository private.")
    job_timeout: str = option("6h", "Time after which the job is stopped, as 90m or 6h; then nothing is pushed.")
    job_package: str = option(
        f"hf-textclf[chinese,trackio]=={version('hf-textclf')}",
        "What the job installs, as uv reads it; this version from PyPI. A commit: "
        "'hf-textclf[chinese,trackio] @ git+https://github.com/OWNER/hf-textclf@COMMIT'",
    )
    detach: bool = option(False, "Start the job and do not wait for its end.")

    def __post_init__(self) -> None:
        check_name(self.repo)
        if not re.fullmatch(r"[1-9]\d*[smhd]?", self.job_timeout):
            raise UserError(f"job_timeout={self.job_timeout!r}, expected a time as 90m or 6h; correct --job_timeout")


def train_on_hub(job: JobArguments, keys: dict[str, Any]) -> JobInfo:
    """Train as a job on the Hub, write its log into ours, and return what the Hub knows of it at its end.

    keys: every key that the run of a network is given, as `hf-textclf train` takes it.
    Raises UserError: a key names what only this machine has, or stands for several models; there is no token; the Hub
    refuses; the job failed.
    """
    _check(keys)
    flags: list[str] = []
    for key, value in keys.items():
        if isinstance(value, list):
            flags += [f"--{key}", *map(str, value)]
        else:
            flags.append(f"--{key}={json.dumps(value) if isinstance(value, dict) else value}")
    if TOKEN.search(" ".join([job.job_package, *flags])):
        raise UserError("a key holds what looks like an access token (hf_...), expected none; drop it and revoke it")

    api = signed_in()
    with explained(job.repo, remedies=REMEDIES):
        machines = {machine.name: machine for machine in api.list_jobs_hardware()}
    if (machine := machines.get(job.on_hub)) is None:
        raise UserError(f"on_hub={job.on_hub!r} is no machine of the Hub; choose one of {', '.join(machines)}")
    with explained(job.repo):
        api.create_repo(job.repo, private=job.private or None, exist_ok=True)
        check_private(api.model_info(job.repo), private=job.private)
    folder, gpus = job.repo.partition("/")[2], int(machine.accelerator.quantity) if machine.accelerator else 0
    # one process for each GPU
    several = f"accelerate launch --multi_gpu --num_processes {gpus} -m hf_textclf.cli".split()
    train = [*(several if gpus > 1 else ["hf-textclf"]), "train", *flags, "--output_dir", folder]
    push = ["hf-textclf", "push", folder, "--repo", job.repo, *["--private"] * job.private]
    script = f"{shlex.join(train)} && {shlex.join(push)}"
    with explained(job.repo, again=LOOK_FIRST, remedies=REMEDIES):
        started = api.run_job(
            name=folder,
            image=IMAGE,
            command=["uv", "run", "--with", job.job_package, "bash", "-c", script],
            # in a log each step of a bar is a line
            env={"TQDM_MININTERVAL": "30"},
            secrets={"HF_TOKEN": api.token},
            flavor=job.on_hub,
            timeout=job.job_timeout,
        )
        price = f"{machine.unit_cost_usd:g} USD a {machine.unit_label}"
        logger.info("%s for at most %s at %s: %s", machine.pretty_name, job.job_timeout, price, started.url)
        logger.info("it runs on when you stop watching; `hf jobs cancel %s` stops it", started.id)
        return started if job.detach else _follow(api, started)


def _check(keys: dict[str, Any]) -> None:
    """Refuse what names a place on this machine, and what `push` would refuse at the end of the job."""
    for key in ("output_dir", "resume_from_checkpoint"):
        if key in keys:
            raise UserError(f"{key} is given, expected none: a job has only what it makes, and --repo; drop --{key}")
    for key in sorted(PLACES & keys.keys()):
        for name in keys[key] if isinstance(keys[key], list) else [keys[key]]:
            path = Path(name)
            sample = path.parent == Path("samples") and (SAMPLES / path.name).is_dir() and not path.exists()
            if not sample and not hub_id(name):
                raise UserError(
                    f"{key}={name!r} is no id of the Hub, expected OWNER/NAME: a job cannot read this machine; "
                    f"send what is here with `hf upload`, then give its id to --{key}"
                )
    if "license" not in keys:
        raise UserError("license is not given, expected an identifier for the model's card; add --license apache-2.0")
    check_license(keys["license"])
    if keys.get("one_vs_rest"):
        raise UserError("one_vs_rest=true makes several networks, expected one to push; drop it, or train here")


def _follow(api: HfApi, job: JobInfo) -> JobInfo:
    """Write the log of a job until it ends."""
    try:
        for line in api.fetch_job_logs(job_id=job.id, namespace=job.owner.name, follow=True):
            logger.info("%s", line)
        ended = api.wait_for_job(job.id, namespace=job.owner.name)
    except KeyboardInterrupt:
        logger.warning("the job runs on; `hf jobs logs %s` shows it, `hf jobs cancel %s` stops it", job.id, job.id)
        raise SystemExit(130) from None
    if ended.status.stage != "COMPLETED":
        raise UserError(
            f"the job ended as {ended.status.stage} ({ended.status.message or 'no message'}), expected COMPLETED; "
            f"its log, above and at {ended.url}, says what to correct"
        )
    return ended
