"""The address of the first sign-in, for a server without any token.

Rules: it is made by the parent process, not by its workers, so that it is printed once;
there is none if a token or an identity provider allows sign-in.
"""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from stoppress.domain.errors import Unavailable
from stoppress.identity.first_sign_in_without_tokens import FirstSignIn
from stoppress.log.connect import reach
from stoppress.log.session_and_single_use_store import RedisSessionStore
from stoppress.log.store import RedisStore
from stoppress.settings import Settings

log = logging.getLogger(__name__)


async def sign_in_address(settings: Settings) -> str | None:
    """A new address; None if there is another way to sign in. Logs a failure."""
    if settings.admin_secret or settings.oidc_issuer:
        return None
    try:
        shards = await reach(settings.redis, settings)
        try:
            tokens = RedisStore(shards, settings)

            async def is_open() -> bool:
                return not await tokens.tokens()

            code = await FirstSignIn(RedisSessionStore(shards), is_open).make()
        finally:
            await shards.aclose()
    except Unavailable as error:
        log.warning("the address of the first sign-in could not be made: %s", error)
        return None
    if code is None:
        return None
    return f"{settings.base}/desk/first?{urlencode({'code': code})}"
