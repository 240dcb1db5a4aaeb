"""The cards under model_cards/finished: complete, and of models whose figures are those of RESULTS.md."""

import json
import re

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from hf_textclf.errors import TOKEN
from tests.helpers import ROOT

FINISHED = sorted(path.parent for path in (ROOT / "model_cards" / "finished").glob("*/README.md"))


@pytest.mark.parametrize("folder", FINISHED, ids=lambda folder: folder.name)
def test_card(folder):
    card = ModelCard.load(folder / "README.md")
    assert card.data.license and card.data.language and card.data.pipeline_tag == "text-classification"
    assert (card.data.license == "other") == bool(card.data.license_name)
    pictures = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", card.text))
    assert pictures == {path.name for path in folder.glob("*.png")} and len(pictures) >= 3
    assert "has not said" not in card.text and not TOKEN.search(card.text)
    assert not re.search(r"(?<![\w.:/])/(home|root|work|tmp|mnt)/", card.text)
    # energy alone was measured of none
    assert card.text.lower().count("not measured") == card.text.count("Energy: not measured") + card.text.count(
        "| not measured |"
    )
    name, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    found = {(one.metric_type, one.metric_name): one.metric_value for one in results if one.dataset_split == "test"}
    result = json.loads((ROOT / "tests" / "benchmarks" / "results" / f"{name}.json").read_text())
    run = result["runs"][0]
    assert name == folder.name and run["seed"] == 1 and (ROOT / "configs" / f"{result['config']}.yaml").is_file()
    assert found["f1", "Macro F1"] == run["test_metrics"]["macro_f1"]
    # what is not known to be the Hub's own split does not go by its name
    assert not any("/" in one.dataset_type for one in results)
    started_from = re.search(r"^(?:model|encoder)_name_or_path: (.+)$", card.text, re.MULTILINE)
    assert card.data.base_model == (started_from[1] if started_from else None)


def test_every_card_is_listed():
    listed = re.findall(r"\(finished/([^/)]+)/README.md\)", (ROOT / "model_cards" / "README.md").read_text())
    assert sorted(listed) == [folder.name for folder in FINISHED] and FINISHED
