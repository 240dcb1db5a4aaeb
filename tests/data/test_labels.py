"""Every kind of label, what it becomes, and which labels are refused."""

import datasets
import pytest

from hf_textclf.data import DataArguments, load_data, load_split, write_rows
from hf_textclf.errors import UserError

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def typed(tmp_path, labels, name="data.jsonl", **arguments):
    """Load labels from a file whose values have types."""
    write_rows(tmp_path / name, [{"text": f"text {n}", "label": label} for n, label in enumerate(labels)])
    return load_data(DataArguments(str(tmp_path / name), **arguments))


def by_text(data):
    """Map each text of train and validation to its label."""
    return {row["text"]: row["labels"] for name in ("train", "validation") for row in data.splits[name]}


def targets(data):
    labels = by_text(data)
    return [labels[f"text {n}"] for n in range(len(labels))]


@pytest.mark.parametrize(
    ("labels", "problem_type", "names", "expected"),
    [
        (["b", "a", " b ", "c"], SINGLE, ["a", "b", "c"], [1, 0, 1, 2]),
        ([10, 9, 10, 2], SINGLE, ["2", "9", "10"], [2, 1, 2, 0]),
        (["007", "010", "007", "012"], SINGLE, ["007", "010", "012"], [0, 1, 0, 2]),
        (["True", "False", "True"], SINGLE, ["False", "True"], [1, 0, 1]),
        (["nan", "inf", "nan"], SINGLE, ["inf", "nan"], [1, 0, 1]),
        ([0.5, 1, "2e0", "-3"], REGRESSION, ["label"], [0.5, 1.0, 2.0, -3.0]),
    ],
)
def test_cells_of_csv(load, labels, problem_type, names, expected):
    data = load(labels)
    assert (data.problem_type, data.label_names, targets(data)) == (problem_type, names, expected)
    assert data.splits["train"].column_names == ["text", "labels"]


@pytest.mark.parametrize("name", ["data.jsonl", "data.parquet"])
@pytest.mark.parametrize(
    ("labels", "problem_type", "names", "expected"),
    [
        ([1, 0, 3, 1], SINGLE, ["0", "1", "3"], [1, 0, 2, 1]),
        ([True, False, True], SINGLE, ["False", "True"], [1, 0, 1]),
        (["1", "0", "1"], SINGLE, ["0", "1"], [1, 0, 1]),
        ([1.0, 0.5, 2.0], REGRESSION, ["label"], [1.0, 0.5, 2.0]),
        ([["b"], [], ["a", "b"]], MULTI, ["a", "b"], [[0, 1], [0, 0], [1, 1]]),
        ([[2], [0], [0, 2]], MULTI, ["0", "2"], [[0, 1], [1, 0], [1, 1]]),
        ([[1.0, 0.0], [0.0, 1.0]], MULTI, ["0", "1"], [[1, 0], [0, 1]]),
        ([[1, 0, 1], [0, 1, 0], [0, 0, 1]], MULTI, ["0", "1", "2"], [[1, 0, 1], [0, 1, 0], [0, 0, 1]]),
    ],
)
def test_values_with_a_type(tmp_path, name, labels, problem_type, names, expected):
    data = typed(tmp_path, labels, name)
    assert (data.problem_type, data.label_names, targets(data)) == (problem_type, names, expected)
    kind = {SINGLE: int, REGRESSION: float, MULTI: list}[problem_type]
    assert type(data.splits["train"][0]["labels"]) is kind


def test_integers_beside_fractions_are_numbers(tmp_path):
    assert typed(tmp_path, [1, 2.5, 3]).problem_type == REGRESSION


def test_class_label_keeps_its_names(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "maybe", "yes"])}
    )
    rows = {"text": ["a", "b", "c"], "label": [2, 0, -1]}
    datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / "data.parquet")
    data = load_data(DataArguments(str(tmp_path / "data.parquet")))
    assert data.label_names == ["no", "maybe", "yes"]
    assert by_text(data) == {"a": 2, "b": 0}
    assert data.unlabelled == {"train": 1}
    renamed = load_data(DataArguments(str(tmp_path / "data.parquet"), label_names=["n", "m", "y"]))
    assert (renamed.label_names, by_text(renamed)) == (["n", "m", "y"], {"a": 2, "b": 0})
    reordered = load_data(DataArguments(str(tmp_path / "data.parquet"), label_names=["yes", "no", "maybe"]))
    assert (reordered.label_names, by_text(reordered)) == (["yes", "no", "maybe"], {"a": 0, "b": 1})


