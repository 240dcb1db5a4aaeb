"""Every source of data, the choice of columns, and the summary."""

import datasets
import numpy as np
import pytest

from hf_textclf.data import DataArguments, load_data, load_split, sources, summarize, write_rows

SINGLE = "single_label_classification"
ROWS = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(20)]
TEST = [{"text": f"test {n}", "label": "ab"[n % 2]} for n in range(4)]
TRAIN = datasets.Dataset.from_list(ROWS)


def sizes(data):
    return {name: len(split) for name, split in data.splits.items()}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_folder(tmp_path, suffix):
    for name, rows in {"train": ROWS, "dev": TEST, "test": TEST}.items():
        write_rows(tmp_path / f"{name}.{suffix}", rows)
    (tmp_path / "README.md").write_text("# data")
    write_rows(tmp_path / f"unsupervised.{suffix}", [{"text": "no label"}])
    data = load_data(DataArguments(str(tmp_path)))
    assert sizes(data) == {"train": 20, "validation": 4, "test": 4}
    assert not data.made_validation
    assert data.splits["train"][1] == {"text": "text 1", "labels": 1}
    assert data.splits["train"].features["text"] == datasets.Value("string")


@pytest.mark.parametrize("saved", [datasets.DatasetDict({"train": TRAIN, "other": TRAIN}), TRAIN.shuffle(seed=1)])
def test_saved_to_disk(tmp_path, saved):
    saved.save_to_disk(tmp_path / "data")
    data = load_data(DataArguments(str(tmp_path / "data")))
    assert sizes(data) == {"train": 18, "validation": 2}
    # a saved shuffle is an index over the rows, which must not part texts from labels
    assert all(row["labels"] == int(row["text"].split()[1]) % 2 for row in data.splits["train"])


def test_samples(tmp_path, monkeypatch, refused):
    monkeypatch.setattr(sources, "SAMPLES", tmp_path)
    (tmp_path / "tiny").mkdir()
    write_rows(tmp_path / "tiny" / "train.csv", ROWS)
    assert sizes(load_data(DataArguments("samples/tiny"))) == {"train": 18, "validation": 2}
    refused(lambda: load_data(DataArguments("samples/none")), "'samples/none'", "samples/tiny")


def test_hub(monkeypatch):
    asked = []

    def load_dataset(*names):
        asked.append(names)
        return datasets.DatasetDict({"train": TRAIN, "unsupervised": TRAIN})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert sizes(load_data(DataArguments("owner/name", dataset_config="simplified"))) == {"train": 18, "validation": 2}
    assert asked == [("owner/name", "simplified")]


@pytest.mark.parametrize(
    "error", [ConnectionError("Couldn't reach"), ValueError("Config name is missing.\nPlease pick one")]
)
def test_hub_that_does_not_answer(monkeypatch, refused, error):
    def load_dataset(*names):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    refused(lambda: load_data(DataArguments("owner/name")), "'owner/name'", "--dataset DIR", str(error).split("\n")[0])


def test_chinese_excel_file(tmp_path):
    (tmp_path / "a.csv").write_text("内容,标签\n房间很好,好评\n很脏,差评\n", encoding="gb18030")
    data = load_data(DataArguments(str(tmp_path / "a.csv"), encoding="gb18030"))
    assert (data.text_column, data.label_column, data.label_names) == ("内容", ["标签"], ["好评", "差评"])


@pytest.mark.parametrize(
    ("header", "arguments", "expected"),
    [
        (("text", "label"), {}, ("text", ["label"])),
        (("Category", "Sentence"), {}, ("Sentence", ["Category"])),
        (("label", "anything"), {}, ("anything", ["label"])),
        (("title", "content", "class"), {}, ("content", ["class"])),
        (("text", "label", "topic"), {"label_column": ["topic"]}, ("text", ["topic"])),
        (("text", "label", "notes"), {"text_column": "notes"}, ("notes", ["label"])),
    ],
)
def test_columns(table, header, arguments, expected):
    name = table([[f"{column} {n}" for column in header] for n in range(4)], header=header)
    data = load_data(DataArguments(name, **arguments))
    assert (data.text_column, data.label_column) == expected


