"""The tab "Many texts": a file in, a table of answers out.

An upload stays for other columns and models until it is removed or replaced, a download until there is another;
`visitor_files` deletes both. Nothing of it is logged.
"""

import html
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import i18n
import uploads
import visitor_files
from models import Served
from predictions import JOINT, MAX_CHARACTERS, Predictions, ask
from uploads import MAX_COLUMNS, MAX_MEGABYTES, MAX_ROWS, SUFFIXES, Count, Refused, Table, read_table

from hf_textclf import Classifier

MAX_FILE_SIZE = f"{MAX_MEGABYTES}mb"
# Gradio keeps the components of so many sessions, some 50 kB each; by default of 10,000
SESSIONS = 100
# for `upload`, `file` and `run`: there is no file (any more), or the same as before
EMPTY = [None, None, {"interactive": False, "__type__": "update"}]
KEPT = [gr.skip()] * 3
# a larger file than the server takes is not sent to it; either event comes first to what holds the place of files
CHECK_SIZE = f"""const check = event => {{
    const files = event.dataTransfer?.files ?? event.target.files ?? [];
    if ([...files].every(file => file.size <= {MAX_MEGABYTES * uploads.MEGABYTE})) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.target.files) event.target.value = "";
    trigger("click");
}};
for (const kind of ["change", "drop"]) element.closest("#many").addEventListener(kind, check, true);"""
# the filters work in the browser: no rows are kept here for them
REMEMBER = "(table, old, label, most) => label || most < 1 ? old : table"
FILTER = f"""(rows, label, most) => rows && {{...rows, data: rows.data.filter(
    row => (!label || row[0].split("{JOINT}").includes(label)) && (most >= 1 || row[1] <= most))}}"""
i18n.fill("many_about", suffixes=", ".join(SUFFIXES), rows=MAX_ROWS, megabytes=MAX_MEGABYTES, columns=MAX_COLUMNS)


def build_batch(models: dict[str, Served]) -> None:
    """Put the file, its settings and the results on the tab that is being built."""
    with gr.Row(elem_id="many"):
        with gr.Column(scale=1, min_width=280):
            file = gr.File(label=i18n.label("many_file"), height=120)
            # the choices of an old session may be forgotten here; `classify_file` checks the names itself
            column = gr.Dropdown([], label=i18n.label("many_text_column"), allow_custom_value=True)
            label_column = gr.Dropdown([], label=i18n.label("many_label_column"), allow_custom_value=True)
            model = gr.Radio(list(models), value=next(iter(models)), label=i18n.label("many_model"))
            with gr.Row():
                run = gr.Button(i18n.label("many_run"), variant="primary", interactive=False, min_width=100)
                stop = gr.Button(i18n.label("many_stop"), min_width=100)
        with gr.Column(scale=3, min_width=300):
            status = gr.HTML(i18n.label("many_about"), elem_id="many-status", min_height=60, js_on_load=CHECK_SIZE)
            with gr.Column(visible=False) as results:
                download = gr.DownloadButton(i18n.label("many_download"), size="sm")
                summary = gr.HTML(elem_id="many-summary")
                with gr.Row():
                    label = gr.Dropdown([], label=i18n.label("many_only"), min_width=160, allow_custom_value=True)
                    most = gr.Slider(0, 1, value=1, step=0.01, label=i18n.label("many_most"), min_width=160)
                table = gr.Dataframe(
                    label=i18n.label("many_table"),
                    datatype=["str", "number", "str", "number"],
                    column_widths=["150px", "120px", "460px", "80px"],
                    show_search="search",
                    max_height=420,
                    interactive=False,
                )
    everything = gr.JSON(visible=False)  # all rows of the table, in the browser alone
    upload = gr.State()  # the path of the file that is here

    def classify_file(
        path: str | None,
        column: str,
        label_column: str | None,
        model: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (so Gradio finds it)
    ) -> Iterator[Any]:
        # results and status of another file, column or model
        visitor_files.delete(request, but=path)
        yield [*KEPT, "", gr.Column(visible=False), *[gr.skip()] * 5]
        try:
            table = read_table(path)
            if column not in table.columns or label_column not in ["", None, *table.columns] or model not in models:
                raise Refused("many_unknown")
            start, texts = time.perf_counter(), table.texts(column)
            for answers in ask(models[model], texts):
                progress((answers.done, len(texts)), unit=i18n.say("many_unit", request))
                yield gr.skip()
            if not answers.read:
                raise Refused("many_no_text")
            numbers = {"rows": Count(len(answers.read)), "seconds": time.perf_counter() - start}
            said = i18n.say("many_done", request, model=model, **numbers)
            yield _results(said, answers, table, models[model].classifier, [column, label_column or ""], request)
        except Refused as refused:
            # with another column or model the same file may do
            place = EMPTY if refused.key == "many_gone" else KEPT
            yield [*place, _sentence(i18n.say(refused.key, request, **refused.values)), *[gr.skip()] * 6]

    def too_large(request: gr.Request) -> list[Any]:
        return [_sentence(i18n.say("many_large", request, limit=MAX_MEGABYTES)), gr.Column(visible=False)]

    def stopped(request: gr.Request) -> str:
        return _sentence(i18n.say("many_stopped", request))

    private: dict[str, Any] = {"api_visibility": "private", "show_progress_on": status}
    inputs, kept = [upload, column, label_column, model], [upload, file, run]
    outputs = [*kept, status, results, download, summary, table, label, most]
    running = run.click(classify_file, inputs, outputs, concurrency_id="many", **private)
    outputs = [*kept, status, results, column, label_column]
    file.upload(_show_file, file, outputs, cancels=running, **private)
    status.click(too_large, None, [status, results], **private)
    # no filter: what is there are new results, or the old ones after a file that was refused
    running.then(None, [table, everything, label, most], everything, js=REMEMBER, **private)
    gr.on([label.change, most.change], None, [everything, label, most], table, js=FILTER, **private)
    stop.click(stopped, None, status, cancels=running, **private)
    file.clear(_remove, None, [*kept, results], **private)


