"""What came back from a call that did not succeed, told apart by whether it may have been carried out.

Raised by `Client` and translated by the kinds into what follows; nothing here decides that. The tree:

    ClaudeError
     ├─ Unsent               nothing left this process: no connection, no TLS, no free socket, or a paused budget
     ├─ Refused              surely not carried out
     │   ├─ BadRequest       400, 413, 422, or arguments that can't be put into a request
     │   │   └─ CursorRefused  the cursor of a later page was refused: read the list from its start
     │   ├─ Unauthorized     401, or a key that no header can carry
     │   ├─ BillingRequired  402
     │   ├─ Forbidden        403
     │   ├─ NotFound         404
     │   └─ RateLimited      429
     └─ Unclear              nobody knows whether it was carried out
         ├─ Conflict         409
         ├─ ServerFault      5xx, 3xx and every other status
         │   └─ Overloaded   529
         ├─ Unreadable       2xx, but not the JSON that was asked for
         │   └─ TooLarge     2xx, and larger than anything that can be read
         └─ Lost             the answer did not come: time-out, cut connection, broken protocol
"""

from __future__ import annotations


class ClaudeError(Exception):
    """One call that did not succeed.

    `message` is one short line without keys, request ids and control characters, and the same for the same trouble.
    `status` is the HTTP status, None when there was none. `workspace` is the anthropic-workspace-id of the answer.
    `request_id` is for the log only: it differs each time.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        workspace: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.workspace = workspace
        self.request_id = request_id


class Unsent(ClaudeError):
    """Nothing left this process. `retry_at` (monotonic seconds) is set when a 429 has paused the budget until then."""

    def __init__(self, message: str, *, retry_at: float | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class Refused(ClaudeError):
    """The API said no: surely not carried out."""


class BadRequest(Refused):
    """400, 413 or 422: this request will never be taken as it is.

    `status` is None when it was refused here, because an id in it can't be a part of a path.
    """


class CursorRefused(BadRequest):
    """The cursor of a later page was refused, most likely because it has expired: read the list from its start."""


class Unauthorized(Refused):
    """401: the key is wrong or missing. `status` is None when no header can carry the key, and it was not sent."""


class BillingRequired(Refused):
    """402: the account can't pay."""


class Forbidden(Refused):
    """403: the key may not do this."""


class NotFound(Refused):
    """404: not there for this key and workspace, which is no proof that it is nowhere."""


class RateLimited(Refused):
    """429: too many calls. `retry_after` is in seconds, None when the answer named no time."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        workspace: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, workspace=workspace, request_id=request_id)
        self.retry_after = retry_after


class Unclear(ClaudeError):
    """Nobody knows whether it was carried out: look before anything is sent again."""


class Conflict(Unclear):
    """409: something stood in the way, and the API does not tell what was done before it was met."""


class ServerFault(Unclear):
    """5xx, a redirect (never followed), or any other status. `retry_after` is in seconds where the answer named it."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        workspace: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, workspace=workspace, request_id=request_id)
        self.retry_after = retry_after


class Overloaded(ServerFault):
    """529: the API has too much to do, for everybody."""


class Unreadable(Unclear):
    """2xx, but the body is not the JSON that was asked for, or the same pages came again and again."""


class TooLarge(Unreadable):
    """2xx, but larger than anything that can be read: nothing of it was. A list may be read in smaller pages."""


class Lost(Unclear):
    """The answer did not come: time-out, cut connection or broken protocol."""
