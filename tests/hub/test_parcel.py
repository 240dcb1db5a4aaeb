"""What of a run's configuration is for everybody."""

import pytest
import yaml

from hf_textclf.hub import pack


@pytest.mark.parametrize(
    ("value", "public"),
    [
        ("/data/reviews.csv", "reviews.csv"),
        ("../data/", "data"),
        ("~/vectors.txt", "vectors.txt"),
        ("C:\\data\\reviews.csv", "reviews.csv"),
        (["/data/lm", "/data/lm_back"], ["lm", "lm_back"]),
        ("https://me:secret@example.org/a.csv", "a.csv"),
        # what means the same everywhere
        ("samples/news_en", "samples/news_en"),
        ("owner/name", "owner/name"),
        (3, 3),
    ],
)
def test_paths_of_this_machine_are_shortened(model, value, public):
    (model / "run_config.yaml").write_text(yaml.safe_dump({"dataset": value}))
    assert yaml.safe_load(pack(model).files["run_config.yaml"]) == {"dataset": public}


def test_a_name_that_is_no_place_keeps_its_slashes(model):
    (model / "run_config.yaml").write_text(yaml.safe_dump({"text_column": "text / body"}))
    assert yaml.safe_load(pack(model).files["run_config.yaml"]) == {"text_column": "text / body"}


def test_path_that_lies_here(model, monkeypatch):
    """Relative paths look like names on the Hub; one that is there is none."""
    monkeypatch.chdir(model.parent)
    (model / "run_config.yaml").write_text("init_from: [model/checkpoint, model/README.md]\n")
    assert yaml.safe_load(pack(model).files["run_config.yaml"]) == {"init_from": ["model/checkpoint", "README.md"]}
