"""What belongs to one cause, what is told and when, and that a message obeys nothing that it tells."""

import hashlib
import hmac
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.alert_causes import KINDS, Kind, Sign, essence, troubles
from domain.alert_messages import Links, mail, plain, signature, slack_body, slack_escaped, text, title, webhook_body
from domain.alerts import OPENED, OVER, Alert, Message, Note, Pace, Sent, due, is_over, messages, wait_after
from domain.book_away import BookAway, reached
from domain.book_away import failed as failed_look
from domain.freshness import ages, stale
from settings import PROJECT_ROOT

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LINKS = Links("prod", "https://dagster.example", "https://docs.example/runbooks")
HOSTILE = 'Sale <!channel> *now* <https://evil.example|click> & "x"\r\nBcc: a@b.example\x1b[31m @here \u202eabc'


def failed(client: str, why: str, asset: str = "client_items", day: str = "2026-11-21") -> Sign:
    key = f"{client}|{day}"
    what = f"{asset} of {key} failed"
    return Sign("failure", what, why, NOW, f"client {client}", asset, key, run_id=f"run-{client}")


def alert(number: int = 1, kind: Kind = "failure", ended: datetime | None = None, **more: object) -> Alert:
    fixed: dict[str, object] = {
        "headline": f"trouble {number}",
        "why": "the store does not answer",
        "about": ("client acme",),
        "partitions": 3,
        "run_id": "b0d1",
    }
    values = fixed | more
    return Alert(
        id=number,
        cause=f"{number:032x}",
        episode=1,
        kind=kind,
        began=NOW,
        seen=NOW,
        ended=ended,
        **values,  # type: ignore[arg-type]
    )


class TestCauses:
    def test_a_thousand_clients_that_fail_because_the_store_is_away_are_one_trouble(self) -> None:
        signs = [
            failed(f"client-{n}", f"s3://data/ingested/client-{n}/2026/11/21/items.json: the store does not answer.")
            for n in range(1000)
        ]
        said = "domain.errors.TransientError: s3://data/batches/: the store does not answer."
        signs.append(Sign("sensor", "sensor warehouse_due fails", said, NOW, "sensor warehouse_due"))
        (found,) = troubles(signs).values()
        assert (found.kind, found.partitions, len(found.about)) == ("failure", 1000, 1000)
        assert found.headline == "1,000 partitions failed (client_items); sensor warehouse_due fails"

    def test_a_source_that_is_down_is_one_trouble_however_many_clients_have_nothing_else(self) -> None:
        why = "{} 2026-11-21: every source of the day failed ({}), so nothing was written. First: press__one: a 503"
        signs = [failed(client, why.format(client, n)) for n, client in enumerate(("acme", "beta", "gamma"), 1)]
        found_by_check = "press__one: failed on 3 days in a row, last: it answered 503"
        signs.append(
            Sign(
                "source", "source press__one fails", found_by_check, NOW, "source press__one", cause="source:press__one"
            )
        )
        (found,) = troubles(signs).values()
        assert found.kind == "source"
        assert found.headline == "source press__one fails; 3 partitions failed (client_items)"
        assert found.about == ("client acme", "client beta", "client gamma", "source press__one")

    def test_a_network_that_is_away_is_one_trouble_and_not_one_for_each_source(self) -> None:
        said = "2026-11-21: every source failed (40). First: press__a: https://a.example: cannot be reached."
        signs = [
            Sign("failure", "source_snapshots failed", said, NOW, asset="source_snapshots", partition="2026-11-21")
        ]
        for client, source in (("acme", "press__b"), ("beta", "press__c")):
            why = f"{client} 2026-11-21: every source of the day failed (2), so nothing was written. First: {source}: x"
            signs.append(failed(client, why))
        (found,) = troubles(signs).values()
        assert found.headline == "every source fails; 3 partitions failed (client_items, source_snapshots)"
        assert len(troubles(signs[1:])) == 2  # of clients with few sources each source is its own cause

    def test_two_causes_are_two_troubles_the_more_urgent_first(self) -> None:
        signs = [
            Sign("check", "check x failed", "3 rows", NOW, cause="check:x"),
            failed("acme", "https://a.example/feed: it answered 404."),
            failed("beta", "https://a.example/feed: it answered 503."),
        ]
        assert [one.kind for one in troubles(signs).values()] == ["failure", "failure", "check"]

    def test_the_same_trouble_has_the_same_cause_at_every_look_and_after_a_day(self) -> None:
        first = troubles([failed("acme", "acme 2026-11-21: 12 of 40 rows are lost")])
        later = troubles([failed("beta", "beta 2026-11-22: 7 of 41 rows are lost", day="2026-11-22")])
        assert list(first) == list(later)

    @pytest.mark.parametrize(
        ("reason", "rest"),
        [
            ("s3://bucket/a/b.json: away", "s3://bucket away"),
            ("https://user:pw@host.example/p?token=x says 503", "https://host.example says 503"),
            ("/var/lib/x/items.json: No space left", "/*: No space left"),
            ("botocore.exceptions.ClientError: denied", "ClientError: denied"),
            ("domain.errors.TransientError: denied", "denied"),
            ("account 'acme-prod' lost 17 rows at 12:30:11", "account '*' lost # rows at #"),
            ("run 3f2c9a1e-1111-2222-3333-abcdefabcdef is lost", "run # is lost"),
        ],
    )
    def test_what_differs_between_those_who_meet_a_cause_is_no_part_of_it(self, reason: str, rest: str) -> None:
        assert essence(reason) == rest

    def test_a_name_inside_another_word_is_left_alone(self) -> None:
        assert essence("web: the website of web is away", {"web"}) == "*: the website of * is away"


