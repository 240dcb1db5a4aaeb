"""What of a run's configuration is for everybody."""

import pytest
import yaml

from hf_textclf.hub import PushArguments, prepare


@pytest.mark.parametrize(
    ("key", "value", "public"),
    [
        ("dataset", "/data/reviews.csv", "reviews.csv"),
        ("dataset", "../data/", "data"),
        ("dataset", "~/vectors.txt", "vectors.txt"),
        ("dataset", "C:\\data\\reviews.csv", "reviews.csv"),
        ("init_from", ["/data/lm", "/data/lm_back"], ["lm", "lm_back"]),
        ("dataset", "https://me:secret@example.org/a.csv", "a.csv"),
        # what means the same everywhere
        ("dataset", "samples/news_en", "samples/news_en"),
        ("dataset", "owner/name", "owner/name"),
        ("seed", 3, 3),
        ("text_column", "text / body", "text / body"),
    ],
)
def test_paths_of_this_machine_are_shortened(model_folder, key, value, public):
    (model_folder / "run_config.yaml").write_text(yaml.safe_dump({key: value}))
    assert yaml.safe_load(prepare(model_folder, PushArguments("you/name")).files["run_config.yaml"]) == {key: public}


def test_path_that_lies_here(model_folder, monkeypatch):
    """Relative paths look like names on the Hub; one that is there is none."""
    monkeypatch.chdir(model_folder.parent)
    (model_folder / "run_config.yaml").write_text("init_from: [model/checkpoint, model/README.md]\n")
    assert yaml.safe_load(prepare(model_folder, PushArguments("you/name")).files["run_config.yaml"]) == {
        "init_from": ["model/checkpoint", "README.md"]
    }
