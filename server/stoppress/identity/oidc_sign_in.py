"""Signs editors in at an OpenID provider: authorization code with PKCE.

Rules (RFC 9700, RFC 9207, OpenID Connect Core 3.1):
- An answer counts only with the `state` of this browser's own sign-in and, if the
  provider names itself in answers, with the provider's name (against mix-up attacks).
- The ID token is verified like every JWT, however it came; it must be for this client
  and this sign-in (`nonce`), and signed with a key of the provider.
- A sign-in is finished once: its `state` is remembered until it would have expired.
- At most MAX_EXCHANGES codes are exchanged at once; further ones are refused.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus, urlencode

from stoppress.desk.caller import Caller
from stoppress.identity import pending_sign_in
from stoppress.identity.jwt_claims_and_rights import (
    check_claims,
    person_of,
    rights_of_claim,
    rights_of_groups,
)
from stoppress.identity.jwt_errors import KeysMissing, RefusedJwt
from stoppress.identity.jwt_keys import ASYMMETRIC
from stoppress.identity.jwt_parsing_and_signature import parse_jwt, verified_claims
from stoppress.identity.pending_sign_in import PENDING_S, PendingSignIn
from stoppress.identity.provider_http import ProviderAway, ProviderHttp
from stoppress.identity.provider_keys import ProviderKeys
from stoppress.identity.session_and_single_use_store_protocol import SessionStore
from stoppress.identity.sessions import digest
from stoppress.identity.validate_oidc_metadata import (
    OidcMetadata,
    discovery_address,
    read_metadata,
)

MAX_EXCHANGES = 16
MAX_CODE = 2048
_PURPOSE = "oidc "


class RefusedSignIn(Exception):
    """A sign-in is refused; `reason` is for the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class NoRole(RefusedSignIn):
    """The person is known but has no role here: the one reason shown to the person."""

    def __init__(self, name: str) -> None:
        super().__init__("no role")
        self.name = name


