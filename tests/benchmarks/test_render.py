"""No figure without a result file: RESULTS.md and the README's table say what the files say."""

import pytest

from tests.benchmarks import render
from tests.helpers import ROOT


@pytest.fixture(scope="module")
def results():
    return render.load()


def test_results_page_is_what_the_result_files_say(results):
    assert (ROOT / "tests/benchmarks/RESULTS.md").read_text(encoding="utf-8") == render.results_page(results)


def test_readme_table_is_what_the_result_file_says(results):
    text = render.README.read_text(encoding="utf-8")
    assert render.readme_page(results, text) == text


def test_every_result_names_a_bundled_config_and_its_command(results):
    for result in results.values():
        if "config" in result:
            assert (ROOT / "configs" / f"{result['config']}.yaml").is_file()
            assert result["command"].startswith(
                f"python -m tests.benchmarks.real_run {result['config']} --dataset DIR"
            )