@pytest.mark.parametrize(
    ("header", "arguments", "words"),
    [
        (("text", "label"), {"text_column": "body"}, ["'body'", "'text', 'label'", "--text_column"]),
        (("text", "label"), {"label_column": ["x"]}, ["'x'", "'text', 'label'", "--label_column"]),
        (("text", "other"), {}, ["no label column", "'text', 'other'", "--label_column"]),
        (("one", "two", "label"), {}, ["no text column", "'one', 'two', 'label'", "--text_column"]),
        (("text", "label"), {"text_column": "text", "label_column": ["text"]}, ["'text'"]),
    ],
)
def test_columns_refused(table, refused, header, arguments, words):
    name = table([["a"] * len(header), ["b"] * len(header)], header=header)
    refused(lambda: load_data(DataArguments(name, **arguments)), *words)


def test_missing_rows(table, tmp_path, refused):
    name = table([("one", "a"), ("", "a"), ("three", ""), (" ", " "), ("five", "b"), ("six", "a")])
    refused(
        lambda: load_data(DataArguments(name)), "2 rows without text", "2 without label", "row 2", "--drop_missing"
    )
    data = load_data(DataArguments(name, drop_missing=True))
    assert (sizes(data), data.dropped) == ({"train": 2, "validation": 1}, {"train": 3})
    write_rows(tmp_path / "a.parquet", [{"text": None, "label": 0.5}, {"text": "a", "label": float("nan")}])
    refused(lambda: load_data(DataArguments(str(tmp_path / "a.parquet"))), "1 rows without text and 1 without label")


def test_sources_refused(tmp_path, refused):
    def load(name):
        return lambda: load_data(DataArguments(str(name)))

    refused(load("nowhere"), "'nowhere'", "OWNER/NAME")
    refused(load("owner/name"), "'owner/name'", "OfflineModeIsEnabled", "--dataset DIR")
    refused(load("data/none.csv"), "'data/none.csv'")
    refused(load(tmp_path), "no split", "train")
    write_rows(tmp_path / "reviews.csv", ROWS)
    refused(load(tmp_path), "reviews.csv")
    write_rows(tmp_path / "test.csv", TEST)
    refused(load(tmp_path), "test only", "expected train")
    write_rows(tmp_path / "train.csv", ROWS)
    write_rows(tmp_path / "train.jsonl", ROWS)
    refused(load(tmp_path), "train.csv", "train.jsonl", "remove one")
    (tmp_path / "train.jsonl").unlink()
    write_rows(tmp_path / "test.csv", [{"text": "no label"}])
    refused(load(tmp_path), "test", "no column 'label'", "'text'")
    write_rows(tmp_path / "numbers.jsonl", [{"text": 3, "label": "a"}])
    refused(lambda: load_data(DataArguments(str(tmp_path / "numbers.jsonl"), text_column="text")), "'text' holds int")
    (tmp_path / "numbers.parquet").write_bytes(b"PAR1 and no more")
    refused(load(tmp_path / "numbers.parquet"), "numbers.parquet", "parquet")
    (tmp_path / "state.json").write_text("{")
    refused(load(tmp_path), "damaged", "save it again")


class TestLoadSplit:
    """The part of new or old data on which a saved model is judged."""

    def load(self, name, split=None, **arguments):
        return load_split(
            DataArguments(str(name), **arguments), split=split, label_names=["a", "b"], problem_type=SINGLE
        )

    def test_one_file_is_taken_whole(self, table):
        name = table([row.values() for row in ROWS])
        assert sizes(self.load(name)) == {"test": 20}

    def test_validation_is_the_part_that_training_left_out(self, table):
        name = table([row.values() for row in ROWS])
        trained = load_data(DataArguments(name)).splits
        for split in ("train", "validation"):
            assert self.load(name, split).splits[split].to_list() == trained[split].to_list()

    def test_only_the_split_is_read(self, tmp_path, refused):
        write_rows(tmp_path / "dev.csv", TEST)
        (tmp_path / "train.csv").write_text("damaged")
        assert sizes(self.load(tmp_path)) == {"validation": 4}
        refused(lambda: self.load(tmp_path, "test"), "'test'", "train, validation")

    def test_without_labels(self, tmp_path, refused):
        write_rows(tmp_path / "test.csv", [{"text": "a", "label": -1}])
        refused(lambda: self.load(tmp_path), "test has no row left", "1 with label -1")


