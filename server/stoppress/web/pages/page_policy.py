"""The Content-Security-Policies of our pages.

Rules: no inline script or style; scripts and styles of the site only; Trusted Types
required, with the one policy that each script makes. `docs/content.md` lists them.
"""

from __future__ import annotations

from stoppress.settings import Settings


def page_policy(settings: Settings, ancestors: str = "'self'") -> str:
    """The policy of readers' pages; `ancestors`: which pages may frame one."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src {settings.picture_sources}; frame-src {settings.frame_sources}; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}; "
        "require-trusted-types-for 'script'; trusted-types stop-press"
    )


def desk_policy(settings: Settings) -> str:
    """The policy of the desk's pages."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src {settings.picture_sources} blob:; font-src 'self'; "
        "form-action 'self'; "
        "base-uri 'none'; manifest-src 'self'; worker-src 'self'; "
        "frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types stop-press-desk"
    )
