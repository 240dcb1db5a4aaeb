"""What `import hf_textclf` does: it registers the models with the Auto classes, and nothing else."""

import subprocess
import sys

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

import hf_textclf
from hf_textclf import LSTMForSequenceClassification, LSTMModel
from hf_textclf.models.auto import MODELS
from hf_textclf.models.frozen import FrozenEncoderForSequenceClassification, FrozenEncoderModel
from tests.helpers.tiny import tiny_config, tiny_frozen_config, wordpiece_tokenizer

# each costs seconds to import and none is needed to load a model
HEAVY = ["transformers.trainer", "datasets", "evaluate", "gradio", "sklearn", "matplotlib"]


@pytest.mark.parametrize(
    ("config", "auto", "model"),
    [
        (tiny_config, AutoModel, LSTMModel),
        (tiny_config, AutoModelForSequenceClassification, LSTMForSequenceClassification),
        (tiny_frozen_config, AutoModel, FrozenEncoderModel),
        (tiny_frozen_config, AutoModelForSequenceClassification, FrozenEncoderForSequenceClassification),
    ],
)
def test_auto_classes_resolve(config, auto, model):
    assert type(auto.from_config(config())) is model


@pytest.mark.parametrize(
    ("config", "model_type"),
    [(tiny_config(pooling="mean"), "textclf_lstm"), (tiny_frozen_config(feature_pooling="cls"), "textclf_frozen")],
)
def test_auto_config_resolves(config, model_type, tmp_path):
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is type(config)
    assert loaded.to_diff_dict() == config.to_diff_dict()
    assert type(AutoConfig.for_model(model_type)) is type(config)


def test_registering_again_changes_nothing():
    def resolved():
        # the default encoder is a whole BERT
        with torch.device("meta"):
            return [type(auto.from_config(config())) for config, auto, _ in MODELS]

    before = resolved()
    hf_textclf.register()
    hf_textclf.register()
    assert resolved() == before


def test_the_first_public_names():
    """What users import must not vanish."""
    names = {"LSTMConfig", "LSTMForSequenceClassification", "LSTMModel", "register"}
    assert names <= set(hf_textclf.__all__)
    assert all(hasattr(hf_textclf, name) for name in hf_textclf.__all__)


HEAD = "import sys; FOLDER = sys.argv[1]\n"
SEQUENCE = "from transformers import AutoModelForSequenceClassification as Auto\n"
LOADS = "assert type(Auto.from_pretrained(FOLDER)).__module__.startswith('hf_textclf.')\n"
# without the registration each of these asks whether to trust the code in the folder
ORDERS = {
    "ours, then AutoConfig alone": "import hf_textclf\nfrom transformers import AutoConfig as Auto\n" + LOADS,
    "ours, then a model": "import hf_textclf\n" + SEQUENCE + LOADS,
    "ours, then the body": "import hf_textclf\nfrom transformers import AutoModel as Auto\n" + LOADS,
    "ours, then a language model": "import hf_textclf\nfrom transformers import AutoModelForCausalLM as Auto\n"
    "from transformers import AutoConfig\nAuto.from_config(AutoConfig.for_model('textclf_lstm', vocab_size=9))\n",
    "ours, then pipeline": "import hf_textclf\nfrom transformers import pipeline\n"
    "assert pipeline('text-classification', model=FOLDER)('rain')[0]['label'].startswith('LABEL')\n",
    "ours, then a tokenizer, then a model": "import hf_textclf\nfrom transformers import AutoTokenizer\n"
    "AutoTokenizer.from_pretrained(FOLDER)\n" + SEQUENCE + LOADS,
    "ours, then the Trainer": "import hf_textclf\nfrom transformers import Trainer\n" + SEQUENCE + LOADS,
    "transformers alone, then ours": "import transformers\nimport hf_textclf\n"
    "Auto = transformers.AutoModelForSequenceClassification\n" + LOADS,
    "a model class, then ours": SEQUENCE + "import hf_textclf\n" + LOADS,
    "a BERT, then ours": "from transformers import BertModel\nimport hf_textclf\n" + SEQUENCE + LOADS,
    "a name of ours, then a model": "from hf_textclf import LSTMConfig\n" + SEQUENCE + LOADS,
    "torch, ours, a model": "import torch\nimport hf_textclf\n" + SEQUENCE + LOADS,
    "threads": """
import threading
failures, barrier, turn = [], threading.Barrier(4), threading.Lock()
def load():
    try:
        barrier.wait()
        import hf_textclf
        # Transformers itself does not always survive its first import in several threads at once
        with turn:
            from transformers import AutoModelForSequenceClassification as Auto
        assert type(Auto.from_pretrained(FOLDER)).__module__.startswith('hf_textclf.')
    except BaseException as error:
        failures.append(error)
threads = [threading.Thread(target=load) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join(120) for thread in threads]
assert not failures and not any(thread.is_alive() for thread in threads), failures
""",
    "a worker": """
import multiprocessing, pickle
from concurrent.futures import ProcessPoolExecutor
if __name__ == '__main__':
    import hf_textclf
    from transformers import AutoModelForSequenceClassification as Auto
    model = Auto.from_pretrained(FOLDER)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
        assert pool.submit(type, model).result() is type(model)
        assert pool.submit(pickle.dumps, model.config).result()
""",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small saved classifier with its tokenizer and the code that travels with it."""
    folder = tmp_path_factory.mktemp("registered")
    LSTMForSequenceClassification(tiny_config()).save_pretrained(folder)
    wordpiece_tokenizer().save_pretrained(folder)
    return folder


def run(code, folder, tmp_path, *flags):
    script = tmp_path / "script.py"
    script.write_text(HEAD + code)
    return subprocess.run(
        [sys.executable, *flags, str(script), str(folder)], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("order", ["ours, then AutoConfig alone", "a model class, then ours"])
def test_order_of_imports(folder, tmp_path, order):
    done = run(ORDERS[order], folder, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_imports(folder, tmp_path, order):
    done = run(ORDERS[order], folder, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_import_times_are_told(folder, tmp_path):
    done = run(ORDERS["ours, then a model"], folder, tmp_path, "-X", "importtime")
    assert done.returncode == 0 and "hf_textclf.models.lstm" in done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import hf_textclf",
        "from hf_textclf.cli import main; main(['--help'])",
        "from hf_textclf.cli import main; main(['--version'])",
        "from hf_textclf.cli import main; main(['trian'])",
    ],
)
def test_nothing_heavy_is_imported(code):
    code += (
        f"\nimport sys\nprint([name for name in {[*HEAVY, 'torch', 'transformers', 'numpy']} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_loading_a_model_is_light(folder, tmp_path):
    code = f"{ORDERS['ours, then a model']}print([name for name in {HEAVY} if name in sys.modules])"
    done = run(code, folder, tmp_path)
    assert done.returncode == 0 and done.stdout.strip() == "[]", done.stderr
