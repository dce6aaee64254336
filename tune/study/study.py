"""A finished (or interrupted) study: what was found, and everything that can be made of it."""

from __future__ import annotations

import html
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune.completion import Message
from tune.errors import StoreError, StudyError
from tune.export import (
    Deployment,
    Export,
    llm_config,
    make_export,
    oai_config_list,
)
from tune.report import (
    Report,
    best_json,
    comparison_csv,
    comparison_tex,
    frontier_rows,
    markdown,
    pages_html,
    result_json,
    summary_html,
    summary_lines,
    trial_rows,
    trials_csv,
)
from tune.report.answers import (
    CSV,
    JSONL,
    AnswerRow,
    answer_records,
    answers_csv,
    answers_jsonl,
    read_answers,
)
from tune.report.error_analysis import confusion_rows, doubtful_label_rows, slice_rows
from tune.report.serialize import dump, load
from tune.safety.decoration import Decorations
from tune.safety.redact import scrub, scrubbed_json
from tune.space import Config
from tune.stats.intervals import Interval
from tune.store.files import write_private
from tune.store.journal import read_events
from tune.task.callables import reraise_as

if TYPE_CHECKING:
    import pandas as pd

MORE_PAGES = "report-answers-*.html"
"""The files of further pages of answers."""


@dataclass(frozen=True, slots=True)
class Best:
    """The selected configuration.

    Attributes:
        config: its values.
        quality: on holdout examples if it met them, else on tuning examples (which flatters).
        cost: dollars per request, at list price.
        seconds: per request, if every price is 0 and seconds take the place of dollars; else None.
        prompt: the template for people, with `{field}` where an example's inputs go.
        messages: the chat messages, few-shot examples included; empty for a raw prompt.
    """

    config: Config
    quality: Interval | None
    cost: Interval | None
    seconds: Interval | None
    prompt: str
    messages: tuple[Message, ...]
    _system: str | None = field(repr=False)
    _carried: Deployment | None = field(repr=False)
    _note: str = field(repr=False)
    _over: str = field(default="", repr=False)
    _record: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def system_message(self) -> str | None:
        """Return the system message for an agent; None if the prompt has none."""
        return self._system

    def llm_config(self) -> dict[str, Any]:
        """Return the `llm_config` of an AutoGen or AG2 agent: the best config with one answer.

        Agents read one answer, so this is the best config with n = 1, with its own settings. `note`
        tells what the full winner would add; `export("autogen")` exports it. Agents read
        `OPENAI_API_KEY` by themselves; the key of any other variable is in the dictionary, so keep
        it in memory.

        Raises:
            InputError: the variable of the key is not set.
            StudyError: no config with one answer was evaluated, or none keeps the given limits.
        """
        if self._over:
            raise StudyError(
                f"no configuration keeps {self._over}, so none is exported as if it did"
            )
        if self._carried is None:
            why = (
                self._note
                or "no config with one answer was evaluated, and agents of AutoGen read no more "
                "than one"
            )
            raise StudyError(why)
        return llm_config(self._carried, environ=os.environ)

    def export(self, name: str) -> Export:
        """Return the winner for an agent framework, as files that need nothing of ours.

        Args:
            name: "autogen", "ag2", "agentchat", "agent-framework", "openai-agents", "langchain",
                "litellm", "openai" or "promptfoo".

        Returns:
            The export: `text`, `files`, `notes` and `write(folder)`. No key is in it.

        Raises:
            InputError: there is no such export, no configuration keeps the limits, or the framework
                cannot have the configuration.
        """
        return make_export(self._record, name, "the study")

    @property
    def note(self) -> str:
        """The gain of the full winner over `llm_config()`, in one sentence; "" if equal."""
        return self._note


