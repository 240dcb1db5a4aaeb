"""Command lines that cannot work, in a table. Whatever is wrong: one line, exit code 2, nothing left behind.

A row of `TABLE` is a command line with a hole and the words that are put there, one a test. `prepare` makes the files
that they name. What is said of each mistake is tested in its own room.
"""

import re
import shlex
import shutil
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_textclf.cli.main import main
from tests.helpers.sample_models import error_line
from tests.helpers.small_runs import write_csv

# words of the table that cannot stand there as they are
NAMES = {"LONG": "a" * 300, "NUL": "a\0b", "HUGE": "9" * 5000, "BEYOND": str(2**63)}
# data that cannot be read, or not as what their name says
BAD_TABLES = (
    "missing.csv LONG.csv NUL.csv folder.csv dangling.csv circle.csv unreadable.csv good.csv/x.csv /dev/null "
    "empty.csv header.csv binary.csv latin.csv utf16.csv zip.csv quote.csv wide.csv twice.csv numbers.csv "
    "nothing.txt good.xyz list.json number.jsonl cut.json deep.json text.parquet empty.parquet cut.parquet "
    "utf8.parquet nobody/nothing samples/nothing .. ''"
)
NO_TEXT_CODECS = "base64 rot13 hex zlib undefined idna punycode no-such-codec '' NUL"
# folders in which there is no model
BAD_MODELS = (
    "missing ./missing LONG NUL '' good.csv good.csv/model dangling empty broken/cut broken/unknown broken/weights"
)
# where nothing can be written
BAD_FOLDERS = "single good.csv good.csv/run LONG NUL /proc/run /sys/run dangling dangling/run circle.csv/run"
BAD_FILES = (
    "good.csv good.csv/x.{} nowhere/x.{} LONG.{} NUL.{} /proc/x.{} /sys/x.{} circle.{}/x.{} dangling.{} x.xyz x ''"
)
NO_COUNTS = "0 -1 1.5 many '' HUGE BEYOND"
TRAIN = "train --config tiny.yaml --max_steps 1 --use_cpu true"
PRETRAIN = "pretrain --max_steps 1 --use_cpu true"
TUNE = "tune --config tuned.yaml --trials 1 --use_cpu true"
LINEAR = "train --model_type maxent"
TABLE = {
    # no command, no key
    "{} --no_such_key 1": "train pretrain tune 'evaluate single' 'predict single good.csv' card push space reference",
    "{}": "train pretrain tune evaluate predict calibrate compare gates explain card push space trian '' -x 1 NUL",
    "evaluate single {}": "one_too_many --dataset --split --output_dir --batch_size",
    "--completion {}": "fish '' NUL",
    # data
    f"{TRAIN} --dataset {{}} --output_dir out": BAD_TABLES + " metadata.parquet blank.csv digits.csv",
    f"{LINEAR} --dataset {{}} --output_dir out": BAD_TABLES,
    f"{PRETRAIN} --dataset {{}} --output_dir out": BAD_TABLES,
    "evaluate single --dataset {}": BAD_TABLES,
    "predict single {} --output out.csv": BAD_TABLES,
    # encodings
    f"{TRAIN} --dataset good.csv --output_dir out --encoding {{}}": NO_TEXT_CODECS,
    "predict single good.csv --output out.csv --encoding {}": NO_TEXT_CODECS + " utf-16 utf-32",
    "predict single utf16.csv --output out.csv --encoding {}": NO_TEXT_CODECS + " utf-16 utf-8 ascii cp1252",
    # what parquet cannot hold
    "predict single {} --output out.parquet": "beyond.jsonl object.jsonl later.jsonl",
    f"{TRAIN} --dataset good.csv --output_dir out --validation_size {{}}": "0 1 -1 nan inf half '' HUGE",
    f"{TRAIN} --dataset good.csv --output_dir out --max_train_samples {{}}": "0 -1 1.5 many '' HUGE",
    f"{TRAIN} --dataset good.csv --output_dir out --split_seed {{}}": "-1 1.5 many '' HUGE",
    f"{TRAIN} --dataset good.csv --output_dir out --label_column {{}}": "nothing '' NUL",
    f"{TRAIN} --dataset good.csv --output_dir out --label_names {{}}": "cold '' NUL 'cold warm'",
    f"{TRAIN} --dataset good.csv --output_dir out --problem_type {{}}": "regression nothing ''",
    f"{TRAIN} --dataset good.csv --output_dir out --positive_label {{}}": "nothing '' NUL",
    f"{TRAIN} --dataset good.csv --output_dir out --label_separator {{}}": "'' NUL",
    f"{TRAIN} --dataset good.csv --output_dir out --max_length {{}}": "0 -1 1.5 '' HUGE",
    # models
    "evaluate {}": BAD_MODELS + " broken/null",
    "predict {} good.csv --output out.csv": BAD_MODELS,
    "calibrate {}": BAD_MODELS + " number",
    "compare {} single --output_dir out": BAD_MODELS,
    "gates {} --text rain --output out.png": BAD_MODELS,
    "explain {} --text rain": BAD_MODELS + " broken/null",
    # a card needs no model that can be loaded
    "card {}": BAD_MODELS.replace(" broken/unknown broken/weights", ""),
    "push {} --repo you/name --dry_run": BAD_MODELS,
    f"{TRAIN} --dataset good.csv --output_dir out --model_name_or_path {{}}": BAD_MODELS,
    # outputs
    f"{TRAIN} --dataset good.csv --output_dir {{}}": BAD_FOLDERS,
    f"{LINEAR} --dataset good.csv --output_dir {{}}": BAD_FOLDERS,
    f"{PRETRAIN} --dataset good.csv --output_dir {{}}": BAD_FOLDERS,
    f"{TUNE} --dataset good.csv --output_dir {{}}": BAD_FOLDERS,
    "evaluate single --output_dir {}": BAD_FOLDERS,
    "compare single --output_dir {}": BAD_FOLDERS,
    "reference --output_dir {}": "good.csv good.csv/run LONG NUL /proc/run /sys/run dangling",
    "predict single good.csv --output {}": BAD_FILES.replace("{}", "csv"),
    "gates single --text rain --output {}": BAD_FILES.replace("{}", "png"),
    "explain single --text rain --output {}": BAD_FILES.replace("{}", "html"),
    # numbers and choices
    "predict single good.csv --output out.csv --batch_size {}": NO_COUNTS,
    "evaluate single --batch_size {}": NO_COUNTS,
    "calibrate single --batch_size {}": NO_COUNTS,
    "compare single --output_dir out --batch_size {}": NO_COUNTS,
    "evaluate single --max_samples {}": NO_COUNTS.replace(" BEYOND", ""),
    "compare single --output_dir out --bootstrap_samples {}": NO_COUNTS.replace(" BEYOND", ""),
    "compare single --output_dir out --latency_texts {}": NO_COUNTS.replace(" BEYOND", ""),
    "gates single --text rain --output out.png --layer {}": NO_COUNTS,
    "predict multi good.csv --output out.csv --thresholds {}": "2 -1 nan inf half '' HUGE",
    "evaluate multi --thresholds {}": "2 -1 nan inf half '' HUGE",
    "predict single good.csv --output out.csv --thresholds {}": "0.5",
    "evaluate single --split {}": "all '' NUL",
    "compare single --output_dir out --split {}": "all '' NUL",
    "calibrate single --split {}": "all '' NUL",
    "explain single --text rain --label {}": "nothing '' NUL",
    "gates single --text {} --output out.png": "'' ' '",
    "predict single good.csv --output out.csv --text_column {}": "nothing '' NUL",
    "predict single good.csv --output - --output_format {}": "parquet txt xls ''",
    "push single --repo {} --dry_run": "name a/b/c '' you/ /name 'you/na me' NUL",
    "push single --repo you/name --dry_run --revision {}": "'' 'a b' NUL",
    "space --models {} --repo you/name --dry_run": "single missing '' a/b/c NUL",
    "card single --prose {}": "missing.md LONG NUL folder.csv binary.csv dangling.csv unreadable.csv",
    # configs
    "train --config {} --dataset good.csv --output_dir out": (
        "missing.yaml LONG NUL folder.csv dangling.csv circle.csv unreadable.csv binary.csv nothing.txt number.yaml "
        "list.yaml cut.yaml deep.yaml huge.yaml date.yaml twice.yaml unknown.yaml keys.yaml ''"
    ),
    f"{TUNE} --dataset good.csv --output_dir out --search_space {{}}": (
        "missing.yaml LONG NUL folder.csv dangling.csv unreadable.csv binary.csv nothing.txt number.yaml list.yaml "
        "cut.yaml deep.yaml huge.yaml date.yaml unknown.yaml"
    ),
}  # fmt: skip


