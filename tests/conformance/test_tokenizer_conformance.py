"""Transformers' common tokenizer tests on the kind of tokenizer that we train and save: a stock fast one."""

import tempfile
import unittest

import pytest
from transformers import PreTrainedTokenizerFast

from tests.conformance import upstream
from tests.helpers.tiny import wordpiece_tokenizer

common = upstream.load("test_tokenization_common")

pytestmark = pytest.mark.slow


class TokenizerConformanceTest(common.TokenizerTesterMixin, unittest.TestCase):
    tokenizer_class = PreTrainedTokenizerFast

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        wordpiece_tokenizer().save_pretrained(folder.name)
        cls.from_pretrained_id = [folder.name]
        super().setUpClass()