class Study:
    """The result of one study.

    Attributes:
        record: everything that a report shows.
        folder: the folder of its files.
        deployment: the config that agents can use, with its model's address; None if there is none.
        stopped: the reason why it ended: "finished", "gain", "money", "time", "trials", "unread" or
            "interrupted".
    """

    def __init__(
        self,
        record: Report,
        folder: Path,
        *,
        stopped: str,
        deployment: Deployment | None,
        answers: Sequence[AnswerRow] | None = None,
    ) -> None:
        self._answers = answers
        self.record = record
        self.folder = folder
        self.stopped = stopped
        self.deployment = deployment

    @classmethod
    def load(cls, folder: str | Path) -> Study:
        """Return the study in a results folder.

        Raises:
            StudyError: there is none, or it has no result yet.
        """
        # The journal is the study. The other files are made from it.
        return recorded_study(Path(folder), read_events(Path(folder) / "study.jsonl"))

    @property
    def best(self) -> Best:
        """The selected configuration.

        Raises:
            StudyError: nothing was scored.
        """
        winner = self.record.winner
        template = self.record.template
        if winner is None or template is None:
            raise StudyError(
                f"the study in {str(self.folder)!r} scored nothing: {self.record.stopped}"
            )
        over = ""
        # It is None where no limit was given.
        if self.record.keeps_limit is False:
            over = self.record.limit
        return Best(
            config=winner.config,
            quality=winner.quality,
            cost=winner.cost,
            seconds=winner.service,
            prompt=template.text,
            messages=template.messages,
            _system=template.system_message,
            _carried=self.deployment,
            _note=self.record.deployable_note,
            _over=over,
            _record=best_json(self.record),
        )

    def frontier(self) -> pd.DataFrame:
        """Return the configs that no other beats in both quality and cost, the cheapest first.

        The winner is always among them. Configs are compared by their holdout scores if they have
        any, else by their tuning estimates. If every price is 0, `seconds_per_request` takes the
        place of the cost: the seconds of all calls of a request.

        Columns named `quality*` hold estimates on tuning examples, which also selected the configs.
        They are empty if the winner was first measured on the holdout. Columns named `holdout*`
        hold scores on holdout examples: of configs that met the holdout, and of others that read
        the same answers. Costs come from the same examples as the score that is compared. `few`
        marks rows with few tuning examples: that estimate may be luck.
        """
        import pandas as pd

        return pd.DataFrame(frontier_rows(self.record.frontier))

    def trials_dataframe(self) -> pd.DataFrame:
        """Return one row for each trial, with the columns of `trials.csv`."""
        import pandas as pd

        return pd.DataFrame(trial_rows(self.record.trials))

    def answers(self) -> pd.DataFrame:
        """Return the answers of the winner and the baseline: one row for each example and part.

        The columns are those of `answers.csv`; see `tune.report.answers.AnswerRow`.

        Raises:
            StudyError: the folder has no answers.
        """
        import pandas as pd

        return pd.DataFrame(answer_records(self.answer_rows()))

    def answer_rows(self) -> Sequence[AnswerRow]:
        """Return the same as records.

        Raises:
            StudyError: the folder has no answers.
        """
        if self._answers is None:
            place = self.folder / JSONL
            try:
                text = place.read_text(encoding="utf-8")
            except OSError as error:
                raise StudyError(
                    f"the study in {str(self.folder)!r} has no {JSONL} ({error.strerror}): "
                    "`tune report STUDY` makes it from the store"
                ) from None
            self._answers = read_answers(text, str(place))
        return self._answers

    def confusion(self) -> pd.DataFrame:
        """Return the winner's answers, one row for each label of the data, with its recall.

        Raises:
            StudyError: the targets are not labels, or nothing was scored.
        """
        import pandas as pd

        failing = self.record.failing
        confusion = None if failing is None else failing.confusion
        if confusion is None:
            raise StudyError(
                "there is no confusion matrix: targets or answers are not a few labels, or "
                "nothing was scored"
            )
        index = pd.Index(confusion.labels, name="label")
        frame = pd.DataFrame(confusion_rows(confusion), index=index)
        # By label, so that pandas puts each recall into the row of its label.
        recall = {label: confusion.recall(label) for label in confusion.labels}
        return frame.assign(recall=pd.Series(recall))

    def slices(self) -> pd.DataFrame:
        """Return the quality by the values of the columns that were named with `by`."""
        import pandas as pd

        failing = self.record.failing
        slices = () if failing is None else failing.slices
        return pd.DataFrame(slice_rows(slices))

    def doubtful_labels(self) -> pd.DataFrame:
        """Return tuning rows on which all strong configurations agree against the label."""
        import pandas as pd

        failing = self.record.failing
        doubtful = () if failing is None else failing.doubtful_labels
        return pd.DataFrame(doubtful_label_rows(doubtful))

    def report(
        self, folder: str | Path | None = None, *, answers: int | None = None
    ) -> Path:
        """Write the report and all other files of a result; return the path of `report.md`.

        Args:
            folder: where they are written; the study's own folder unless given.
            answers: examples whose answers the page shows; all unless given.

        Raises:
            StoreError: the folder cannot be written, or the disk is full.
        """
        target = self.folder if folder is None else Path(folder)
        # Every file is scrubbed: an error message of a service may quote a key.
        files = {"best.json": scrubbed_json(best_json(self.record), indent=2) + "\n"}
        if self.deployment is not None:
            configs = json.loads(oai_config_list(self.deployment))
            files["OAI_CONFIG_LIST"] = scrubbed_json(configs, indent=2) + "\n"
        for name, text in self._decorations(answers).items():
            files[name] = scrub(text)
        try:
            target.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                write_private(target / name, text)
            # One of an earlier result would be taken for this one's.
            if self.deployment is None:
                (target / "OAI_CONFIG_LIST").unlink(missing_ok=True)
            for page in target.glob(MORE_PAGES):
                if page.name not in files:
                    page.unlink()
        except OSError as error:
            raise StoreError(
                f"the report cannot be written to {str(target)!r}: {error.strerror}"
            ) from None
        return target / "report.md"

    def _decorations(self, most: int | None) -> dict[str, str]:
        """Return the files that show the result, by name.

        One that cannot be made holds the sentences that say so, and the others have them too.
        """
        parts = Decorations(self._note)
        rows = self._shown_answers()
        # Each reads `self.record` when it is made: a fault of one adds a notice for the next.
        makers: dict[str, Callable[[], str]] = {
            "comparison.csv": lambda: comparison_csv(self.record),
            "comparison.tex": lambda: comparison_tex(self.record),
            "trials.csv": lambda: trials_csv(self.record),
            **_answer_makers(rows),
            # Last, because it names the others.
            "report.md": lambda: markdown(self.record),
        }
        found: dict[str, str] = parts.attempt(
            "report.html",
            lambda: pages_html(self.record, parts, rows or (), most),
            {"report.html": ""},
        )
        for name, make in makers.items():
            found[name] = parts.attempt(name, make, "")
        # An older run's file must not stand for this one, so what cannot be shown is a file that
        # says so.
        left_out = "".join(f"{sentence}\n" for sentence in self.record.notices)
        for name, text in found.items():
            # Without any answer the file of answers is empty, and stays one that can be read.
            if not text and name != JSONL:
                found[name] = left_out
        return found

    def _shown_answers(self) -> Sequence[AnswerRow] | None:
        """Return the answers; None if they are not there, which the report says."""
        try:
            return self.answer_rows()
        except StudyError as error:
            self._note(str(error))
            return None

    def _note(self, sentence: str) -> None:
        """Add a notice to the record, once."""
        notices = self.record.notices
        if sentence not in notices:
            self.record = replace(self.record, notices=(*notices, sentence))

    def summary(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        shown = result_json(self.record, results=str(self.folder))
        return shown | {"stopped": self.stopped}

    def __str__(self) -> str:
        width = shutil.get_terminal_size().columns
        where = f"Everything is in {self.folder}: read report.md, or open report.html in a browser."
        return "\n".join([*summary_lines(self.record, width), where])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the summary as HTML, for notebooks."""
        return (
            f"{summary_html(self.record)}<p>Everything is in "
            f"<code>{html.escape(str(self.folder))}</code>.</p>"
        )

    def to_record(self) -> dict[str, Any]:
        """Return the study in JSON's types, for its journal."""
        return {
            "report": dump(self.record),
            "deployment": dump(self.deployment),
        }


def _answer_makers(
    rows: Sequence[AnswerRow] | None,
) -> dict[str, Callable[[], str]]:
    """Return what makes the files of single answers; nothing where there are none."""
    if rows is None:
        return {}
    return {JSONL: lambda: answers_jsonl(rows), CSV: lambda: answers_csv(rows)}


def recorded_study(folder: Path, events: Sequence[Mapping[str, Any]]) -> Study:
    """Return the study that a journal's last result holds.

    Raises:
        StudyError: it has no result yet, or one of another version.
    """
    # A continued study has several results, and the last one is of all its runs.
    results = (event for event in reversed(events) if event["event"] == "result")
    result = next(results, None)
    if result is None:
        raise StudyError(
            f"the study in {str(folder)!r} has no result yet: run its command again, and it resumes"
        )
    # Another version may have other fields.
    words = f"the result in {str(folder)!r} is damaged, or was written by another version of tune"
    with reraise_as(StudyError, words):
        report = load(Report, result["record"]["report"])
        deployment = result["record"]["deployment"]
        if deployment is not None:
            deployment = load(Deployment, deployment)
    # Nothing was spent on showing it.
    money = replace(report.money, spent_now=0.0)
    return Study(
        replace(report, money=money),
        folder,
        stopped=result["stopped"],
        deployment=deployment,
    )


def find_store(folder: Path) -> str:
    """Return the store of a study: in its folder where it was given one, else beside it."""
    own = folder / "draws.db"
    if own.exists():
        return str(own)
    # The folder may be ".", which has no parent by its name.
    return str(Path(os.path.abspath(folder)).parent / "draws.db")
