"""The real boto3 client against Converse's own wire: replies, errors by kind, patience; and the reader on top of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stamina

from domain.errors import PermanentError, RefusedError, SettingsError, TransientError
from domain.reading_prompts import own_prompt
from domain.readings import Text
from options import LanguageModel
from resources.bedrock import BedrockModel
from resources.language_model import LanguageModelResource
from resources.reader import PARALLEL, Reader, Tally
from tests.contract.converse_server import READING, ConverseServer, converse_server

MODEL = "eu.example.reader-1:0"
PROMPT = own_prompt().about("Orvane signs", "Orvane and Lentavia sign.")
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "hunter2-aws-key",
    "AWS_CONFIG_FILE": "/nowhere",
}
BODY = "A text that is long enough to be read, by anybody at all."


@pytest.fixture(scope="module")
def only_server() -> Iterator[ConverseServer]:
    with converse_server() as server:
        yield server


@pytest.fixture
def server(only_server: ConverseServer, monkeypatch: pytest.MonkeyPatch) -> ConverseServer:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    only_server.forget()
    return only_server


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    """Attempts follow each other at once, as many as the model was given."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture(scope="module")
def model(only_server: ConverseServer) -> BedrockModel:
    """One client for all, as one process has; it has read once, and so knows its credentials."""
    made = BedrockModel(MODEL, region="eu-west-3", endpoint_url=only_server.url, timeout=5, attempts=3)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        made.read(PROMPT)
    return made


def texts(count: int) -> list[Text]:
    return [Text(f"sha256:{number:03}", f"Title {number:03}", f"{BODY} Number {number:03}.") for number in range(count)]


def read(
    model: BedrockModel,
    to_read: list[Text],
    calls: int = 1_000,
    tokens: int = 10_000_000,
    keep: Callable[[list[dict[str, Any]]], None] = lambda _rows: None,
) -> Tally:
    return Reader(model, own_prompt(), calls=calls, tokens=tokens).read(to_read, keep)


