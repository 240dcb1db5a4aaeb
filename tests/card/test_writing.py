"""The model card: true, complete, and kind to what people write into it."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import torch
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from transformers import AutoModelForSequenceClassification

from hf_textclf.card.merge import merge_cards
from hf_textclf.card.writing import cell, curve_of, results_table
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows, write_rows
from hf_textclf.files import SAMPLES
from hf_textclf.provenance import hub_id, is_public, public_name
from hf_textclf.saved_model.facts import Facts
from hf_textclf.saved_model.layout import MEASURED, model_digest
from hf_textclf.tokenization import load_tokenizer, save_tokenizer, set_truncation

KINDS = ["single", "multi", "regression"]
# the card's own snippet for someone who does not have us
WITHOUT_US = "import sys\nsys.modules['hf_textclf'] = None\n"
SECTIONS = [
    "summary",
    "use",
    "prose",
    "limits",
    "training",
    "results",
    "calibration",
    "pipeline",
    "costs",
    "reproduce",
]


def text_of(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def results_of(folder):
    return json.loads((folder / "eval_results.json").read_text(encoding="utf-8"))


def copy_of(folder, place):
    return shutil.copytree(folder, place / folder.name, ignore=shutil.ignore_patterns("evaluation_*", "checkpoint-*"))


def section(text, name):
    return re.search(rf"<!-- hf-textclf:{name} -->\n(.*?)\n<!-- /hf-textclf:{name} -->", text, re.DOTALL)[1]


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run_python(code, cwd):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True,
        env=os.environ | {"HF_MODULES_CACHE": str(cwd / "modules")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    """A tiny language model, which no test may change."""
    folder = tmp_path_factory.mktemp("lm") / "lm"
    sizes = ["--vocab_size", "300", "--embedding_size", "11", "--hidden_size", "7", "--num_train_epochs", "2"]
    assert main(["pretrain", "--config", "demo_lm", *sizes, "--output_dir", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_are_those_of_the_files(trained_models, kind):
    card = ModelCard.load(trained_models / kind / "README.md")
    assert (card.data.library_name, card.data.pipeline_tag) == ("transformers", "text-classification")
    assert {"text-classification", "hf-textclf", "textclf_lstm"} == set(card.data.tags)
    # none was given, and a sample is not on the Hub
    assert card.data.license is card.data.language is card.data.datasets is card.data.base_model is None
    name, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    metrics = results_of(trained_models / kind)["metrics"]
    assert name == kind and {result.dataset_split for result in results} == {"validation"}
    found = {
        (result.metric_type, (result.metric_args or {}).get("average")): result.metric_value for result in results
    }
    expected = {
        "single": {("accuracy", None): "accuracy", ("f1", "macro"): "macro_f1"},
        "multi": {("f1", "micro"): "micro_f1", ("accuracy", None): "subset_accuracy"},
        "regression": {("mae", None): "mae", ("mse", None): "mse"},
    }[kind]
    for key, metric in expected.items():
        assert found[key] == metrics[metric]
    assert not re.search(r"\bnull\b|\bNone\b|: ''", card.data.to_yaml())
    assert [match for match in re.findall(r"<!-- hf-textclf:(\w+) -->", text_of(trained_models / kind))] == [
        name for name in SECTIONS if kind != "regression" or name != "calibration"
    ]


@pytest.mark.parametrize("kind", ["multi", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS)])
def test_snippets_run_as_they_stand(trained_models, tmp_path, kind):
    (tmp_path / kind).symlink_to(trained_models / kind)
    ours, *stock = blocks(section(text_of(trained_models / kind), "use"), "python")
    assert "import hf_textclf" in ours and len(stock) == 2
    names = list(json.loads((trained_models / kind / "config.json").read_text())["id2label"].values())
    run_python(ours, tmp_path)
    out = run_python(WITHOUT_US + "\n".join(stock), tmp_path)
    assert names[0] in out


def test_a_tokenizer_of_a_class_of_its_own(trained_models, tmp_path):
    """A stock model brings code then, too, and the card says what others make of it."""
    folder = copy_of(trained_models / "single", tmp_path)
    assert "class of its own" not in text_of(folder)
    tokenizer = load_tokenizer(str(folder))
    set_truncation(tokenizer, truncation="head_tail", max_length=20)
    tokenizer.init_kwargs["segmenter"] = "jieba"
    save_tokenizer(tokenizer, folder)
    config = json.loads((folder / "config.json").read_text())
    del config["auto_map"]
    (folder / "config.json").write_text(json.dumps(config))
    assert main(["card", str(folder)]) == 0
    use = " ".join(section(text_of(folder), "use").split())
    assert use.count("trust_remote_code=True)") == 2 and "trust_remote_code=True, top_k=None" in use
    assert (
        "Its tokenizer is a class of its own: it finds Chinese words by jieba first (`pip install jieba`), it" in use
    )
    assert "keeps both ends of a long text. What knows `tokenizer.json` alone" in use


def test_snippet_takes_the_thresholds_of_a_calibrated_model(trained_models, tmp_path):
    folder = copy_of(trained_models / "multi", tmp_path)
    assert main(["calibrate", str(folder)]) == 0
    text = text_of(folder)
    thresholds = json.loads((folder / "config.json").read_text())["calibration"]["thresholds"]
    assert [row.split("|")[-2].strip() for row in section(text, "results").splitlines() if row.count("|") == 7][
        2:
    ] == [f"{threshold:.4f}" for threshold in thresholds]
    assert "![reliability before and after calibration](reliability.png)" in section(text, "calibration")
    assert 'model.config.calibration["thresholds"]' in section(text, "use")
    assert "hf-textclf calibrate my_model\n" in section(text, "reproduce")
    run_python(blocks(section(text, "use"), "python")[2], tmp_path)


def test_command_of_the_card_gives_the_same_figures(trained_models, tmp_path, monkeypatch):
    copy_of(trained_models / "single", tmp_path)
    monkeypatch.chdir(tmp_path / "single")
    (block,) = blocks(section(text_of(trained_models / "single"), "reproduce"), "bash")
    for line in block.splitlines():
        program, *tokens = shlex.split(line)
        assert program == "hf-textclf" and main(tokens) == 0
    again = tmp_path / "single" / "my_model"
    found, expected = (results_of(folder)["metrics"] for folder in (again, trained_models / "single"))
    assert found.pop("per_label") and expected.pop("per_label")
    assert found == pytest.approx(expected, rel=1e-5)
    # evaluated by now: its card can say more
    assert main(["card", str(again)]) == 0
    judged = results_of(again / "evaluation_test")
    text = text_of(again)
    assert f"| {judged['metrics']['macro_f1']:.4f} |" in section(text, "results")
    assert "Of 70 texts of test" in section(text, "pipeline") and "100.0 %" in section(text, "pipeline")
    _, results = model_index_to_eval_results(ModelCard.load(again / "README.md").data.to_dict()["model-index"])
    assert {result.dataset_split for result in results} == {"validation", "test"}


def test_author_and_files_fill_the_card(trained_models, tmp_path):
    folder = copy_of(trained_models / "single", tmp_path)
    prose = tmp_path / "about.md"
    prose.write_text("For reviews of hotels, **not** of people.\n", encoding="utf-8")
    flags = ["--repo", "you/opinions", "--license", "apache-2.0", "--language", "zh", "--prose", str(prose)]
    flags += ["--dataset_id", "you/opinions-data", "--dataset_revision", "5503434ddd753f426f4b38109466949a1217c2bb"]
    flags += ["--base_model", "you/forwards", "you/backwards"]
    assert main(["card", str(folder), *flags]) == 0
    for again in range(2):
        data, text = ModelCard.load(folder / "README.md").data, text_of(folder)
        assert (data.license, data.language, data.datasets) == ("apache-2.0", "zh", ["you/opinions-data"])
        assert data.base_model == ["you/forwards", "you/backwards"]
        name, results = model_index_to_eval_results(data.to_dict()["model-index"])
        assert name == "you/opinions"
        assert {(one.dataset_type, one.dataset_revision) for one in results} == {
            ("you/opinions-data", "5503434ddd753f426f4b38109466949a1217c2bb")
        }
        assert 'hf_textclf.Classifier("you/opinions")' in section(text, "use")
        assert "**not** of people" in section(text, "prose")
        if not again:
            # said once, it stays
            assert main(["card", str(folder)]) == 0
            assert text_of(folder) == text


def test_a_stranger_is_told_what_the_model_is(trained_models, tmp_path):
    folder = copy_of(trained_models / "single", tmp_path)
    results = results_of(folder)
    (folder / "eval_results.json").write_text(json.dumps(results | {"co2_kg": 0.0025}))
    flags = ["--repo", "you/opinions", "--dataset_id", "you/data", "--base_model", "you/base"]
    flags += ["--license", "other", "--license_name", "mine", "--license_link", "LICENSE"]
    assert main(["card", str(folder), *flags]) == 0
    text, data = text_of(folder), ModelCard.load(folder / "README.md").data
    with (SAMPLES / "opinions_zh" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["sentiment"], row["text"]) for row in csv.DictReader(file)}
    shown = [tuple(row.strip("| ").split(" | ")) for row in section(text, "summary").splitlines() if row[:1] == "|"][
        2:
    ]
    assert [label for label, _ in shown] == ["negative", "neutral", "positive"] and set(shown) <= rows
    assert {(one["example_title"], one["text"]) for one in data.widget} == set(shown)
    assert "`pip install hf-textclf`" in section(text, "use") and "transformers>=5." in section(text, "use")
    assert "[you/base](https://huggingface.co/you/base)" in section(text, "summary")
    training = section(text, "training")
    assert "[you/data](https://huggingface.co/datasets/you/data)" in training
    assert "- rows: train 208" in training and "- tokens (train): median" in training
    assert data.co2_eq_emissions == {"emissions": 2.5, "source": "codecarbon"}
    assert (data.license_name, data.license_link) == ("mine", "LICENSE")
    assert "@misc{opinions,\n  title = {you/opinions: " in section(text, "reproduce")
    # texts of the author's own go in the place of ours, and stay
    for flags in (["--examples", "很好吃", "太远"], []):
        assert main(["card", str(folder), *flags]) == 0
        assert ModelCard.load(folder / "README.md").data.widget == [{"text": "很好吃"}, {"text": "太远"}]


def test_texts_of_data_that_are_not_public_stay_private(tiny_yaml, tmp_path):
    data = shutil.copytree(SAMPLES / "opinions_zh", tmp_path / "mine")
    keys = ["--config", tiny_yaml, "--dataset", str(data), "--label_column", "sentiment", "--max_steps", "1"]
    assert main(["train", *keys, "--output_dir", str(tmp_path / "model")]) == 0
    assert "examples" not in results_of(tmp_path / "model")
    assert ModelCard.load(tmp_path / "model" / "README.md").data.get("widget") is None
    assert "| negative |\n" in section(text_of(tmp_path / "model"), "summary")


def test_what_is_public(hub, api, tmp_path, monkeypatch):
    """What the Hub shows without a token."""
    monkeypatch.chdir(tmp_path)
    for name, private in (("open", False), ("closed", True)):
        api.create_repo(f"you/{name}", repo_type="dataset", private=private)
    assert is_public("you/open") and is_public("samples/news_en")
    (tmp_path / "samples" / "news_en").mkdir(parents=True)
    for name in ("you/closed", "you/none", "data.csv", "samples/news_en"):
        assert not is_public(name), name


def test_many_labels(trained_models, tmp_path):
    """A card that people can read, whatever the number of classes; the files have all of them."""
    folder = copy_of(trained_models / "single", tmp_path)
    names = [f"class {number}" for number in range(50_000)]
    config, results = json.loads((folder / "config.json").read_text()), results_of(folder)
    config |= {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    rates = {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    results["metrics"]["per_label"] = {name: rates | {"support": number} for number, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps(config))
    results |= {"examples": {}, "model_digest": model_digest(folder)}
    (folder / "eval_results.json").write_text(json.dumps(results))
    with (folder / "run_config.yaml").open("a") as file:
        file.write("label_names: [" + ", ".join(names) + "]\n")
    assert main(["card", str(folder)]) == 0
    text = text_of(folder)
    assert len(text) < 30_000 and text.count("class ") < 200
    assert "the first 50 of 50,000 labels; `id2label` in `config.json` has all" in section(text, "summary")
    assert "the 50 most frequent; `eval_results.json` has all" in section(text, "results")
    assert "| class 49999 | 0.5000 |" in text and "| class 49949 | 0.5000 |" not in text
    assert "49,950 more, in run_config.yaml" in section(text, "training")


def test_what_people_wrote_stays(trained_models, tmp_path):
    folder = copy_of(trained_models / "single", tmp_path)
    text = text_of(folder)
    costs = re.search(r"<!-- hf-textclf:costs -->.*?<!-- /hf-textclf:costs -->", text, re.DOTALL)[0]
    text = text.replace(costs, "Nobody cares for costs.")
    text = text.replace("The author has not said", "We know")
    text = text.replace("## Results", "## Results!").replace("library_name", "thumbnail: cat.png\nlibrary_name")
    text = text.replace("- hf-textclf\n", "- hf-textclf\n- hotels\n", 1) + "\n## Thanks\n\nTo all.\n"
    (folder / "README.md").write_text(text, encoding="utf-8")
    assert main(["card", str(folder), "--license", "mit"]) == 0
    new, data = text_of(folder), ModelCard.load(folder / "README.md").data
    assert (data.thumbnail, data.license) == ("cat.png", "mit") and "hotels" in data.tags
    assert new.endswith("\n## Thanks\n\nTo all.\n") and "Nobody cares for costs." in new
    assert "hf-textclf:costs" not in new and "We know" in section(new, "prose")
    assert "## Results!\n" in new and "## Results\n" not in new
    # prose that is given comes in, even where its section was taken out
    (folder / "README.md").write_text(
        re.sub(r"<!-- hf-textclf:prose.*?/hf-textclf:prose -->", "", new, flags=re.DOTALL)
    )
    (tmp_path / "about.md").write_text("Ours.", encoding="utf-8")
    assert main(["card", str(folder), "--prose", str(tmp_path / "about.md")]) == 0
    assert section(text_of(folder), "prose").endswith("\nOurs.")


def test_a_tag_that_people_put_after_our_name_stays(trained_models):
    ours = text_of(trained_models / "single")
    theirs = ours.replace("- hf-textclf\n", "- hf-textclf\n- hotels\n", 1)
    tags = ModelCard(merge_cards(theirs, ours)).data.tags
    assert tags == ["text-classification", "hf-textclf", "textclf_lstm", "hotels"]


def test_card_of_somebody_else_is_added_to(trained_models, tmp_path):
    folder = copy_of(trained_models / "single", tmp_path)
    theirs = ModelCardData(
        license="mit", base_model="you/base", model_name="theirs", **{"model-index": [{"name": "theirs", "results": [
            {"task": {"type": "text-classification"}, "dataset": {"type": "a/b", "name": "b"},
             "metrics": [{"type": "accuracy", "value": 0.5, "name": "ours by hand"}]}]}]},
    )  # fmt: skip
    (folder / "README.md").write_text(f"---\n{theirs.to_yaml()}\n---\n# Mine\n\nWords.\n", encoding="utf-8")
    for _ in range(2):
        assert main(["card", str(folder)]) == 0
        card = ModelCard.load(folder / "README.md")
        assert (card.data.license, card.data.base_model) == ("mit", "you/base")
        assert [one.metric_value for one in card.data.eval_results if one.metric_name == "ours by hand"] == [0.5]
        assert len(card.data.eval_results) > 1
        assert card.text.startswith("# Mine\n\nWords.\n") and card.text.count("hf-textclf:use -->") == 2


def test_costs_intervals_and_pictures_are_those_measured(trained_models, tmp_path, caplog):
    folder = copy_of(trained_models / "multi", tmp_path)
    for name in ("results", "costs"):
        assert "not measured" in section(text_of(folder), name)
    assert main(["card", str(folder), "--costs", "true", "--split", "validation"]) == 0
    measured, text = json.loads((folder / MEASURED).read_text()), text_of(folder)
    assert measured["metrics"]["macro_f1"] == pytest.approx(results_of(folder)["metrics"]["macro_f1"])
    low, high = measured["intervals"]["macro_f1"]
    assert f"| macro_f1 | {measured['metrics']['macro_f1']:.4f} [{low:.3f}, {high:.3f}] |" in text
    costs = section(text, "costs")
    assert f"| {measured['latency_ms']['p50']:.2f} |" in costs and f"| {measured['texts_per_second']:,.0f} |" in costs
    assert measured["hardware"] in costs and "not measured" not in costs
    pictures = re.findall(r"!\[.+\]\((.+)\)", section(text, "results"))
    assert pictures == ["validation_confusion.png", "validation_reliability.png", "validation_curves.png"]
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    assert not list(folder.glob(".measuring*"))
    # these were the costs and intervals of other weights
    assert main(["calibrate", str(folder)]) == 0
    assert "measured.json is of other weights or another config.json" in caplog.text
    assert "not measured" in section(text_of(folder), "costs") and "validation_confusion" not in text_of(folder)


def test_evaluations_of_other_weights_stay_out(trained_models, tmp_path, caplog):
    folder = copy_of(trained_models / "single", tmp_path)
    assert main(["evaluate", str(folder)]) == 0 and main(["card", str(folder)]) == 0
    assert "test, 70 texts" in text_of(folder)
    assert main(["calibrate", str(folder)]) == 0
    assert "evaluation_test is of other weights or another config.json" in caplog.text
    assert "test, 70 texts" not in text_of(folder) and "split: test" not in text_of(folder)


def test_figures_of_the_run_stay_out_once_the_weights_are_others(trained_models, tmp_path, caplog):
    folder = copy_of(trained_models / "single", tmp_path)
    assert main(["calibrate", str(folder)]) == 0 and main(["card", str(folder)]) == 0
    assert "validation, 43 texts" in text_of(folder) and "reliability.png" in text_of(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder)
    assert main(["card", str(folder)]) == 0
    assert "eval_results.json is of other weights or another config.json" in caplog.text
    assert "Not measured." in section(text_of(folder), "results") and "reliability.png" not in text_of(folder)
    # of a folder of before, whose results do not say of what weights they are, they are believed
    results = results_of(folder)
    del results["model_digest"]
    (folder / "eval_results.json").write_text(json.dumps(results))
    assert main(["card", str(folder)]) == 0 and "validation, 43 texts" in text_of(folder)


def test_texts_that_were_learnt_from_are_counted(trained_models, tmp_path):
    folder, data = copy_of(trained_models / "single", tmp_path), tmp_path / "mixed.csv"
    rows = [row for split in ("test", "train") for row in read_rows(SAMPLES / "opinions_zh" / f"{split}.csv")]
    write_rows(data, rows[:73])
    assert main(["evaluate", str(folder), "--dataset", str(data)]) == 0 and main(["card", str(folder)]) == 0
    line = "Of these texts of mixed.csv, test, 3 also stand in the training data."
    assert line in section(text_of(folder), "results")


def test_figures_of_other_data_say_so(trained_models, tmp_path):
    folder = copy_of(trained_models / "single", tmp_path)
    other = tmp_path / "elsewhere.csv"
    shutil.copy(SAMPLES / "opinions_zh" / "test.csv", other)
    assert main(["evaluate", str(folder), "--dataset", str(other)]) == 0 and main(["card", str(folder)]) == 0
    head = section(text_of(folder), "results").splitlines()[2:5]
    assert head[0].startswith("On samples/opinions_zh, ") and "elsewhere.csv, test" in head[2]
    assert "On test: not measured" in text_of(folder)
    results = ModelCard.load(folder / "README.md").data.eval_results
    assert {(one.dataset_type, one.dataset_split) for one in results} == {
        ("opinions_zh", "validation"), ("elsewhere.csv", "test"),
    }  # fmt: skip


def test_nothing_of_the_machine_or_of_a_token(tiny_yaml, tmp_path, refused_command):
    data = shutil.copytree(SAMPLES / "opinions_zh", tmp_path / "my_opinions")
    folder = tmp_path / "secret place" / "model"
    flags = ["--config", tiny_yaml, "--dataset", str(data), "--label_column", "sentiment", "--max_steps", "1"]
    assert main(["train", *flags, "--output_dir", str(folder)]) == 0
    assert main(["evaluate", str(folder)]) == 0 and main(["card", str(folder), "--costs", "true"]) == 0
    for name in ("README.md", MEASURED, "evaluation_test/eval_results.json"):
        text = (folder / name).read_text(encoding="utf-8")
        assert "my_opinions" in text and str(tmp_path) not in text and "secret place" not in text
    before = text_of(folder)
    (tmp_path / "about.md").write_text("Log in with hf_" + "aB3" * 11, encoding="utf-8")
    refusal = refused_command("card", folder, "--prose", tmp_path / "about.md", words=["access token", "revoke"])
    assert "aB3" not in refusal and text_of(folder) == before


def test_language_model(language_model, tmp_path):
    card, text = ModelCard.load(language_model / "README.md"), text_of(language_model)
    (result,) = card.data.eval_results
    assert (card.data.pipeline_tag, result.task_type, result.metric_type) == (*["text-generation"] * 2, "perplexity")
    metrics = results_of(language_model)["metrics"]
    assert result.metric_value == metrics["perplexity"] and f"| perplexity | {metrics['perplexity']:.4f} |" in text
    assert "![loss over the epochs](learning_curve.png)" in text and (language_model / "learning_curve.png").is_file()
    (tmp_path / "lm").symlink_to(language_model)
    (snippet,) = blocks(section(text, "use"), "python")
    # it samples: from the same random numbers each time
    assert run_python(WITHOUT_US + "import torch\ntorch.manual_seed(0)\n" + snippet, tmp_path).strip()
    folder = copy_of(language_model, tmp_path / "copied")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"reads_backwards": True}))
    assert main(["card", str(folder)]) == 0
    assert "reads backwards" in text_of(folder) and not blocks(text_of(folder), "python")


def test_learning_curve_is_what_the_trainer_logged(trained_models, language_model, tmp_path):
    """Drawn of two points or more."""
    history = json.loads((language_model / "trainer_state.json").read_text())
    epochs, losses = curve_of(history["log_history"], "eval_loss")
    assert epochs == [1.0, 2.0]
    assert losses[-1] == pytest.approx(results_of(language_model)["metrics"]["loss"], rel=1e-5)
    # evaluated again at its end, with the best weights
    log = [{"epoch": 1.0, "eval_loss": 3.0}, {"epoch": 2.0, "eval_loss": 4.0}, {"epoch": 2.0, "eval_loss": 3.0}]
    assert curve_of(log, "eval_loss") == ([1.0, 2.0], [3.0, 4.0])
    # a run that was too short to log anything
    folder = copy_of(trained_models / "single", tmp_path)
    (folder / "learning_curve.png").unlink(missing_ok=True)
    (folder / "trainer_state.json").write_text(json.dumps(history | {"log_history": history["log_history"][:1]}))
    assert main(["card", str(folder)]) == 0
    assert not (folder / "learning_curve.png").exists() and "learning_curve" not in text_of(folder)


def test_names_of_the_hub(trained_models, tmp_path, monkeypatch):
    """What was a Hub id when the card was first written is one; what was a folder is none."""
    monkeypatch.chdir(tmp_path)
    folder = copy_of(trained_models / "single", tmp_path)
    recorded = folder / "run_config.yaml"
    recorded.write_text(
        "dataset: you/reviews\ndataset_config: en\nmodel_name_or_path: you/bert\ninit_from: [runs/lm]\n"
    )
    config = json.loads((folder / "config.json").read_text())
    # a stock model brings no code
    del config["auto_map"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "eval_results.json").write_text(json.dumps(results_of(folder) | {"model_digest": model_digest(folder)}))
    (folder / "README.md").unlink()
    (tmp_path / "runs" / "lm").mkdir(parents=True)
    assert main(["card", str(folder)]) == 0
    shutil.rmtree(tmp_path / "runs")
    (tmp_path / "you" / "bert").mkdir(parents=True)
    for _ in range(2):
        data = ModelCard.load(folder / "README.md").data
        assert (data.base_model, data.datasets) == ("you/bert", ["you/reviews"])
        assert {(one.dataset_type, one.dataset_config) for one in data.eval_results} == {("you/reviews", "en")}
        assert "trust_remote_code" not in text_of(folder)
        assert main(["card", str(folder)]) == 0


def test_labels_that_markdown_would_read():
    assert cell("a|b <!-- c -->\nd & e") == "a\\|b &lt;!-- c --> d &amp; e"


def test_undefined_is_not_unmeasured(trained_models, tmp_path):
    folder = copy_of(trained_models / "single", tmp_path)
    results = results_of(folder)
    results["metrics"]["roc_auc"] = None
    (folder / "eval_results.json").write_text(json.dumps(results))
    assert ["roc_auc", "undefined"] in results_table(Facts(folder, name="x"))
    (folder / "eval_results.json").unlink()
    (folder / "run_config.yaml").unlink()
    assert main(["card", str(folder)]) == 0
    text = text_of(folder)
    assert "Not measured." in section(text, "results") and "not recorded" in section(text, "training")
    assert "model-index" not in text


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["card", "nowhere"], ["nowhere", "config.json"]),
        (["card", "single", "--license", "Apache 2.0"], ["license 'Apache 2.0'", "apache-2.0"]),
        (["card", "single", "--language", "English"], ["language 'English'", "en"]),
        (["card", "single", "--repo", "opinions"], ["repo 'opinions'", "OWNER/NAME"]),
        (["card", "single", "--dataset_id", "a b/c"], ["dataset_id 'a b/c'"]),
        (["card", "single", "--base_model", "you/bert", "bert"], ["base_model 'bert'", "OWNER/NAME"]),
        (["card", "single", "--prose", "nowhere.md"], ["prose 'nowhere.md'"]),
        (["card", "single", "--prose", "marks.md"], ["marks.md", "marks"]),
        (["card", "single", "--split", "test"], ["split 'test'", "--costs true"]),
        (["card", "nowhere", "--costs", "true", "--dataset", "samples/opinions_zh"], ["nowhere"]),
        (["card", "broken"], ["README.md", "metadata"]),
    ],
)
def test_refused(trained_models, refused_command, tmp_path, monkeypatch, tokens, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "marks.md").write_text("<!-- hf-textclf:use -->", encoding="utf-8")
    shutil.copytree(trained_models / "single", tmp_path / "single")
    broken = shutil.copytree(trained_models / "single", tmp_path / "broken") / "README.md"
    broken.write_text("---\nlicense: [mit\n---\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    refused_command(*tokens, words=words)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_energy_is_what_codecarbon_estimates(trained_models, tmp_path):
    assert "Energy: not measured." in section(text_of(trained_models / "single"), "training")
    folder = tmp_path / "run"
    sizes = ["--vocab_size", "300", "--embedding_size", "11", "--hidden_size", "7", "--max_steps", "3"]
    keys = ["--dataset", "samples/news_en", *sizes, "--report_to", "codecarbon", "--output_dir", str(folder)]
    assert main(["train", *keys]) == 0
    with (folder / "emissions.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    kwh = float(row["energy_consumed"])
    assert kwh > 0 and f"Energy: {kwh:.3g} kWh, as codecarbon" in section(text_of(folder), "training")


def test_language_model_has_no_costs(language_model, refused_command):
    refused_command(
        "card",
        language_model,
        "--costs",
        "true",
        "--dataset",
        "samples/news_en",
        words=["expected a trained classifier"],
    )


@pytest.mark.parametrize(
    ("name", "told", "hub"),
    [
        ("you/bert", "you/bert", "you/bert"),
        ("samples/news_en", "samples/news_en", None),
        ("there/bert", "bert", None),
        ("../runs/bert/", "bert", None),
        ("C:\\Users\\me\\reviews.csv", "reviews.csv", None),
        ("reviews.csv", "reviews.csv", None),
        ("/", "/", None),
    ],
)
def test_public_names(tmp_path, monkeypatch, name, told, hub):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there" / "bert").mkdir(parents=True)
    assert (public_name(name), hub_id(name)) == (told, hub)
