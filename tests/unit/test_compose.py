"""The compose file and the Dockerfile say what docs/deploy.md promises.

No container engine is needed. The compose file is checked against the schema of
the Compose Specification, as the package `check-jsonschema` carries it (its
`compose-spec.json`, Apache-2.0), and against our own settings; what it tells
Valkey to do is done by a real Valkey.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import validators
from redis.asyncio import Redis

from stoppress.log.embedded_valkey_server import find_server
from stoppress.process.supervisor import END_S
from stoppress.settings import Settings

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server"


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def faults(compose: Any) -> list[str]:
    package = importlib.resources.files("check_jsonschema.builtin_schemas.vendor")
    schema = json.loads((package / "compose-spec.json").read_text())
    # The schema names the draft it is written in.
    validator = validators.validator_for(schema)(schema)
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(compose)
    ]


def hubs(compose: Any) -> dict[str, Any]:
    return {
        name: service
        for name, service in compose["services"].items()
        if service.get("image") == "stop-press"
    }


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(s|m)", text)
    assert match, text
    return int(match[1]) * {"s": 1, "m": 60}[match[2]]


def test_compose_file_follows_the_specification(compose: Any) -> None:
    """The compose file is valid against the Compose Specification's schema."""
    assert faults(compose) == []


def test_schema_would_notice_a_mistake(compose: Any) -> None:
    """The check can fail: a misspelt key is found."""
    spoilt = json.loads(json.dumps(compose))
    spoilt["services"]["hub1"]["enviroment"] = {}
    assert any("enviroment" in fault for fault in faults(spoilt))


def test_two_hubs_share_one_store(compose: Any) -> None:
    """There are two hubs, and both use the Valkey beside them."""
    assert len(hubs(compose)) == 2
    for hub in hubs(compose).values():
        assert hub["environment"]["STOPPRESS_REDIS"].startswith("redis://valkey:")
        assert hub["depends_on"]["valkey"] == {"condition": "service_healthy"}


def test_hub_variables_are_settings(compose: Any) -> None:
    """Each STOPPRESS_ variable of compose file and Dockerfile is a setting."""
    known = {f"STOPPRESS_{setting.name.upper()}" for setting in fields(Settings)}
    given = set(re.findall(r"\bSTOPPRESS_\w+", (SERVER / "Dockerfile").read_text()))
    for hub in hubs(compose).values():
        given |= set(hub["environment"])
    assert given <= known


def test_hubs_have_time_to_drain(compose: Any) -> None:
    """A hub is killed only after its drain is over."""
    for hub in hubs(compose).values():
        drain = float(hub["environment"]["STOPPRESS_DRAIN_S"])
        assert seconds(hub["stop_grace_period"]) > drain + END_S


def test_health_checks_ask_the_cheap_question(compose: Any) -> None:
    """Hubs are judged by /healthz, which stays green while the store is away."""
    for hub in hubs(compose).values():
        assert "/healthz" in hub["healthcheck"]["test"][-1]
        compile(hub["healthcheck"]["test"][-1], "healthcheck", "exec")


def test_only_caddy_is_reachable(compose: Any) -> None:
    """Only Caddy has ports; store and hubs live on a network without a way out."""
    with_ports = {n for n, s in compose["services"].items() if "ports" in s}
    assert with_ports == {"caddy"}
    assert compose["networks"]["inside"] == {"internal": True}
    for name, service in compose["services"].items():
        if name != "caddy":
            assert service["networks"] == ["inside"]


def test_caddy_knows_every_hub(compose: Any) -> None:
    """Caddy is given all hubs, and the same Caddyfile as the tests use."""
    caddy = compose["services"]["caddy"]
    addresses = caddy["environment"]["STOPPRESS_HUBS"].split()
    assert addresses == [f"{name}:8000" for name in hubs(compose)]
    assert "./deploy/Caddyfile:/etc/caddy/Caddyfile:ro" in caddy["volumes"]
    assert (ROOT / "deploy/Caddyfile").is_file()


