"""Every error and verdict has words, and foreign text in them stays data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain import error as errors
from troth.domain.error import (
    ConfigError,
    Failure,
    KeyMissing,
    KeyRejected,
    NotFound,
    RateLimited,
    TimedOut,
    TrothError,
    UsageError,
)
from troth.domain.message import LeftOut
from troth.domain.verdict import Outcome, State
from troth.explain import (
    check_title,
    explain,
    explain_failure,
    left_out_lines,
    left_out_words,
    notice_words,
    outcome_words,
    verdict_words,
)
from troth.explain.words import ALL


def every_kind(root: type[TrothError] = TrothError) -> Iterator[type[TrothError]]:
    yield root
    for child in root.__subclasses__():
        yield from every_kind(child)


KINDS = sorted({kind.kind for kind in every_kind() if kind.__module__.startswith(errors.__name__)})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("face", ["app", "shell", "plain"])
def test_every_error_kind_has_its_own_words(kind: str, face: str) -> None:
    assert kind in ALL
    words = explain_failure(Failure(kind), face)  # type: ignore[arg-type]
    assert words.kind == kind
    for text in (words.title, words.detail, words.next_step):
        assert text.strip()
        assert "{" not in text
    assert len(words.title) <= 78


def test_no_words_are_kept_for_kinds_that_do_not_exist() -> None:
    assert set(ALL) == set(KINDS)


def test_an_unknown_kind_of_a_newer_troth_gets_general_words() -> None:
    assert explain_failure(Failure("from-the-future")).title == "Something went wrong"


def test_a_bad_key_says_who_what_and_what_to_type() -> None:
    error = KeyRejected("Incorrect API key", provider="openai", status=401, request_id="req_1")
    words = explain(error, "shell")
    assert words.title == "openai does not accept the key"
    assert "“Incorrect API key”" in words.detail
    assert "(HTTP 401, request req_1)" in words.detail
    assert words.next_step == "`troth keys set openai` gives a new one."
    assert "/setup" in explain(error, "app").next_step


def test_a_missing_key_names_the_variables_that_were_looked_at() -> None:
    words = explain(KeyMissing("google", ("GEMINI_API_KEY", "GOOGLE_API_KEY")), "shell")
    assert "GEMINI_API_KEY, GOOGLE_API_KEY" in words.detail
    assert "troth keys set google" in words.next_step


def test_waiting_times_are_said() -> None:
    assert "wait 12 s" in explain(RateLimited(retry_after_s=12.0)).detail
    assert "wait 5 min" in explain(RateLimited(retry_after_s=300.0)).detail
    assert "for 5 s" in explain(TimedOut("host", limit_s=5)).detail


def test_a_config_problem_names_file_line_and_key() -> None:
    words = explain(ConfigError("/c/config.toml", "must be true or false", line=3, key="mouse"))
    assert words.detail.startswith("/c/config.toml, line 3: mouse must be true or false.")
    assert "line" not in explain(ConfigError("/c", "cannot be read")).detail
    assert ", line 10:" in explain(ConfigError("/c", "x", line=10)).detail


def test_a_usage_error_says_only_why() -> None:
    assert explain(UsageError("There is nothing to ask.")).detail == "There is nothing to ask."
    assert "troth chats" in explain(NotFound("chat", "7"), "shell").next_step


@given(st.text(max_size=200), st.text(max_size=40))
def test_foreign_text_is_never_read_as_a_template(detail: str, name: str) -> None:
    hostile = detail + "{who}{0}{set_key}%s"
    words = explain(KeyRejected(hostile, provider=name + "{again}"))
    assert "{again}" in words.title
    assert "{who}{0}{set_key}%s" in words.detail


def test_foreign_text_is_cut_and_kept_on_one_line() -> None:
    words = explain(KeyRejected("a\n" * 5000))
    assert len(words.detail) < 600
    assert "\n" not in words.detail


@pytest.mark.parametrize("state", [*State, None])
def test_every_state_has_words_and_only_verified_is_good(state: State | None) -> None:
    words = verdict_words(state)
    assert words.glyph in {"✓", "✗", "?", "-", "~"}
    assert 0 < len(words.short) <= 24
    assert words.sentence.endswith(".")
    is_verified = state is not None and state.value.startswith("verified-")
    assert (words.tone == "good") is is_verified
    assert (words.glyph == "✓") is is_verified


@pytest.mark.parametrize("state", [State.FAILED, State.UNSIGNED_EXPECTED])
def test_loud_states_stand_out_without_colour(state: State) -> None:
    words = verdict_words(state)
    assert (words.glyph, words.tone) == ("✗", "bad")
    assert words.short.isupper()


def test_a_simulated_reply_never_looks_like_a_real_state() -> None:
    simulated = verdict_words(State.SIMULATED)
    others = [verdict_words(state) for state in State if state is not State.SIMULATED]
    assert all(simulated.glyph != other.glyph for other in others)
    assert all(simulated.short != other.short for other in others)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_words(outcome: Outcome) -> None:
    assert (outcome_words(outcome).tone == "good") is (outcome is Outcome.PASSED)


def test_checks_have_titles_also_when_unknown() -> None:
    assert check_title("reply-bytes") == "The words"
    assert check_title("moon-phase") == "Moon phase"


def test_what_was_left_out_is_counted_and_named() -> None:
    items = (
        LeftOut("thinking", 2, "other_model"),
        LeftOut("thinking", 1, "other_vendor"),
        LeftOut("image", 1, "no_image_input"),
        LeftOut("parameter", 1, "refused", "temperature"),
    )
    words = left_out_words(items)
    assert words == "left out 3 thinking blocks, 1 image, parameter temperature"
    assert left_out_words(()) == ""
    as_text = LeftOut("pdf_as_text", 1, "sent_as_text")
    assert left_out_words((as_text,)) == "sent 1 PDF as text only"
    assert left_out_words((as_text, items[2])) == "left out 1 image; sent 1 PDF as text only"
    plan = left_out_words((as_text, items[2]), is_sent=False)
    assert plan == "leaves out 1 image; sends 1 PDF as text only"
    assert list(left_out_lines(items))[2] == "1 image: the model reads no images"


def test_notices_have_words_also_when_unknown() -> None:
    assert "temperature" in notice_words("parameter_dropped", "temperature")
    assert notice_words("new_kind", "x") == "new kind: x"
    assert notice_words("not_saved", "disk-full").endswith("all here: the disk is full.")
    assert "{" not in notice_words("not_judged", "server-failed")
    assert "3.2 s" in notice_words("paced", "3.2")


@pytest.mark.parametrize("name", ["r.jsonl", "out/results", "openai/gpt-5.5"])
def test_a_name_that_begins_a_reason_stays_as_it_is_written(name: str) -> None:
    assert explain(UsageError(f"{name} is taken")).detail == f"{name} is taken."
    assert explain(UsageError("there is none")).detail == "There is none."
