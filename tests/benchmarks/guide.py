"""The field guide as a table: every method of the textbooks, its configs, its paper, its result, when to use it.

`make results` fills in the results and writes it into configs/README.md.
"""

from pathlib import Path

from tests.benchmarks.field_guide import spread

README = Path(__file__).parents[2] / "configs" / "README.md"
BEGIN, END = "<!-- field guide: written by `make results` -->", "<!-- end of the field guide -->"
# method, configs or flags, source, (run, metric) of RESULTS.md, use it when
METHODS = [
    (
        "LSTM from scratch or from embeddings", "`lstm`, `sst2_lstm`, `ag_news_lstm`, `thucnews_titles_lstm`",
        "Hochreiter & Schmidhuber 1997; DropConnect: Merity et al. 2017; locked dropout: Gal & Ghahramani 2016",
        [("sst2_lstm", "accuracy"), ("thucnews_titles_lstm", "accuracy")],
        "Short texts, some thousand rows, a CPU. The default.",
    ),
    (
        "The textbook's LSTM", "`imdb_textbook_lstm`, `thucnews_titles_textbook_lstm`", "Keras' recipe for imdb",
        [("imdb_textbook_lstm", "accuracy"), ("thucnews_titles_textbook_lstm", "accuracy")],
        "To learn, not to win: embedding, one LSTM, the last state, a softmax.",
    ),
    (
        "Plain RNN", "`imdb_rnn`, `--cell rnn`", "Elman 1990",
        [("rnn_beside_lstm", "rnn"), ("rnn_beside_lstm", "lstm")],
        "To see why there are gates: some points worse at every length of text.",
    ),
    (
        "Self-attention over the states", "`chnsenticorp_hotel_attention_lstm`", "Vaswani et al. 2017",
        [("chnsenticorp_hotel_attention_lstm", "accuracy"), ("chnsenticorp_hotel_lstm", "accuracy")],
        "To compare: the plain BiLSTM (second figure) is better here.",
    ),
    (
        "Language models first", "`imdb_lm`, `imdb_large_lm`, then `imdb_lstm_pretrained`, `lstm_pretrained`",
        "Dai & Le 2015; Merity et al. 2017; ULMFiT: Howard & Ruder 2018",
        [("imdb_lstm_pretrained_long", "accuracy"), ("imdb_lstm_pretrained", "accuracy")],
        "Many texts without labels, few with: 6 points with 250 labelled reviews, none with 16,000.",
    ),
    (
        "Pretrained word vectors", "`--embeddings_from FILE`, `--freeze_embeddings true`",
        "GloVe: Pennington et al. 2014; word2vec: Mikolov et al. 2013",
        [("imdb_lstm_word_vectors", "accuracy"), ("imdb_lstm_word_vectors_frozen", "accuracy")],
        "Few labels: the words' meanings come from elsewhere. Tuned (first figure) is better than frozen.",
    ),
    (
        "BERT, fine-tuned", "`bert`, `sst2_bert`, `imdb_bert`", "Devlin et al. 2019", [("sst2_bert", "accuracy")],
        "Accuracy counts more than cost.",
    ),
    (
        "BERT, partly frozen or slower in its depth",
        "`sst2_bert_partly_frozen`; `--freeze_layers`, `--layerwise_lr_decay`, `--gradual_unfreezing`",
        "Sun et al. 2019, section 5.3.4; Howard & Ruder 2018",
        [("sst2_bert_partly_frozen", "accuracy"), ("sst2_bert_layerwise_lr", "accuracy")],
        "Little memory, few rows. Works for the LSTM too.",
    ),
    (
        "Head over a frozen encoder", "`frozen`, `sst2_frozen`, `imdb_frozen`, `demo_frozen`",
        "Devlin et al. 2019, section 5.3", [("sst2_frozen", "accuracy")],
        "Few labels and many trials: the encoder reads each text once, its features stay on disk.",
    ),
    (
        "Naive Bayes, maximum entropy, NB-SVM",
        "`imdb_naive_bayes`, `imdb_maxent`, `imdb_nb_svm`; `--model_type nb_svm`",
        "Wang & Manning 2012",
        [("imdb_naive_bayes", "accuracy"), ("imdb_maxent", "accuracy"), ("imdb_nb_svm", "accuracy")],
        "First, always: seconds to train, and it says what a network has to earn. Not for the Hub.",
    ),
    (
        "Several labels a text", "`goemotions_lstm`, `jigsaw_toxic_lstm`, `jigsaw_toxic_lstm_pretrained`",
        "–", [("goemotions_lstm", "macro_f1"), ("jigsaw_toxic_lstm", "macro_roc_auc")],
        "A text has none, one or many labels.",
    ),
    (
        "Calibration", "`--calibrate true`, `hf-textclf calibrate`", "Guo et al. 2017; thresholds: Lipton et al. 2014",
        [("goemotions_lstm", "macro_f1 at 0.5"), ("goemotions_lstm", "macro_f1")],
        "You act on the probability, or decide about rare labels: fitted thresholds (second figure) pay.",
    ),
    (
        "One class against the rest", "`--positive_label finance`", "",
        [("thucnews_titles_textbook_finance", "accuracy")],
        "One class matters.",
    ),
    (
        "One network a label", "`--one_vs_rest true`", "",
        [("thucnews_titles_textbook_one_vs_rest", "accuracy"), ("jigsaw_toxic_one_vs_rest", "macro_roc_auc")],
        "Labels have little in common, or come one by one. Costs a network each.",
    ),
    (
        "Head and tail of long texts", "`--truncation head_tail`", "Sun et al. 2019",
        [("imdb_textbook_lstm_head", "accuracy"), ("imdb_textbook_lstm_head_tail", "accuracy")],
        "Reviews say what they mean at their end. First figure: the head alone.",
    ),
    (
        "Long texts in chunks", "`imdb_sentences_lstm`; `--document_strategy windows` or `sentences`",
        "TF-IDF: Salton & Buckley 1988; attention: Yang et al. 2016",
        [("long_documents", "sentences: attention"), ("long_documents", "sentences: uniform")],
        "Texts are longer than the model reads. TF-IDF weights find topics, not opinions.",
    ),
    (
        "Key sentences alone", "`imdb_key_sentences_lstm`", "Salton & Buckley 1988",
        [("long_documents", "key_sentences: 10"), ("long_documents", "the whole text at once")],
        "Hardly ever, for opinions: the key sentences are not where the opinion stands.",
    ),
    (
        "Chinese by characters, pieces or words",
        "`chnsenticorp_hotel_lstm`; `--tokenizer_type`, `--segmenter jieba`", "",
        [("chnsenticorp_hotel_attention_lstm", "accuracy"), ("chnsenticorp_hotel_attention_lstm_jieba", "accuracy")],
        "Characters need no extra package and are as good. Second figure: jieba's words.",
    ),
    ("Search", "`hf-textclf tune`; `search/`", "Akiba et al. 2019", [], "Nights are free and the last point counts."),
]  # fmt: skip