def test_no_secret_is_written_down(compose: Any) -> None:
    """The admin token comes from outside, and its absence stops the start."""
    for hub in hubs(compose).values():
        token = hub["environment"]["STOPPRESS_ADMIN_TOKEN"]
        assert token.startswith("${STOPPRESS_ADMIN_TOKEN:?")
    assert "TOKEN" not in (SERVER / "Dockerfile").read_text()


def test_images_are_pinned_to_a_minor_version(compose: Any) -> None:
    """Foreign images name a minor version, so that a build can be repeated."""
    images = [s["image"] for n, s in compose["services"].items() if "build" not in s]
    assert len(images) == 2
    for image in images:
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?(-\w+)?", image), image


@pytest.mark.asyncio
async def test_valkey_keeps_what_it_acknowledged(compose: Any, tmp_path: Path) -> None:
    """A real Valkey takes the command, and then syncs each write and evicts none."""
    command = compose["services"]["valkey"]["command"]
    assert command[0] == "valkey-server"
    assert any(v.endswith(":/data") for v in compose["services"]["valkey"]["volumes"])
    socket = tmp_path / "s"
    process = await asyncio.create_subprocess_exec(
        str(find_server()),
        *command[1:],
        *("--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await asyncio.wait_for(_ready(process), 60)
        async with Redis(unix_socket_path=str(socket)) as redis:
            kept = await redis.config_get("append*", "maxmemory-policy", "save")
        assert kept["appendonly"] == "yes"
        assert kept["appendfsync"] == "always"
        assert kept["maxmemory-policy"] == "noeviction"
        assert kept["save"] == ""
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 60)


async def _ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        if b"eady to accept connections" in line:
            return
    raise AssertionError("Valkey refused the command")


class Instruction(NamedTuple):
    """One line of a Dockerfile, continuations joined."""

    word: str
    rest: str


def instructions() -> Iterator[Instruction]:
    text = re.sub(r"^#.*\n", "", (SERVER / "Dockerfile").read_text(), flags=re.M)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, rest = line.split(None, 1)
            yield Instruction(word, rest)


def last_stage() -> list[Instruction]:
    every = list(instructions())
    start = max(i for i, each in enumerate(every) if each.word == "FROM")
    return every[start:]


def test_dockerfile_runs_as_nobody() -> None:
    """The last word on the user is a number that is not root's."""
    users = [each.rest for each in last_stage() if each.word == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d{3,}(:[1-9]\d{3,})?", users[-1])


def test_dockerfile_starts_without_a_shell() -> None:
    """Signals reach the server: entry point, command and check are in exec form."""
    found = {each.word: each.rest for each in last_stage()}
    check = found["HEALTHCHECK"].split("CMD", 1)[1]
    for text in (found["ENTRYPOINT"], found["CMD"], check):
        assert all(isinstance(part, str) for part in json.loads(text))
    assert json.loads(found["ENTRYPOINT"]) == ["stoppress"]
    assert json.loads(found["CMD"]) == ["serve"]


def test_dockerfile_base_is_a_python_we_accept() -> None:
    """Every stage stands on a slim Python of one minor version, one that we accept."""
    bases = [e.rest.split()[0] for e in instructions() if e.word == "FROM"]
    assert len(bases) > 1, "one stage builds, another runs"
    assert len(set(bases)) == 1
    match = re.fullmatch(r"python:3\.(\d+)-slim", bases[0])
    assert match, bases[0]
    assert int(match[1]) >= 11


def test_dockerfile_copies_only_what_is_there_and_let_through() -> None:
    """Each copied path exists, and .dockerignore, which hides all else, shows it."""
    shown = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied: set[str] = set()
    for each in instructions():
        assert each.word != "ADD"
        if each.word == "COPY" and not each.rest.startswith("--from"):
            copied |= set(shlex.split(each.rest)[:-1])
    assert copied == shown
    assert "." not in copied
    for path in copied:
        assert (ROOT / path).exists(), path


def test_dockerfile_leaves_the_build_behind() -> None:
    """What runs has the installed package, and neither sources nor tools."""
    copies = [each.rest for each in last_stage() if each.word == "COPY"]
    assert copies == ["--from=build /venv /venv"]
    assert not any("pip" in e.rest for e in last_stage() if e.word == "RUN")
