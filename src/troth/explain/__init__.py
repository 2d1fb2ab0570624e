"""Errors and verdicts in words for a person: what it is, what happened, what to do next.

Both faces read these and add nothing of their own. Words of providers, servers and files are data
inside them: a face draws every field through its sanitiser, as it does with all foreign text.
"""

from troth.explain.attaching import folder_words, left_behind_words
from troth.explain.failures import Explanation, Face, explain, explain_failure
from troth.explain.importing import skipped_words
from troth.explain.pictures import picture_headline, picture_words
from troth.explain.policies import crossing_words, policy_detail, policy_words
from troth.explain.readiness import lack_notice, lack_sentence, lack_words, signing_sentence
from troth.explain.sending import (
    QUIET_NOTICES,
    left_out_lines,
    left_out_words,
    notice_words,
    too_long_words,
)
from troth.explain.verdicts import (
    OutcomeWords,
    Tone,
    VerdictWords,
    badge_words,
    check_title,
    outcome_words,
    verdict_sentence,
    verdict_words,
)

__all__ = [
    "QUIET_NOTICES",
    "Explanation",
    "Face",
    "OutcomeWords",
    "Tone",
    "VerdictWords",
    "badge_words",
    "check_title",
    "crossing_words",
    "explain",
    "explain_failure",
    "folder_words",
    "lack_notice",
    "lack_sentence",
    "lack_words",
    "left_behind_words",
    "left_out_lines",
    "left_out_words",
    "notice_words",
    "outcome_words",
    "picture_headline",
    "picture_words",
    "policy_detail",
    "policy_words",
    "signing_sentence",
    "skipped_words",
    "too_long_words",
    "verdict_sentence",
    "verdict_words",
]