class OidcSignIn:
    """Sign-ins at one provider."""

    def __init__(
        self,
        http: ProviderHttp,
        store: SessionStore,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        scopes: str,
        groups_claim: str,
        group_scopes: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._store = store
        self._issuer = issuer
        self._client_id = client_id
        self._secret = client_secret
        self._scopes = scopes
        self._groups_claim = groups_claim
        self._group_scopes = dict(group_scopes)
        self._clock = clock
        self._metadata: OidcMetadata | None = None
        self._exchanges = asyncio.Semaphore(MAX_EXCHANGES)
        self.keys = ProviderKeys(issuer, self._read)

    async def run(self) -> None:
        """Keep the provider's addresses and keys up to date, until cancelled."""
        await self.keys.run()

    def begin(self, redirect_uri: str, feed: str) -> tuple[str, PendingSignIn]:
        """The address to send a browser to, and what it stores. Raises ProviderAway."""
        metadata = self._known()
        pending = pending_sign_in.begin(feed, self._now_ms())
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scopes,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": pending.challenge(),
            "code_challenge_method": "S256",
        }
        endpoint = metadata.authorization_endpoint
        joint = "&" if "?" in endpoint else "?"
        return f"{endpoint}{joint}{urlencode(asked)}", pending

    async def finish(
        self,
        pending: PendingSignIn | None,
        answer: Sequence[tuple[str, str]],
        redirect_uri: str,
    ) -> Caller:
        """The signed-in caller. Raises RefusedSignIn, ProviderAway, Unavailable."""
        metadata = self._known()
        code = self._code(metadata, pending, answer)
        assert pending is not None  # noqa: S101 (for the type checker)
        if self._exchanges.locked():
            raise ProviderAway(f"{MAX_EXCHANGES} codes are being exchanged already")
        async with self._exchanges:
            id_token = await self._exchange(metadata, code, pending, redirect_uri)
        try:
            caller = await self._caller(id_token, pending)
        except RefusedJwt as refused:
            raise RefusedSignIn("ID token", str(refused)) from None
        except KeysMissing:
            raise ProviderAway("the provider's keys have not been read yet") from None
        name = digest(_PURPOSE + pending.state)
        if not await self._store.claim_once(name, PENDING_S):
            raise RefusedSignIn("replayed")
        if not caller.scopes:
            raise NoRole(caller.name)
        return caller

    def _code(
        self,
        metadata: OidcMetadata,
        pending: PendingSignIn | None,
        answer: Sequence[tuple[str, str]],
    ) -> str:
        """The code in an answer that belongs to this sign-in. Raises RefusedSignIn."""
        reported = dict(answer)
        if len(reported) < len(answer):
            raise RefusedSignIn("malformed answer", "a parameter occurs twice")
        if pending is None:
            raise RefusedSignIn(
                "no sign-in", "this browser began none, or it has expired"
            )
        if not hmac.compare_digest(
            reported.get("state", "").encode(), pending.state.encode()
        ):
            raise RefusedSignIn("wrong state")
        issuer = reported.get("iss")
        if issuer is None and metadata.names_issuer:
            raise RefusedSignIn("mix-up", "the answer names no issuer")
        if issuer is not None and issuer != self._issuer:
            raise RefusedSignIn("mix-up", f"the answer is of {issuer[:200]!r}")
        if "error" in reported:
            raise RefusedSignIn("refused there", repr(reported["error"])[:100])
        code = reported.get("code", "")
        if not 0 < len(code) <= MAX_CODE:
            raise RefusedSignIn("no code")
        return code

    async def _exchange(
        self,
        metadata: OidcMetadata,
        code: str,
        pending: PendingSignIn,
        redirect_uri: str,
    ) -> str:
        """The ID token for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": pending.verifier,
        }
        headers = {}
        if not self._secret:
            form["client_id"] = self._client_id
        elif metadata.secret_in_form:
            form |= {"client_id": self._client_id, "client_secret": self._secret}
        else:
            # RFC 6749 (2.3.1): both are encoded before they are joined.
            pair = f"{quote_plus(self._client_id)}:{quote_plus(self._secret)}"
            headers["authorization"] = (
                f"Basic {base64.b64encode(pair.encode()).decode()}"
            )
        status, reported = await self._http.post(metadata.token_endpoint, form, headers)
        if status >= 500:
            raise ProviderAway(f"the token endpoint answered {status}")
        id_token = reported.get("id_token")
        if status != 200 or not isinstance(id_token, str):
            raise RefusedSignIn(
                "refused code", f"{status} {reported.get('error', '')!r}"[:200]
            )
        return id_token

    async def _caller(self, id_token: str, pending: PendingSignIn) -> Caller:
        jwt = parse_jwt(id_token, ASYMMETRIC)
        key = await self.keys.key(jwt.kid, jwt.algorithm)
        claims = verified_claims(jwt, key)
        expires_at = check_claims(
            claims,
            issuer=self._issuer,
            audience=self._client_id,
            now_s=self._clock(),
        )
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise RefusedJwt("wrong azp")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(
            nonce.encode(), pending.nonce.encode()
        ):
            raise RefusedJwt("wrong nonce")
        rights = rights_of_claim(claims)
        if rights is None:
            claim = self._groups_claim
            rights = rights_of_groups(claims, claim, self._group_scopes)
        person = person_of(claims, expires_at, rights)
        # An ID token's `exp` bounds its use as proof, not the session it begins.
        return Caller(
            id=person.id,
            name=person.name,
            kind="jwt",
            scopes=rights.scopes,
            feeds=rights.feeds,
        )

    def _known(self) -> OidcMetadata:
        if self._metadata is None:
            raise ProviderAway("the provider has not been reached yet")
        return self._metadata

    async def _read(self) -> dict[str, Any]:
        document = await self._http.get(discovery_address(self._issuer))
        metadata = read_metadata(document, self._issuer)
        keys = await self._http.get(metadata.jwks_uri)
        self._metadata = metadata
        return keys

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