class TestWhatIsDue:
    def test_a_new_alert_is_told_once(self) -> None:
        assert due(alert(), [], NOW, 7) == OPENED
        assert due(alert(), [Sent(OPENED, NOW)], NOW + timedelta(hours=23), 7) is None

    def test_what_lasts_is_recalled_once_a_day_and_then_no_more(self) -> None:
        told = [Sent(OPENED, NOW)]
        labels = [due(alert(), told, NOW + timedelta(days=n, hours=1), 2) for n in range(5)]
        assert labels == [None, "reminder-1", "reminder-2", None, None]
        assert due(alert(), [*told, Sent("reminder-1", NOW)], NOW + timedelta(days=1, hours=2), 2) is None

    def test_the_end_is_told_once_also_to_a_channel_that_was_away_but_not_to_a_new_one(self) -> None:
        over = alert(ended=NOW)
        assert due(over, [Sent(OPENED, NOW)], NOW, 7) == OVER
        assert due(over, [Sent(OPENED, None)], NOW, 7) == OVER
        assert due(over, [], NOW, 7) is None
        assert due(over, [Sent(OPENED, NOW), Sent(OVER, NOW)], NOW, 7) is None
        assert due(over, [Sent(OPENED, None)], NOW + timedelta(days=8), 7) is None

    def test_a_trouble_that_concerns_twice_as_many_is_told_again_and_a_few_more_are_not(self) -> None:
        told = [Sent(OPENED, NOW), Sent("told-of-3", None)]
        late = NOW + timedelta(days=12)
        wide = {count: alert(about=tuple(f"account a{n}" for n in range(count))) for count in (5, 6, 7, 403)}
        assert [due(wide[count], told, late, 7) for count in wide] == [None, "wider-3", "wider-3", "wider-9"]
        told += [Sent("wider-9", late), Sent("told-of-403", None)]
        assert due(wide[403], told, late, 7) is None
        claimed = [*told[:2], Sent("wider-3", None, not_before=late + timedelta(minutes=3))]
        assert due(wide[7], claimed, late, 7) is None

    def test_a_reminder_says_whom_a_trouble_concerns_by_now_and_no_second_message_does(self) -> None:
        told = [Sent(OPENED, NOW), Sent("told-of-1", None)]
        wide = alert(about=("client acme", "client beta"))
        assert due(wide, told, NOW + timedelta(days=1), 7) == "reminder-1"
        told += [Sent("reminder-1", NOW), Sent("told-of-2", None)]
        assert due(wide, told, NOW + timedelta(days=1), 7) is None

    def test_what_another_process_is_sending_is_left_to_it(self) -> None:
        claimed = [Sent(OPENED, None, not_before=NOW + timedelta(minutes=3))]
        assert due(alert(), claimed, NOW, 7) is None
        assert due(alert(), claimed, NOW + timedelta(minutes=4), 7) == OPENED

    def test_a_trouble_that_comes_and_goes_is_one_episode(self) -> None:
        settled = timedelta(minutes=10)
        assert not is_over(alert(), NOW + timedelta(minutes=9), settled)
        assert is_over(alert(), NOW + timedelta(minutes=10), settled)

    def test_a_channel_that_fails_is_asked_ever_more_rarely_but_at_least_hourly(self) -> None:
        assert [wait_after(n).total_seconds() for n in (1, 2, 3, 50)] == [30, 60, 120, 3600]


