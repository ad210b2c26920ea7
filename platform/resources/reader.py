"""Texts read by a language model: side by side, within a budget, none lost from the count.

Here: what joins the warehouse, a model and the check of its answers, with no Dagster around it. Not here: which texts
(item_readings), what is asked and what is kept of an answer (domain.reading_prompts, domain.readings).
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from domain.errors import VigieError
from domain.reading_prompts import Prompt, ReadingPrompt
from domain.readings import AnswerError, Text, check, row
from resources.item_readings import ItemReadings, Standing
from resources.language_model import LanguageModel, Reply

PARALLEL = 4
_KEPT_AT_ONCE = 25  # readings: what a killed run can lose of what was paid
_GIVE_UP = 8  # calls in a row that fail: the model is away, and each of them may have waited for its time-out

Outcome = Literal["read", "refused", "no_answer", "given_up", "over_budget"]


@dataclass
class Tally:
    """What became of every text, and what it cost. `refused`, `no_answer` and `given_up` go by the rules."""

    read: int = 0
    refused: int = 0
    no_answer: int = 0
    given_up: int = 0
    over_budget: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dropped: int = 0  # names that do not stand in their text
    why: list[str] = field(default_factory=list)  # the distinct reasons of what was not read

    @property
    def fallback(self) -> int:
        """The texts that were to be read and go by the rules for another reason than the budget."""
        return self.refused + self.no_answer + self.given_up


@dataclass
class _Done:
    outcome: Outcome = "refused"
    row: dict[str, Any] | None = None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dropped: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class CellsRead:
    """What became of the texts of some cells: how they stood, what came of those within the calls, what was left."""

    standing: Standing
    tally: Tally
    beyond_calls: int
    tokens_of_the_day: int

    @property
    def fallback(self) -> int:
        """The texts that go by the rules for another reason than the budget or their length."""
        return self.standing.refused + self.tally.fallback

    @property
    def over_budget(self) -> int:
        return self.tally.over_budget + self.beyond_calls


def read_cells(
    readings: ItemReadings,
    model: LanguageModel,
    prompt: ReadingPrompt,
    *,
    calls: int,
    tokens_per_day: int,
    progress: Callable[[str], None] = lambda _line: None,
) -> CellsRead:
    """Reads what is unread of the cells: at most `calls` calls, and what is left of the tokens of this UTC day."""
    standing, spent, texts = readings.standing(), readings.tokens_of(datetime.now(UTC)), readings.unread(calls)
    progress(f"{standing.unread} of {standing.texts} texts are unread, {len(texts)} of them within the calls of a run")
    reader = Reader(model, prompt, calls=calls, tokens=max(tokens_per_day - spent, 0))
    tally = reader.read(texts, readings.keep, progress)
    spent += tally.input_tokens + tally.output_tokens
    return CellsRead(standing, tally, standing.unread - len(texts), spent)


class Reader:
    """Reads texts by one prompt and one model: at most `calls` calls, and `tokens` tokens of questions and answers."""

    def __init__(self, model: LanguageModel, prompt: ReadingPrompt, *, calls: int, tokens: int) -> None:
        self._model = model
        self._prompt = prompt
        self._purse = _Purse(calls, tokens)
        self._lock = threading.Lock()
        self._failed_in_a_row = 0

    def read(
        self,
        texts: Sequence[Text],
        keep: Callable[[list[dict[str, Any]]], None],
        progress: Callable[[str], None] = lambda _line: None,
    ) -> Tally:
        """Reads in this order until the budget ends; `keep` gets the rows of raw.item_readings, some at a time, in the
        caller's thread.

        An answer that cannot be used is asked for once more, with what was wrong. A model that fails ends nothing.
        """
        tally, waiting = Tally(), list[dict[str, Any]]()
        with ThreadPoolExecutor(PARALLEL) as threads:
            try:
                for count, future in enumerate(as_completed([threads.submit(self._read, text) for text in texts]), 1):
                    done = future.result()
                    _add(tally, done)
                    if done.row:
                        waiting.append(done.row)
                    if len(waiting) >= _KEPT_AT_ONCE or (waiting and count == len(texts)):
                        keep(waiting)
                        waiting = []
                        progress(f"{tally.read} texts read, {len(texts) - count} to go, {tally.calls} calls")
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return tally

    def _read(self, text: Text) -> _Done:
        done, objections, reading = _Done(), tuple[str, ...](), None
        for _try in range(2):
            reply = self._asked(self._prompt.about(text.title, text.content, objections), done)
            if reply is None:
                break
            try:
                reading = check(reply.answer, text, self._prompt.event_types)
            except AnswerError as error:
                objections, done.why = error.objections, str(error)
                continue
            done.outcome, done.dropped, done.why = "read", reading.dropped, ""
            break
        if reading or done.input_tokens or done.output_tokens:  # paid, and not to be paid a second time
            done.outcome = "read" if reading else "refused"
            tokens = done.input_tokens, done.output_tokens
            done.row = row(text, self._prompt, self._model.name, reading, tokens, datetime.now(UTC))
        return done

    def _asked(self, prompt: Prompt, done: _Done) -> Reply | None:
        """The model's reply; None where there is none, and `done` says why."""
        if self._failed_in_a_row >= _GIVE_UP:
            done.outcome = "given_up"
            return None
        if not self._purse.take(prompt.most_tokens):
            done.outcome = "over_budget"
            return None
        reply = None
        try:
            reply = self._model.read(prompt)
        except VigieError as error:
            done.outcome, done.why = "no_answer", str(error)
            return None
        finally:
            self._purse.settle(prompt.most_tokens, reply.input_tokens + reply.output_tokens if reply else 0)
            with self._lock:
                self._failed_in_a_row = 0 if reply else self._failed_in_a_row + 1
            done.calls += 1
        done.input_tokens += reply.input_tokens
        done.output_tokens += reply.output_tokens
        return reply


class _Purse:
    """What may still be spent. What a call costs at most is set aside until it is known what it cost."""

    def __init__(self, calls: int, tokens: int) -> None:
        self._calls = calls
        self._tokens = tokens
        self._under_way = 0
        self._changed = threading.Condition()

    def take(self, most: int) -> bool:
        """Sets one call and `most` tokens aside; waits for calls under way where only they can give some back."""
        with self._changed:
            self._changed.wait_for(lambda: most <= self._tokens or not self._under_way or not self._calls)
            if not self._calls or most > self._tokens:
                return False
            self._calls -= 1
            self._tokens -= most
            self._under_way += 1
            return True

    def settle(self, most: int, spent: int) -> None:
        """The call is over: what it did not spend comes back."""
        with self._changed:
            self._tokens += most - spent
            self._under_way -= 1
            self._changed.notify_all()


def _add(tally: Tally, done: _Done) -> None:
    setattr(tally, done.outcome, getattr(tally, done.outcome) + 1)
    for name in ("calls", "input_tokens", "output_tokens", "dropped"):
        setattr(tally, name, getattr(tally, name) + getattr(done, name))
    if done.why and done.why not in tally.why:
        tally.why.append(done.why)
