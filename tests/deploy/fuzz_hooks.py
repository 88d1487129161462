"""What a client has to do that no schema can say (schemathesis.toml)."""
import re
import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """A new request needs a new Idempotency-Key; one that is malformed on purpose stays so."""
    for name in case.headers or {}:
        if name.lower() == "idempotency-key" and re.fullmatch(r"[!-~]{1,128}", str(case.headers[name])):
            case.headers[name] = str(uuid.uuid4())