def figure(results, name, metric):
    """One cell's figure: the metric of a run on test, or one way of reading long texts."""
    if name == "long_documents":
        return f"{100 * results[name]['ways'][metric]['test']['accuracy']:.1f} ({metric})"
    if name == "rnn_beside_lstm":
        (run,) = [run for run in results[name]["runs"] if run["cell"] == metric]
        return f"{100 * run['test_accuracy']:.1f} accuracy ({metric}, a part of imdb)"
    if metric.endswith(" at 0.5"):
        figures = [run["test_metrics_at_0.5"][metric.removesuffix(" at 0.5")] for run in results[name]["runs"]]
        return f"{spread(figures)} {metric} ({name})"
    return f"{spread([run['test_metrics'][metric] for run in results[name]['runs']])} {metric} ({name})"


def table(results):
    """The table; results: the result files by name."""
    lines = ["| method | config or flag | source | test, % | use it when |", "|---|---|---|---|---|"]
    for method, configs, source, figures, when in METHODS:
        cell = "; ".join(figure(results, *place) for place in figures) or "not measured"
        lines.append(f"| **{method}** | {configs} | {source or '–'} | {cell} | {when} |")
    return "\n".join(lines)


def write(results):
    """Renew the table in configs/README.md."""
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.split(END)[1]}", encoding="utf-8")
