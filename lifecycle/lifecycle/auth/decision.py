"""Decisions, with the chain of rules that led to them: what refuses a caller also explains itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a rule does to a decision."""

    ALLOW = "allow"
    DENY = "deny"
    CONTINUE = "continue"
    """It does not apply; the next rule is asked."""


@dataclass(frozen=True)
class Rule:
    """One rule, as it met the question."""

    name: str
    """Which rule it is: `permission`, `public endpoint`, …"""
    effect: Effect
    reason: str
    """For people, with the names that it depended on."""


@dataclass(frozen=True)
class Decision:
    """The rules that were asked, in their order; the last one decided."""

    rules: tuple[Rule, ...]

    @property
    def effect(self) -> Effect:
        """What was decided; CONTINUE when no rule applied."""
        return self.rules[-1].effect if self.rules else Effect.CONTINUE

    @property
    def is_allowed(self) -> bool:
        """Whether the caller may."""
        return self.effect is Effect.ALLOW

    @property
    def reason(self) -> str:
        """Why."""
        return self.rules[-1].reason if self.rules else "no rule applies"


def decide(rules: Iterable[Rule]) -> Decision:
    """Ask rule after rule until one decides."""
    asked = []
    for rule in rules:
        asked.append(rule)
        if rule.effect is not Effect.CONTINUE:
            break
    return Decision(tuple(asked))
