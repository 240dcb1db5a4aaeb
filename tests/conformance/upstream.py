"""Transformers' own common tests, from the source distribution of the installed version.

The wheel lacks them, so pip downloads the source distribution once into `.cache/` at the root of the repository. Its
modules import each other relatively; they are therefore a package under a name of its own, because `tests` is what
our folder is called.
"""

import importlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
import transformers

CACHE = Path(__file__).parents[2] / ".cache"
NAME = f"transformers-{transformers.__version__}"
# transformers' get_tests_dir() climbs until the folder's name ends in "tests"
PACKAGE = "transformers_tests"

# what the distribution leaves out and its modules import or open. Empty base classes bring no tests: exporting and
# generation are tested by us
STUBS = {
    "__init__.py": "",
    "exporters/__init__.py": "",
    "exporters/test_export.py": "class ExportTesterMixin:\n    pass\n",
    "generation/__init__.py": "",
    "generation/test_utils.py": "class GenerationTesterMixin:\n    pass\n",
    "fixtures/sample_text.txt": "A first line.\n\nAnd a second one.\n",
    "utils/__init__.py": "",
    # every field of PreTrainedConfig with a value that is not its default
    "utils/test_configuration_utils.py": """config_common_kwargs = {
    "architectures": ["BertModel"],
    "output_hidden_states": True,
    "return_dict": False,
    "dtype": "float16",
    "chunk_size_feed_forward": 5,
    "is_encoder_decoder": True,
    "id2label": {0: "label"},
    "label2id": {"label": 0},
    "problem_type": "regression",
}
""",
}


def load(module):
    """Import one module of the upstream tests. Without them, skip the file that asks; fail where CI is set."""
    folder = CACHE / NAME
    if not folder.exists():
        try:
            unpack(download(), folder)
        except (subprocess.SubprocessError, OSError) as error:
            reason = f"the source distribution of {NAME} cannot be had: {getattr(error, 'stderr', '') or error}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason, allow_module_level=True)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    # some upstream tests start pytest anew for themselves, where our default options would deselect them
    os.environ["_INSIDE_SUB_PROCESS"] = "1"
    return importlib.import_module(f"{PACKAGE}.{module}")


def download():
    """Let pip fetch the source distribution; returns its path in the cache."""
    archive = CACHE / f"{NAME}.tar.gz"
    if not archive.exists():
        CACHE.mkdir(exist_ok=True)
        # into a folder of its own first, so that two processes at once do not read each other's half files
        with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "transformers"]
            command += [f"transformers=={transformers.__version__}", "--dest", fresh, "--quiet"]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
            os.replace(Path(fresh) / archive.name, archive)
    return archive


def unpack(archive, folder):
    """Unpack the tests of the archive beside our stubs; `folder` appears only when it is whole."""
    with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
        with tarfile.open(archive) as tar:
            members = [member for member in tar if member.name.startswith(f"{NAME}/tests/")]
            tar.extractall(fresh, members, filter="data")
        tests = Path(fresh) / NAME / PACKAGE
        (Path(fresh) / NAME / "tests").rename(tests)
        for name, text in STUBS.items():
            path = tests / name
            path.parent.mkdir(exist_ok=True)
            if not path.exists():
                path.write_text(text)
        try:
            tests.parent.rename(folder)
        except OSError:
            # another process was faster
            if not folder.exists():
                raise
