"""The identity parts of one process: JWTs, sessions and sign-in, built together.

Rules: a part that is not configured is None and has no task; `run` owns all tasks here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stoppress.identity.first_sign_in_without_tokens import FirstSignIn
from stoppress.identity.jwt_callers import JwtCallers, JwtMetrics
from stoppress.identity.jwt_keys import ASYMMETRIC, SYMMETRIC, shared_secret
from stoppress.identity.oidc_sign_in import OidcSignIn
from stoppress.identity.provider_http import ProviderHttp
from stoppress.identity.provider_keys import FixedKeys, ProviderKeys, read_file
from stoppress.identity.session_and_single_use_store_protocol import SessionStore
from stoppress.identity.sessions import (
    SessionAudit,
    SessionMetrics,
    Sessions,
    TokenLookup,
)
from stoppress.identity.unsent_text_key_pair import DeskTextKeys
from stoppress.metric_instruments import NO_METER, Meter
from stoppress.settings import Settings


class Identity:
    """The identity parts of one server; `has_no_token`: whether it has no token yet."""

    def __init__(
        self,
        settings: Settings,
        store: SessionStore,
        tokens: TokenLookup,
        has_no_token: Callable[[], Awaitable[bool]],
        audit: SessionAudit,
        meter: Meter = NO_METER,
    ) -> None:
        self._http = ProviderHttp()
        self._tasks: list[Callable[[], Awaitable[None]]] = []
        self.sessions = Sessions(
            store,
            tokens,
            audit,
            idle_s=settings.session_idle_hours * 3600,
            most_s=settings.session_days * 86_400,
            admin_token=settings.admin_secret,
            metrics=SessionMetrics(meter),
        )
        self.text_keys = DeskTextKeys(store)
        self.first_sign_in = FirstSignIn(store, has_no_token)
        self.jwt = self._jwt(settings, JwtMetrics(meter))
        self.oidc = self._oidc(settings, store)

    async def run(self) -> None:
        """Keep all keys up to date, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for task in self._tasks:
                    group.create_task(_run_task(task))
        finally:
            await self._http.aclose()

    def _jwt(self, settings: Settings, metrics: JwtMetrics) -> JwtCallers | None:
        where = settings.jwt_jwks
        if not settings.jwt_issuer:
            return None
        if settings.jwt_secret_file:
            fixed = FixedKeys(shared_secret(settings.jwt_secret))
            return JwtCallers(
                fixed,
                algorithms=SYMMETRIC,
                issuer=settings.jwt_issuer,
                audience=settings.jwt_audience,
                metrics=metrics,
            )

        async def read() -> dict[str, Any]:
            if "://" in where:
                return await self._http.get(where)
            return await read_file(Path(where))

        keys = ProviderKeys(settings.jwt_issuer, read)
        self._tasks.append(keys.run)
        return JwtCallers(
            keys,
            algorithms=ASYMMETRIC,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            metrics=metrics,
        )

    def _oidc(self, settings: Settings, store: SessionStore) -> OidcSignIn | None:
        if not settings.oidc_issuer:
            return None
        oidc = OidcSignIn(
            self._http,
            store,
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_secret,
            scopes=settings.oidc_scopes,
            groups_claim=settings.oidc_groups_claim,
            group_scopes=settings.group_scopes,
        )
        self._tasks.append(oidc.run)
        return oidc


async def _run_task(task: Callable[[], Awaitable[None]]) -> None:
    await task()
