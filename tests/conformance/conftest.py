"""Keeps the fast loop away from the upstream suites, and makes their markers known."""

# --strict-markers wants every marker declared
UPSTREAM_MARKERS = [
    "accelerate_tests",
    "flash_attn_test",
    "flash_attn_3_test",
    "flash_attn_4_test",
    "is_training_test",
    "order",
    "torch_compile_test",
]


def pytest_configure(config):
    for marker in UPSTREAM_MARKERS:
        config.addinivalue_line("markers", f"{marker}: set by the upstream tests")


def pytest_ignore_collect(collection_path, config):
    """Not even collect these files in a fast run.

    A class needs its mixin when it is defined, so collecting one downloads and imports the upstream tests, also where
    the marker then deselects it.
    """
    if collection_path.name.startswith("test_") and config.option.markexpr == "not slow":
        return True
    return None
