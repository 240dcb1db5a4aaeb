"""`hf-textclf space --models you/a you/b --repo you/demo`: the page on models of the Hub, as a Space."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from huggingface_hub import CommitInfo, HfApi, SpaceRuntime

from ...card.merge import merge_cards
from ...errors import UserError
from ...saved_model.layout import CARD
from ..client import persist, signed_in
from ..push import check_name, check_private, commit, file_names
from ..upload_folder import UploadFolder
from .folder import APP, LIST, is_code, space_folder
from .models import SpaceModel, find_models

logger = logging.getLogger(__name__)
# of the README; people choose them on the Hub
PRESENTATION = ("title", "emoji", "colorFrom", "colorTo", "license", "short_description")
REMEDIES = {
    402: "the Hub wants to be paid for this Space; see {endpoint}/settings/billing, choose another --hardware "
    "(cpu-basic, zero-a10g), or run the page here with --local",
    403: "the token may not write to {repo}; log in with one that may (`hf auth login`)",
}


@dataclass
class SpaceArguments:
    """Which models the page shows, and where it runs. The token is that of `hf auth login`, or of HF_TOKEN."""

    models: list[str] = field(
        metadata={"help": "Models on the Hub, you/name or you/name@REVISION; with --local also folders."}
    )
    repo: str | None = field(default=None, metadata={"help": "The Space, you/name; made if it is not there."})
    private: bool = field(default=False, metadata={"help": "Make the new Space private."})
    hardware: str | None = field(
        default=None,
        metadata={"help": "Hardware as the Hub calls it, zero-a10g for ZeroGPU; a new Space gets cpu-basic."},
    )
    local: bool = field(default=False, metadata={"help": "Run the same folder here, in an environment of its own."})
    output_dir: str | None = field(
        default=None, metadata={"help": "With --local: new folder for Space and environment, which then stay."}
    )
    dry_run: bool = field(default=False, metadata={"help": "Check, list files and README, and send nothing."})

    def __post_init__(self) -> None:
        if self.repo is not None:
            check_name(self.repo)
        elif not self.local:
            raise UserError("repo is not given, expected you/name of a Space; add --repo, or run it here with --local")
        if self.hardware is not None and self.local:
            raise UserError(f"hardware={self.hardware!r} is the Hub's, expected none with --local; drop --hardware")
        if self.output_dir is not None and not self.local:
            raise UserError(f"output_dir={self.output_dir!r} goes with --local; add that, or drop --output_dir")


def plan_space(arguments: SpaceArguments) -> UploadFolder:
    """Check the models and return the files of a new Space; nothing is sent.

    Raises:
        UserError: as `find_models`, or the Hub refuses.
    """
    models = find_models(HfApi(), arguments.models, folders=arguments.local)
    return space_folder(models, repo=arguments.repo or "http://127.0.0.1:7860", hardware=arguments.hardware)


def deploy_space(arguments: SpaceArguments) -> tuple[CommitInfo, SpaceRuntime]:
    """Create or renew a Space in one commit; return that and what the Hub then makes of it.

    Files of others stay, and so does what people wrote into its README.

    Raises:
        UserError: as `find_models`, there is no token, another app lives there, or the Hub refuses.
    """
    api, repo = signed_in(), str(arguments.repo)
    models = find_models(api, arguments.models, folders=False)
    for model in models:
        if model.needs_token:
            logger.warning(
                "%s is not for everybody: give the Space a token that may read it, as secret HF_TOKEN in its settings",
                model.name,
            )
    sent = persist(repo, lambda: _send(api, models, arguments), remedies=REMEDIES)
    return sent, persist(repo, lambda: api.get_space_runtime(repo), remedies=REMEDIES)


def _send(api: HfApi, models: list[SpaceModel], arguments: SpaceArguments) -> CommitInfo:
    repo, wanted = str(arguments.repo), arguments.hardware
    api.create_repo(
        repo,
        repo_type="space",
        space_sdk="gradio",
        space_hardware=wanted,  # type: ignore[arg-type]
        private=arguments.private or None,
        exist_ok=True,
    )
    info = api.space_info(repo)
    check_private(info, private=arguments.private)
    present = file_names(info)
    is_ours = LIST in present
    if APP in present and not is_ours:
        raise UserError(f"{repo} has another app, expected a new Space or one of ours; choose another --repo")
    runtime = api.get_space_runtime(repo)
    current = runtime.requested_hardware or runtime.hardware
    if wanted and wanted != current:
        api.request_space_hardware(repo, wanted)  # type: ignore[arg-type]
    parcel = space_folder(models, repo=repo, hardware=wanted or current)
    # the README that the Hub makes for a new Space says nothing
    if is_ours and CARD in present:
        theirs = Path(api.hf_hub_download(repo, CARD, repo_type="space", revision=info.sha)).read_bytes().decode()
        merged = merge_cards(theirs, parcel.card, theirs_to_change=PRESENTATION)
        parcel = replace(parcel, files=parcel.files | {CARD: merged.encode()})
    stale = [name for name in present if is_code(name) and name not in parcel.files]
    return commit(api, info, parcel, stale, message="Show text classifiers with hf-textclf", repo_type="space")