class TestOneCall:
    def test_the_answer_is_what_the_tool_was_given(self, model: BedrockModel, server: ConverseServer) -> None:
        reply = model.read(PROMPT)
        assert reply.answer == READING
        assert (reply.input_tokens, reply.output_tokens) == (700, 90)
        assert server.models == [MODEL]

    def test_the_model_has_to_use_the_tool_and_makes_nothing_up(
        self, model: BedrockModel, server: ConverseServer
    ) -> None:
        model.read(PROMPT)
        (request,) = server.requests
        assert request["system"] == [{"text": PROMPT.system}]
        assert request["messages"] == [{"role": "user", "content": [{"text": PROMPT.user}]}]
        assert request["inferenceConfig"] == {"maxTokens": PROMPT.max_tokens, "temperature": 0.0}
        (tool,) = request["toolConfig"]["tools"]
        assert tool["toolSpec"]["inputSchema"]["json"] == PROMPT.schema
        assert request["toolConfig"]["toolChoice"] == {"any": {}}

    def test_an_answer_in_words_is_no_answer(self, model: BedrockModel, server: ConverseServer) -> None:
        said = server.converse({})
        said["output"]["message"]["content"] = [{"text": json.dumps(READING)}]
        server.script.append(json.dumps(said).encode())
        assert model.read(PROMPT).answer is None

    @pytest.mark.parametrize(
        "error",
        [
            *("ThrottlingException", "ModelNotReadyException", "ModelTimeoutException", "ModelErrorException"),
            *("InternalServerException", "ServiceUnavailableException"),
        ],
    )
    def test_what_may_pass_is_asked_again(self, model: BedrockModel, server: ConverseServer, error: str) -> None:
        server.script.extend([error, error])
        assert model.read(PROMPT).answer == READING
        assert len(server.requests) == 3

    def test_what_does_not_pass_is_transient_after_its_attempts(
        self, model: BedrockModel, server: ConverseServer
    ) -> None:
        server.usual = lambda _user: "ThrottlingException"
        with pytest.raises(TransientError, match="429 ThrottlingException"):
            model.read(PROMPT)
        assert len(server.requests) == 3

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            ("AccessDeniedException", "bedrock:InvokeModel"),
            ("ValidationException", r"said ValidationException.*model_id"),
            ("ResourceNotFoundException", "model_id"),
        ],
    )
    def test_what_cannot_pass_is_asked_once_and_says_what_to_do(
        self, model: BedrockModel, server: ConverseServer, error: str, words: str
    ) -> None:
        server.script.append(error)
        with pytest.raises(RefusedError, match=words):
            model.read(PROMPT)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "body",
        [b"<html>a proxy speaks</html>", b"", b"{}", b'{"output": 3}', b'{"output": {"message": null}, "usage": {}}'],
    )
    def test_a_body_that_is_none_of_converse_is_transient(
        self, model: BedrockModel, server: ConverseServer, body: bytes
    ) -> None:
        server.script.extend([body] * 3)
        with pytest.raises(TransientError):
            model.read(PROMPT)
        assert len(server.requests) == 3

    def test_a_slow_model_is_not_waited_for_beyond_the_time_out(self, server: ConverseServer) -> None:
        server.delay = 0.5
        slow = BedrockModel(MODEL, region="eu-west-3", endpoint_url=server.url, timeout=0.1, attempts=1)
        with pytest.raises(TransientError, match="ReadTimeoutError"):
            slow.read(PROMPT)
        while not server.requests:  # it answers nobody, and must not do so in the next test
            time.sleep(0.01)

    @pytest.mark.usefixtures("server")
    def test_nobody_there_is_transient(self) -> None:
        away = BedrockModel(MODEL, region="eu-west-3", endpoint_url="http://127.0.0.1:9", timeout=1, attempts=1)
        with pytest.raises(TransientError, match="no answer"):
            away.read(PROMPT)

    def test_no_credentials_and_no_region_are_said(
        self, server: ConverseServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(SettingsError, match=r"language_model\.region"):
            BedrockModel(MODEL).read(PROMPT)
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        with pytest.raises(RefusedError, match="aws configure"):
            BedrockModel(MODEL, region="eu-west-3", endpoint_url=server.url).read(PROMPT)
        assert server.requests == []

    def test_no_error_says_the_text_or_the_key(self, model: BedrockModel, server: ConverseServer) -> None:
        for error in ("AccessDeniedException", "ValidationException"):
            server.script.append(error)
            with pytest.raises(PermanentError) as raised:
                model.read(PROMPT)
            assert "hunter2" not in str(raised.value)
            assert "Orvane" not in str(raised.value)
            assert raised.value.__suppress_context__


class TestTheChoice:
    def test_without_a_choice_there_is_no_model(self) -> None:
        assert LanguageModelResource.of(LanguageModel()).model() is None

    def test_a_model_without_its_id_is_no_choice(self) -> None:
        with pytest.raises(ValueError, match="model_id"):
            LanguageModel(kind="bedrock")

    def test_the_chosen_model_reads(self, server: ConverseServer) -> None:
        choice = LanguageModel(kind="bedrock", model_id=MODEL, region="eu-west-3", endpoint_url=server.url)
        made = LanguageModelResource.of(choice).model()
        assert made
        assert made.name == MODEL
        assert made.read(PROMPT).answer == READING


class TestManyTexts:
    def test_every_text_is_read_once_a_few_at_a_time(self, model: BedrockModel, server: ConverseServer) -> None:
        server.delay = 0.01
        kept: list[dict[str, Any]] = []
        tally = read(model, texts(30), keep=kept.extend)
        assert (tally.read, tally.fallback, tally.over_budget, tally.calls) == (30, 0, 0, 30)
        assert sorted(row["content_hash"] for row in kept) == [text.content_hash for text in texts(30)]
        assert (tally.input_tokens, tally.output_tokens) == (30 * 700, 30 * 90)
        assert 1 < server.most_at_once <= PARALLEL

    def test_d26_side_by_side_is_as_good_as_one_by_one_and_a_fallback_is_never_counted_as_read(
        self, model: BedrockModel, server: ConverseServer
    ) -> None:
        """V2's parallel path lacked arguments: each item became an empty fallback, and counted as normalised."""

        def by_number(user: str) -> Any:
            number = int(user.partition("Title ")[2][:3])
            return (
                "ValidationException"
                if number % 5 == 0
                else READING | {"event_type": "guess"}
                if number % 5 == 1
                else READING
            )

        server.usual = by_number
        kept: list[dict[str, Any]] = []
        tally = read(model, texts(20), keep=kept.extend)
        assert (tally.read, tally.refused, tally.no_answer) == (12, 4, 4)
        assert (tally.fallback, tally.over_budget) == (8, 0)
        assert sum(bool(row["event_type"]) for row in kept) == tally.read

    def test_an_answer_that_cannot_be_used_is_asked_for_once_more_with_the_reason(
        self, model: BedrockModel, server: ConverseServer
    ) -> None:
        server.script.extend([READING | {"summary": "x" * 401, "event_type": "merger"}, READING])
        tally = read(model, texts(1))
        assert (tally.read, tally.calls, tally.input_tokens) == (1, 2, 1400)
        first, second = server.asked
        assert second.startswith(first)
        assert "summary is too long" in second.removeprefix(first)

    def test_a_second_wrong_answer_is_the_last(self, model: BedrockModel, server: ConverseServer) -> None:
        server.usual = lambda _user: READING | {"event_type": "merger"}
        kept: list[dict[str, Any]] = []
        tally = read(model, texts(1), keep=kept.extend)
        assert (tally.read, tally.refused, tally.calls) == (0, 1, 2)
        assert "event_type is none of partnership" in tally.why[0]
        (row,) = kept
        assert (row["event_type"], row["summary"], row["entities"]) == ("", "", "{}")
        assert (row["input_tokens"], row["output_tokens"]) == (1400, 180)

    def test_a_run_never_calls_more_often_than_it_may(self, model: BedrockModel, server: ConverseServer) -> None:
        tally = read(model, texts(20), calls=7)
        assert len(server.requests) == tally.calls == 7
        assert (tally.read, tally.over_budget) == (7, 13)

    def test_the_tokens_of_a_day_are_never_exceeded(self, model: BedrockModel, server: ConverseServer) -> None:
        most = own_prompt().about(texts(1)[0].title, texts(1)[0].content).most_tokens
        server.tokens = (most - 500, 500)
        tally = read(model, texts(20), tokens=5 * most + most // 2)
        assert (tally.read, tally.over_budget) == (5, 15)
        assert tally.input_tokens + tally.output_tokens == 5 * most

    def test_what_a_call_did_not_spend_serves_the_next(self, model: BedrockModel, server: ConverseServer) -> None:
        most = own_prompt().about(texts(1)[0].title, texts(1)[0].content).most_tokens
        tally = read(model, texts(8), tokens=most + 7 * 790)
        assert (tally.read, tally.over_budget) == (8, 0)

    def test_a_model_that_is_away_is_soon_left_alone(self, model: BedrockModel, server: ConverseServer) -> None:
        server.usual = lambda _user: "ServiceUnavailableException"
        tally = read(model, texts(60))
        assert tally.no_answer + tally.given_up == 60
        assert tally.calls < 20
        assert len(tally.why) == 1

    def test_the_most_valuable_are_asked_first(self, model: BedrockModel, server: ConverseServer) -> None:
        read(model, texts(12), calls=4)
        assert {asked.partition("Title ")[2][:3] for asked in server.asked} == {"000", "001", "002", "003"}

    def test_what_is_paid_is_kept_while_the_rest_is_read(self, model: BedrockModel, server: ConverseServer) -> None:
        """A run that is killed loses few readings: the first are kept before the last is asked for."""
        seen = threading.Event()

        def keep(_rows: list[dict[str, Any]]) -> None:
            seen.set()

        def later(user: str) -> Any:
            if "Title 039" in user:
                assert seen.wait(5)
            return READING

        server.usual = later
        assert read(model, texts(40), keep=keep).read == 40

    def test_rows_that_cannot_be_kept_end_the_reading(self, model: BedrockModel, server: ConverseServer) -> None:
        def keep(_rows: list[dict[str, Any]]) -> None:
            raise TransientError("the file is locked")

        server.delay = 0.005
        with pytest.raises(TransientError, match="locked"):
            read(model, texts(300), keep=keep)
        assert len(server.requests) < 100
