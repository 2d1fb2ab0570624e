"""`troth models`: who can answer, from what is known here or from a provider that is asked."""

from __future__ import annotations

import asyncio

from troth.cli.command import Arguments, Parser, add_json_flag
from troth.cli.output import Console, ExitCode
from troth.cli.unlock import VaultUse, opened_engine
from troth.domain.error import TrothError
from troth.domain.model import Json
from troth.engine.directory import ModelChoice
from troth.engine.engine import Engine
from troth.explain import explain, lack_words


def configure(parser: Parser) -> None:
    parser.add_argument(
        "--provider", metavar="P", help="only this provider; it is asked for its list"
    )
    parser.add_argument(
        "--refresh", action="store_true", help="ask every provider that has a key for its list"
    )
    parser.add_argument("--offline", action="store_true", help="ask nobody")
    add_json_flag(parser)
    parser.set_defaults(run=run)


async def run(arguments: Arguments, console: Console) -> int:
    provider = arguments.text("provider")
    async with opened_engine(console, VaultUse.IF_FREE) as engine:
        if provider:
            engine.providers.endpoint(provider)
        failures: list[TrothError] = []
        if not arguments.flag("offline"):
            failures = await _ask(engine, _to_ask(engine, provider, arguments.flag("refresh")))
        choices = [
            choice
            for choice in engine.providers.models()
            if not provider or choice.endpoint.name == provider
        ]
        if provider and failures and not choices:
            raise failures[0]
        for failure in failures:
            console.note(f"troth: {explain(failure, 'shell').title}; showing what is known here.")
        signers = await engine.proofs.signers(choices)
        marked = [(choice, choice.info.ref in signers) for choice in choices]
        if console.is_json:
            console.json([_choice_json(choice, signs=signs) for choice, signs in marked])
        else:
            console.rows(_row(choice, signs=signs) for choice, signs in marked)
            if not choices:
                console.note("No models are known. `troth local install` fetches one.")
    return ExitCode.OK


def _to_ask(engine: Engine, provider: str, everyone: bool) -> list[str]:
    """Name the providers to ask: the one that was named, all with `--refresh`, else the user's own.

    Those that the user added and that no catalogue knows have no list until they are asked.
    """
    if provider:
        return [provider] if provider != "local" else []
    ready = [
        endpoint.name
        for endpoint in engine.providers.endpoints()
        if endpoint.base_url
        and (not endpoint.needs_key or engine.providers.key_status(endpoint.name))
    ]
    if everyone:
        return ready
    known = {choice.endpoint.name for choice in engine.providers.models()}
    return [name for name in ready if name in engine.settings.providers and name not in known]


async def _ask(engine: Engine, providers: list[str]) -> list[TrothError]:
    answers = await asyncio.gather(
        *map(engine.providers.refresh_models, providers), return_exceptions=True
    )
    failures: list[TrothError] = []
    for answer in answers:
        if isinstance(answer, TrothError):
            failures.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
    return failures


def _row(choice: ModelChoice, *, signs: bool) -> tuple[str, ...]:
    info = choice.info
    context = f"{info.context_tokens // 1000}k" if info.context_tokens else ""
    price = ""
    if info.is_local:
        price = "local"
    elif info.price_input is not None and info.price_output is not None:
        price = f"${info.price_input:g}/${info.price_output:g}"
    return str(info.ref), context, price, "signs" if signs else "", lack_words(choice.lack)


def _choice_json(choice: ModelChoice, *, signs: bool) -> Json:
    info = choice.info
    return {
        "model": str(info.ref),
        "provider": info.ref.provider,
        "id": info.ref.model,
        "title": info.title,
        "context_tokens": info.context_tokens,
        "max_output_tokens": info.max_output_tokens,
        "input": None if info.input_modalities is None else [*sorted(info.input_modalities)],
        "output": None if info.output_modalities is None else [*sorted(info.output_modalities)],
        "reasons": info.reasons,
        "price_input": info.price_input,
        "price_output": info.price_output,
        "is_local": info.is_local,
        "signs": signs,
        "is_ready": choice.is_ready,
        "source": info.source,
    }