def _show_file(path: str, request: gr.Request) -> list[Any]:
    """Say what is in an upload and offer its columns; what came of the one before it is deleted."""
    visitor_files.keep(path, request)
    visitor_files.delete(request, but=path)
    hidden = gr.Column(visible=False)
    try:
        table = read_table(path)
    except Refused as refused:
        visitor_files.delete(request)
        return [*EMPTY, _sentence(i18n.say(refused.key, request, **refused.values)), hidden, *KEPT[:2]]
    text, label = table.guess()
    columns = [(i18n.say("many_none", request), ""), *((name, name) for name in table.columns)]
    said = i18n.say("many_read", request, rows=Count(len(table.rows)), columns=Count(len(table.columns)))
    if table.encoding not in (None, "utf-8"):
        said += " " + i18n.say("many_encoding_used", request, encoding=table.encoding.upper())
    choices = [gr.Dropdown(table.columns, value=text), gr.Dropdown(columns, value=label or "")]
    return [path, gr.skip(), gr.Button(interactive=True), _sentence(said), hidden, *choices]


def _results(
    said: str, answers: Predictions, table: Table, classifier: Classifier, columns: list[str], request: gr.Request
) -> list[Any]:
    """What the page shows at the end."""
    # it loads scikit-learn, for which nobody waits when the page starts
    import batch_report

    column, _ = columns
    number = classifier.problem_type == "regression"
    headers = i18n.say("many_headers_number" if number else "many_headers", request).split("|")
    none, labels = i18n.say("nothing", request), [] if number else classifier.label_names
    if classifier.problem_type == "multi_label_classification":
        labels = [*labels, none]
    left_out = answers.left_out.items()
    notices = [i18n.say(key, request, rows=Count(count), limit=MAX_CHARACTERS) for key, count in left_out]
    target = visitor_files.new_download("answers.csv", request)
    uploads.write_download(target, *batch_report.extended(answers, table, classifier))
    return [
        *KEPT,
        _sentence(" ".join([said, *notices])),
        gr.Column(visible=True),
        str(target),
        batch_report.summary(answers, table, columns, classifier, request),
        batch_report.listed(answers, table.texts(column), classifier, headers, none=none),
        gr.Dropdown([(i18n.say("many_all", request), ""), *labels], value="", visible=bool(labels)),
        gr.Slider(value=1, visible=bool(labels)),
    ]


def _sentence(said: str) -> str:
    """What a file holds stands in a sentence as text."""
    return f"<p>{html.escape(said)}</p>"


def _remove(request: gr.Request) -> list[Any]:
    """Delete the upload and what came of it."""
    visitor_files.delete(request)
    return [*EMPTY, gr.Column(visible=False)]