def test_lists_of_class_labels(tmp_path):
    kind = datasets.List(datasets.ClassLabel(names=["x", "y", "z"]))
    features = datasets.Features({"text": datasets.Value("string"), "labels": kind})
    rows = {"text": ["a", "b"], "labels": [[2, 0], [1]]}
    datasets.Dataset.from_dict(rows, features).to_parquet(tmp_path / "data.parquet")
    data = load_data(DataArguments(str(tmp_path / "data.parquet")))
    assert (data.problem_type, data.label_names) == (MULTI, ["x", "y", "z"])
    assert by_text(data) == {"a": [1, 0, 1], "b": [0, 1, 0]}


def test_multi_hot_columns(table):
    rows = [("a", "0", "1"), ("b", "1.0", "1"), ("c", "0", "0"), ("d", "-1", "-1")]
    name = table(rows, header=("comment", "toxic", "rude"))
    data = load_data(DataArguments(name, label_column=["toxic", "rude"]))
    assert (data.problem_type, data.label_names, data.unlabelled) == (MULTI, ["toxic", "rude"], {"train": 1})
    assert by_text(data) == {"a": [0, 1], "b": [1, 1], "c": [0, 0]}
    # a row that lacks its text counts as dropped, whatever its label
    name = table([*rows, ("", "-1", "-1")], header=("comment", "toxic", "rude"))
    data = load_data(DataArguments(name, label_column=["toxic", "rude"], drop_missing=True))
    assert (data.unlabelled, data.dropped) == ({"train": 1}, {"train": 1})


def test_delimited_labels(load):
    data = load(["red | 3D", "", "2020|red", "blue"], label_separator="|")
    assert (data.problem_type, data.label_names) == (MULTI, ["2020", "3D", "blue", "red"])
    assert targets(data) == [[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]]
    named = load(["0,1", "1"], label_separator=",", label_names=["x", "y", "z"])
    assert (named.label_names, targets(named)) == (["x", "y", "z"], [[1, 1, 0], [0, 1, 0]])


def test_label_names_for_ids_and_for_names(load):
    assert load([0, 1, 1], label_names=["neg", "pos"]).label_names == ["neg", "pos"]
    assert targets(load(["pos", "neg", "pos"], label_names=["pos", "neg"])) == [0, 1, 0]
    # names that are numbers are found as such, not taken as positions
    assert targets(load([1, 2, 1], label_names=["1", "2", "3"])) == [0, 1, 0]


def test_problem_type_overrules(load):
    ratings = load([1, 5, 3], problem_type=REGRESSION)
    assert (ratings.problem_type, targets(ratings)) == (REGRESSION, [1.0, 5.0, 3.0])
    assert load([-1, 1, 3], problem_type=REGRESSION).unlabelled == {}
    assert load(["1", "good", "1"], problem_type=SINGLE).label_names == ["1", "good"]
    assert load(["1.0", "2.0"], problem_type=SINGLE).label_names == ["1", "2"]
    assert load(["1.5", "2.0"], problem_type=SINGLE).label_names == ["1.5", "2.0"]
    assert targets(load(["a", "b"], problem_type=MULTI)) == [[1, 0], [0, 1]]


def test_mixed_types_as_names(tmp_path):
    assert typed(tmp_path, [1, "good", True], problem_type=SINGLE).label_names == ["1", "True", "good"]


def test_unlabelled_rows_are_left_out(load):
    data = load([0, 1, -1, 1, -1])
    assert data.unlabelled == {"train": 2}
    assert sorted(by_text(data)) == ["text 0", "text 1", "text 3"]


def test_a_split_without_labels_is_left_out(tmp_path):
    write_rows(tmp_path / "train.csv", [{"text": f"t{n}", "label": n % 2} for n in range(20)])
    write_rows(tmp_path / "test.csv", [{"text": "t", "label": -1}] * 3)
    data = load_data(DataArguments(str(tmp_path)))
    assert (set(data.splits), data.unlabelled) == ({"train", "validation"}, {"test": 3})


def test_positive_label(load):
    data = load(["a", "b", "c", "b"], positive_label="b")
    assert (data.problem_type, data.label_names, targets(data)) == (SINGLE, ["not b", "b"], [0, 1, 0, 1])


def test_positive_label_among_several(load):
    data = load(["a;b", "a", "b", "a;c"], positive_label="b", label_separator=";")
    assert (data.problem_type, data.label_names, targets(data)) == (SINGLE, ["not b", "b"], [1, 0, 1, 0])