def prepare(place, trained_models, tiny_yaml):
    """Write the files that the table names; a missing one is one of them."""
    for name, kind in {"single": "single", "multi": "multi", "number": "regression"}.items():
        shutil.copytree(trained_models / kind, place / name)
    write_csv(place / "good.csv", {"cold": "cold", "warm": "warm"})
    shutil.copy(tiny_yaml, place / "tiny.yaml")
    for folder in ("folder.csv", "empty", "broken"):
        (place / folder).mkdir()
    for link, target in {
        **dict.fromkeys(("dangling", "dangling.csv", "dangling.png", "dangling.html"), "nowhere"),
        "circle.csv": "circle.csv",
        # root may read whatever has a mode; nobody can read this one from its beginning
        "unreadable.csv": "/proc/self/mem",
    }.items():
        (place / link).symlink_to(target)
    many = "[" * 100_000
    table = "".join(f"rain {n},{'ab'[n % 2]}\n" for n in range(20))
    contents = {
        "empty.csv": b"",
        "nothing.txt": b"",
        "header.csv": b"text,label\n",
        "binary.csv": bytes(range(256)) * 20,
        "latin.csv": f"text,label\ncafé,a\n{table}".encode("latin-1"),
        "utf16.csv": f"text,label\n{table}".encode("utf-16-le"),
        "zip.csv": b"PK\x03\x04" + bytes(60),
        "quote.csv": f'text,label\n{table}"rain,a\n'.encode(),
        "wide.csv": f"text,label\n{table}rain,a,b\n".encode(),
        "twice.csv": b"text,text\nrain,a\n",
        "numbers.csv": f"label,number\n{''.join(f'a,{n}' for n in range(9))}\n".encode(),
        "blank.csv": b"text,label\n" + b" ,a\n" * 9,
        "good.xyz": b"text,label\nrain,a\n",
        "list.json": b"[1, 2, 3]",
        "number.jsonl": b'{"text": "rain", "label": %s}\n' % (b"9" * 5000),
        "digits.csv": f"text,label\nrain,{'9' * 5000}\nsnow,1\nsun,2\n".encode(),
        "beyond.jsonl": b'{"text": "rain", "number": %d}\n' % (2**64),
        "object.jsonl": b'{"text": "rain", "object": {}}\n',
        "later.jsonl": b'{"text": "rain", "number": 1}\n' * 2000 + b'{"text": "rain", "number": "x"}\n',
        "cut.json": b'[{"text": "rain", "lab',
        "deep.json": many.encode(),
        "text.parquet": b"text,label\nrain,a\n",
        "number.yaml": b"12\n",
        "list.yaml": b"- seed\n",
        "cut.yaml": b"seed: [1\n",
        "deep.yaml": f"seed: {many[:1000]}{']' * 1000}\n".encode(),
        "huge.yaml": b"seed: " + b"9" * 5000 + b"\n",
        "date.yaml": b"seed: 2026-13-45\n",
        "twice.yaml": b"seed: 1\nseed: 2\n",
        "unknown.yaml": b"no_such_key: 1\n",
        "keys.yaml": b"? [seed]\n: 1\n",
        "tuned.yaml": (place / "tiny.yaml").read_bytes().replace(b"end: false", b"end: true")
        + b"eval_strategy: epoch\nsave_strategy: epoch\n",
    }
    for name, content in contents.items():
        (place / name).write_bytes(content)
    write_parquets(place)
    for name, config in {
        "null": "null",
        "cut": '{"model_type": "textclf_l',
        "unknown": '{"model_type": "gpt-9"}',
    }.items():
        shutil.copytree(trained_models / "single", place / "broken" / name)
        (place / "broken" / name / "config.json").write_text(config)
    shutil.copytree(trained_models / "single", place / "broken" / "weights")
    (place / "broken" / "weights" / "model.safetensors").write_bytes(b"\0\1\2")