class TestBookAway:
    settled = timedelta(minutes=10)

    def test_it_is_told_after_two_minutes_and_over_once_it_has_stayed(self) -> None:
        away = failed_look(None, NOW)
        assert [away.is_news(NOW + timedelta(minutes=n)) for n in (1, 2)] == [False, True]
        back = reached(away.with_told({"slack"}), NOW + timedelta(minutes=3))
        assert [back.is_over(NOW + timedelta(minutes=n), self.settled) for n in (12, 13)] == [False, True]

    def test_a_database_that_comes_and_goes_for_an_hour_is_one_trouble(self) -> None:
        away, told, ended = failed_look(None, NOW), 0, 0
        for tick in range(1, 120):
            now = NOW + timedelta(seconds=30 * tick)
            away = reached(away, now) if tick % 2 else failed_look(away, now)
            if away.back_since is None and away.is_news(now) and not away.told:
                away, told = away.with_told({"slack"}), told + 1
            ended += away.is_over(now, self.settled)
        assert (away.since, told, ended) == (NOW, 1, 0)

    def test_what_is_kept_is_read_again_also_as_an_earlier_version_wrote_it(self) -> None:
        back = reached(failed_look(None, NOW).with_told({"slack"}), NOW + timedelta(minutes=3))
        assert BookAway.of(back.text()) == back
        assert BookAway.of(f'{{"since": "{NOW.isoformat()}", "told": []}}') == BookAway(NOW)
        assert [BookAway.of(text) for text in (None, "", "{}", "[]", "17")] == [None] * 5


class TestStorms:
    notes = tuple(Note(alert(n, "check" if n % 2 else "failure"), OPENED) for n in range(100))

    def test_when_everything_fails_a_few_are_told_one_by_one_and_the_rest_at_once(self) -> None:
        found = messages(self.notes, 0, None, NOW, Pace())
        assert [len(one.notes) for one in found] == [1, 1, 1, 1, 1, 95]
        assert [one.summary for one in found] == [False] * 5 + [True]
        assert found[0].notes[0].alert.kind == "failure"

    def test_an_hour_has_a_limit_and_summaries_keep_their_distance(self) -> None:
        (only,) = messages(self.notes, 20, NOW - timedelta(minutes=15), NOW, Pace())
        assert only.summary
        assert messages(self.notes, 20, NOW - timedelta(minutes=14), NOW, Pace()) == []

    def test_what_is_new_goes_before_what_is_over_and_what_lasts(self) -> None:
        notes = [Note(alert(1), "reminder-1"), Note(alert(2, ended=NOW), OVER), Note(alert(3), OPENED)]
        assert [one.notes[0].alert.id for one in messages(notes, 0, None, NOW, Pace())] == [3, 2, 1]

    def test_a_summary_names_twenty_and_counts_them_all(self) -> None:
        said = text(Message(self.notes, summary=True), LINKS)
        assert said.startswith("[prod] 100 more alerts\n")
        assert "50 failed runs and partitions, 50 failed checks" in said
        assert said.count("\n- trouble") == 20
        assert "- and 80 more: vigie alerts list" in said