@pytest.mark.parametrize(
    ("labels", "arguments", "words"),
    [
        (["a", "a"], {}, ["one class only", "'a'"]),
        ([-1, -1], {}, ["no row left", "2 with label -1"]),
        ([0, -1], {}, ["one class only", "-1"]),
        (["1", "good"], {}, ["'1' and 'good'", "single_label_classification"]),
        (["1", ""], {}, ["1 without label", "row 2", "--drop_missing"]),
        ([0, 1, 2], {"label_names": ["a", "b"]}, ["label 2", "ids 0 to 1", "'a', 'b'"]),
        (["a", "b"], {"label_names": ["a", "c"]}, ["'b'", "'a', 'c'"]),
        ([0, 1], {"label_names": ["a", "a"]}, ["repeat"]),
        ([0.5, 1.5], {"label_names": ["a", "b"]}, ["regression"]),
        (["a", "b"], {"problem_type": REGRESSION}, ["regression", "'a'"]),
        (["a", "b"], {"positive_label": "c"}, ["'c'", "'a', 'b'"]),
        ([0.5, 1.5], {"positive_label": "c"}, ["'c'", "regression"]),
        (["", " "], {"label_separator": ","}, ["1 without label"]),
        (["a,b", ""], {"label_separator": ""}, ["label_separator"]),
        (["", ""], {"label_separator": ","}, ["no label at all"]),
        (["1", "1e999"], {}, ["infinite"]),
    ],
)
def test_refused(load, refused, labels, arguments, words):
    refused(lambda: load(labels, **arguments), *words)


@pytest.mark.parametrize(
    ("labels", "arguments", "words"),
    [
        ([1, "good"], {}, ["1", "'good'", "single_label_classification"]),
        ([True, 3], {}, ["True", "3"]),
        ([["a"], "b"], {}, ["lists and single values"]),
        ([{"a": 1}, {"a": 2}], {}, ["dict"]),
        ([[0.2, 0.8], [0.5, 0.5]], {}, ["lists of numbers"]),
        ([["a"], ["b"]], {"problem_type": SINGLE}, ["lists"]),
        ([["a"], ["b"]], {"problem_type": REGRESSION}, ["regression"]),
        ([["a", None], ["b"]], {}, ["1 without label"]),
        ([3, 4], {"label_separator": ","}, ["3", "--label_separator"]),
    ],
)
def test_typed_labels_refused(tmp_path, refused, labels, arguments, words):
    refused(lambda: typed(tmp_path, labels, **arguments), *words)


def test_multi_hot_cells_refused(table, refused):
    name = table([("a", "0", "2")], header=("text", "x", "y"))
    refused(lambda: load_data(DataArguments(name, label_column=["x", "y"])), "'y'", "row 1", "'2'")


def test_labels_unseen_in_train_are_refused(tmp_path, refused):
    write_rows(tmp_path / "train.csv", [{"text": "t", "label": "ab"[n % 2]} for n in range(20)])
    write_rows(tmp_path / "test.csv", [{"text": "t", "label": label} for label in "acc"])
    refused(lambda: load_data(DataArguments(str(tmp_path))), "'c'", "test", "2 rows")


class TestAgainstAModel:
    """The labels of new data, encoded with the label list of a saved model."""

    def encode(self, table, labels, known, problem_type=SINGLE, **arguments):
        name = table([(f"text {n}", label) for n, label in enumerate(labels)])
        data = load_split(DataArguments(name, **arguments), label_names=known, problem_type=problem_type)
        assert data.label_names == known
        return data.splits["test"]["labels"][:]

    def test_by_name_even_if_one_class_only(self, table):
        assert self.encode(table, ["pos", "pos"], ["neg", "pos"]) == [1, 1]

    def test_by_id(self, table):
        assert self.encode(table, [0, 1, 1, -1], ["neg", "pos"]) == [0, 1, 1]
        assert self.encode(table, [0, 1], ["neg", "pos"], label_names=["pos", "neg"]) == [1, 0]

    def test_numbers_as_names(self, table):
        assert self.encode(table, [1, 3], ["1", "2", "3"]) == [0, 2]

    def test_multi_label_and_regression(self, table):
        assert self.encode(table, ["b", ""], ["a", "b", "c"], MULTI, label_separator="|") == [[0, 1, 0], [0, 0, 0]]
        assert self.encode(table, [1, 2], ["label"], REGRESSION) == [1.0, 2.0]

    def test_positive_label(self, table):
        assert self.encode(table, ["a", "b"], ["not b", "b"], positive_label="b") == [0, 1]

    def test_unknown_labels_are_refused(self, table, refused):
        refused(lambda: self.encode(table, ["a", "z"], ["a", "b"]), "'z'", "the model", "'a', 'b'")
        refused(lambda: self.encode(table, [0, 2], ["a", "b"]), "label 2", "ids 0 to 1")
        refused(lambda: self.encode(table, [0, 1], ["1", "2"]), "'0'", "'1', '2'")
        refused(lambda: self.encode(table, ["a", "b"], ["x", "y"], positive_label="b"), "'b'", "the model")


def test_a_refusal_is_a_user_error():
    with pytest.raises(UserError):
        load_data(DataArguments("nowhere.csv"))