def test_summary(tmp_path):
    rows = [*ROWS, ROWS[0], {"text": "later", "label": "-1"}, {"text": "", "label": "a"}]
    write_rows(tmp_path / "train.csv", [row | {"label": {"a": 0, "b": 1}.get(row["label"], -1)} for row in rows])
    write_rows(tmp_path / "test.csv", [{"text": "text 3", "label": 1}, {"text": "new", "label": 0}])
    arguments = DataArguments(str(tmp_path), label_names=["no", "yes"], drop_missing=True, split_seed=1)
    data = load_data(arguments)
    lengths = np.array([5] * 15 + [50] * 5)
    lines = summarize(data, token_lengths=lengths, max_length=10)
    text = "\n".join(lines)
    train, validation = len(data.splits["train"]), len(data.splits["validation"])
    assert train + validation == 21
    assert f"train {train} · validation {validation} · test 2 (validation set aside from train)" in text
    assert "left out, unlabelled (label -1): train 1" in text
    assert "left out, without text or label: train 1" in text
    assert "classes (train): 2 · no " in text
    assert "25.0 % of texts truncated to 10" in text
    assert "duplicates (train): 1 rows" in text
    assert "warning: 1 of 2 test texts also stand in train" in text
    assert "'text', label 'label' · single_label_classification" in lines[0]


def test_summary_of_many_classes_labels_and_numbers(load):
    many = "\n".join(summarize(load([f"c{n % 30:02}" for n in range(300)])))
    assert "classes (train): 30 · " in many and "… and 20 more, the rarest with 9" in many
    labels = "\n".join(summarize(load(["a|b", "a", "", "b"] * 10, label_separator="|")))
    assert "labels per row, 9 rows without any" in labels
    assert "target (train): mean 0.5" in "\n".join(summarize(load([0.0, 0.5, 1.0, 0.5] * 5)))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_shards_are_one_split(tmp_path, suffix, refused):
    """As the Hub stores large data."""
    for number in range(2):
        write_rows(tmp_path / f"train-0000{number}-of-00002.{suffix}", ROWS[10 * number :][:10])
    write_rows(tmp_path / f"test-00000-of-00001.{suffix}", TEST)
    data = load_data(DataArguments(str(tmp_path)))
    assert sizes(data) == {"train": 18, "validation": 2, "test": 4}
    assert {*data.splits["train"]["text"], *data.splits["validation"]["text"]} == {row["text"] for row in ROWS}
    write_rows(tmp_path / f"train.{suffix}", ROWS)
    refused(lambda: load_data(DataArguments(str(tmp_path))), "are both train")
    (tmp_path / f"train.{suffix}").unlink()
    write_rows(tmp_path / f"train-00001-of-00002.{suffix}", [{"text": "a", "label": "b", "more": "c"}])
    refused(lambda: load_data(DataArguments(str(tmp_path))), "other columns", "train-00001-of-00002")
    (tmp_path / f"train-00000-of-00002.{suffix}").unlink()
    refused(lambda: load_data(DataArguments(str(tmp_path))), "1 of the 2 files")


def test_text_that_is_none(tmp_path, refused):
    """The column that is called so is named, not looked for."""
    write_rows(tmp_path / "data.jsonl", [{"text": n, "label": "ab"[n % 2]} for n in range(9)])
    refused(lambda: load_data(DataArguments(str(tmp_path / "data.jsonl"))), "text column 'text' holds int")


def test_a_device_is_no_data(refused):
    refused(lambda: load_data(DataArguments("/dev/null")), "'/dev/null'", "neither file nor folder")
