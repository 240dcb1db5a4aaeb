"""Train word vectors on unlabelled texts with gensim: a text file for `embeddings_from`.

    pip install gensim
    python -m tests.benchmarks.word_vectors --dataset DIR --output imdb_vectors.txt

Skip-grams (Mikolov et al. 2013) over the words that `tokenizer_type: word` sees, from the `unsupervised` split and the
texts of train. One worker, so that a second run gives the same file.
"""

import argparse

import datasets
from gensim.models import Word2Vec
from tokenizers import normalizers, pre_tokenizers

PARTS = ("unsupervised", "train")


class Sentences:
    """The words of each text; gensim reads them once for its vocabulary and once each epoch."""

    def __init__(self, texts):
        normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
        self.words = [[word for word, _ in split(normalizer.normalize_str(text))] for text in texts]

    def __iter__(self):
        return iter(self.words)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    parts = [datasets.load_dataset(options.dataset, data_files=f"*{part}*", split="train") for part in PARTS]
    sentences = Sentences(text for part in parts for text in part["text"])
    model = Word2Vec(
        sentences, vector_size=options.size, epochs=options.epochs, sg=1, window=8, min_count=5, workers=1, seed=1
    )
    model.wv.save_word2vec_format(options.output)
    print(f"{len(model.wv):,} words of {model.corpus_total_words:,} running ones")


if __name__ == "__main__":
    main()