class TestWords:
    message = Message((Note(alert(), OPENED),))

    def test_a_message_says_what_why_whom_since_when_how_much_and_where_to_look(self) -> None:
        assert text(self.message, LINKS).splitlines() == [
            "[prod] trouble 1",
            "",
            "cause: the store does not answer",
            "concerns: client acme",
            "since: 2026-11-21 12:00 UTC",
            "partitions: 3",
            "run: https://dagster.example/runs/b0d1",
            "what to do: https://docs.example/runbooks#failure",
        ]

    def test_the_end_and_a_reminder_say_so(self) -> None:
        assert title(Message((Note(alert(ended=NOW), OVER),)), LINKS) == "[prod] Over: trouble 1"
        assert title(Message((Note(alert(), "reminder-2"),)), LINKS) == "[prod] Still: trouble 1"
        assert title(Message((Note(alert(), "wider-3"),)), LINKS) == "[prod] Now also others: trouble 1"

    def test_what_is_told_is_one_line_without_control_characters_logins_and_queries(self) -> None:
        said = plain("a\r\nb\x1b[1m\u202ec https://me:pw@x.example/p?token=abc")
        assert said == "a b [1m c https://x.example/p?…"
        assert len(plain("x" * 5000)) == 300

    def test_slack_gets_no_link_mention_or_format_from_what_is_told(self) -> None:
        body = slack_body(Message((Note(alert(headline=HOSTILE, why=HOSTILE, about=(HOSTILE,)), OPENED),)), LINKS)
        assert "<" not in body["text"]
        assert "@here" not in body["text"]
        assert (body["parse"], body["link_names"]) == ("none", False)
        interpreted = [block for block in body["blocks"] if block["type"] == "context"]
        assert [block["elements"][0]["text"] for block in interpreted] == [
            "<https://dagster.example/runs/b0d1|run> · <https://docs.example/runbooks#failure|what to do>"
        ]
        others = [block for block in body["blocks"] if block["type"] != "context"]
        assert {block["text"]["type"] for block in others} == {"plain_text"}
        assert all(len(block["text"]["text"]) <= 3000 for block in others)

    def test_slack_shows_escaped_signs_as_they_are(self) -> None:
        assert slack_escaped("a < b & c > d") == "a &lt; b &amp; c &gt; d"
        assert slack_escaped("<!channel>") == "&lt;!channel&gt;"

    def test_a_mail_has_the_headers_it_should_and_no_more(self) -> None:
        made = mail(Message((Note(alert(headline=HOSTILE), OPENED),)), LINKS, "vigie@x.example", "ops@x.example", NOW)
        assert made["Bcc"] is None
        assert made["To"] == "ops@x.example"
        assert "\n" not in str(made["Subject"])
        assert str(made["Message-ID"]) == f"<alert.{1:032x}-1-opened@x.example>"

    def test_a_webhook_gets_facts_that_a_machine_can_use(self) -> None:
        body = webhook_body(self.message, LINKS, NOW)
        assert (body["version"], body["target"], body["summary"]) == (1, "prod", False)
        assert body["alerts"] == [
            {
                "id": f"{1:032x}-1",
                "state": "open",
                "note": "opened",
                "kind": "failure",
                "headline": "trouble 1",
                "cause": "the store does not answer",
                "concerns": ["client acme"],
                "partitions": 3,
                "began_at": NOW.isoformat(),
                "ended_at": None,
                "run_url": "https://dagster.example/runs/b0d1",
                "runbook_url": "https://docs.example/runbooks#failure",
            }
        ]

    def test_a_signature_is_of_the_time_and_the_body(self) -> None:
        said = signature("key", b"{}", NOW)
        digest = hmac.new(b"key", f"{int(NOW.timestamp())}.{{}}".encode(), hashlib.sha256).hexdigest()
        assert said == f"t={int(NOW.timestamp())},v1={digest}"
        assert signature("key", b"{} ", NOW) != said

    def test_every_kind_of_trouble_has_a_runbook(self) -> None:
        page = (PROJECT_ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
        assert [kind for kind in KINDS if f"\n## {kind.capitalize()}\n" not in page] == []


class TestFreshness:
    today = date(2026, 11, 21)

    def test_a_client_is_as_fresh_as_its_newest_day_whenever_that_was_built(self) -> None:
        newest = {"acme": date(2026, 11, 21), "beta": date(2026, 11, 18), "gamma": date(2026, 11, 19)}
        found = ages(newest, self.today)
        assert [(one.client_id, one.age) for one in found] == [("beta", 3), ("gamma", 2), ("acme", 0)]
        assert [str(one) for one in stale(found, 2, {}, self.today)] == [
            "beta: the newest day is 2026-11-18, 3 days ago"
        ]

    def test_a_client_without_any_day_counts_from_its_activation(self) -> None:
        found = ages({"new": None, "old": None, "odd": None}, self.today)
        late = stale(found, 2, {"new": date(2026, 11, 20), "old": date(2026, 11, 18)}, self.today)
        assert [str(one) for one in late] == ["odd: no day was ever built", "old: no day was ever built"]