def write_parquets(place):
    """Parquet files that are cut, empty, hold broken text, or what `datasets` cannot have written."""
    text = pa.array(["rain", "snow"] * 9)
    good = pa.table({"text": text, "label": pa.array(["a", "b"] * 9)})
    pq.write_table(good, place / "good.parquet")
    pq.write_table(good.slice(0, 0), place / "empty.parquet")
    (place / "cut.parquet").write_bytes((place / "good.parquet").read_bytes()[:-20])
    # a string of one byte that begins a longer character
    buffers = [None, pa.py_buffer(struct.pack("<3i", 0, 1, 2)), pa.py_buffer(b"\xe6\xe6")]
    broken = pa.StringArray.from_buffers(2, buffers[1], buffers[2])
    pq.write_table(pa.table({"text": broken, "label": ["a", "b"]}), place / "utf8.parquet")
    metadata = {b"huggingface": b'{"info": {"features": {"text": {"dtype": 7, "_type": "Nothing"}}}}'}
    pq.write_table(good.replace_schema_metadata(metadata), place / "metadata.parquet")


def rows():
    """Each command line of the table, once."""
    for line, words in TABLE.items():
        for word in shlex.split(words):
            yield line.replace("{}", shlex.quote(word))


@pytest.fixture(scope="module")
def place(trained_models, tiny_yaml, tmp_path_factory):
    """The folder in which all lines run; none may change it."""
    place = tmp_path_factory.mktemp("place")
    prepare(place, trained_models, tiny_yaml)
    return place


def tree(place):
    """Each path below a folder, with what tells a file from a changed one."""
    found = {}
    for path in place.rglob("*"):
        info = path.lstat()
        # a folder is touched by what comes and goes
        found[path.relative_to(place)] = None if path.is_dir() else (info.st_size, info.st_mtime_ns)
    return found


@pytest.mark.parametrize("line", dict.fromkeys(rows()), ids=str)
def test_one_line_and_nothing_left(place, monkeypatch, capsys, line):
    monkeypatch.chdir(place)
    words = [re.sub("|".join(NAMES), lambda match: NAMES[match[0]], word) for word in shlex.split(line)]
    before = tree(place)
    code = main(words)
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    error_line(err)
    assert tree(place) == before
