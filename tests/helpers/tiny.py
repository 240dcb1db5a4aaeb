"""Tiny models and tokenizers. All sizes differ, so that swapped axes fail."""

import re
from collections import Counter

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedTokenizerFast

from hf_textclf import LSTMConfig
from hf_textclf.models.frozen import FrozenEncoderConfig

TEXTS = [
    "The committee postponed its vote on the new budget.",
    "An awful film, badly acted and far too long!",
    "Rain is expected in the north; the south stays dry.",
    "He scored twice, then left the pitch with an injured knee.",
    "I love this cafe: friendly people, good coffee.",
    "Shares of the chip maker fell after the report.",
]


def tiny_config(**changes):
    return LSTMConfig(**{"vocab_size": 99, "embedding_size": 11, "hidden_size": 7, "num_labels": 3} | changes)


def tiny_bert_config(**changes):
    sizes = {"vocab_size": 99, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3}
    return BertConfig(**sizes | {"intermediate_size": 17, "max_position_embeddings": 13} | changes)


def tiny_frozen_config(encoder=None, **changes):
    encoder = encoder or tiny_bert_config(max_position_embeddings=41)
    return FrozenEncoderConfig(**{"encoder_config": encoder, "head_size": 7, "num_labels": 3} | changes)


def wordpiece_tokenizer(vocab_size=99, *, add_special_tokens=True):
    """A BERT-style fast tokenizer. The names of its outputs are those of our `forward`."""
    # characters, then words: the same vocabulary in each process, which a trained one is not (tokenizers#1794)
    words = Counter(re.findall(r"\w+", " ".join(TEXTS).lower()))
    characters = sorted(set("".join(TEXTS).lower()) - {" "})
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*specials, *characters, *(f"##{each}" for each in characters if each.isalpha())]
    pieces += sorted(words, key=lambda word: (-words[word], word))
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    vocabulary = dict(list(vocabulary.items())[:vocab_size])
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    if add_special_tokens:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
