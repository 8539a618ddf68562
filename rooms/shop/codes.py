"""The codes by which a host calls products and variants on the stream."""

from __future__ import annotations

import re
import unicodedata

from moderation.folding import fold_char
from server.errors import Refused

MOST = 20
"""Characters that a code has at most."""

_ALIKE = str.maketrans("\u2010\u2011\u2012\u2013\u2212\u2019", "-----'")
_CODE = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*", re.DOTALL)


def folded(text: str) -> str:
    """Give the form in which two ways of writing the same are equal: case, width, digits, marks.

    Unlike the folding of filters and search it keeps what is there twice: XL is not XXL.
    """
    plain = "".join(map(fold_char, unicodedata.normalize("NFKC", text).translate(_ALIKE)))
    return " ".join(plain.split())


def read_code(value: object, *, field: str = "code") -> str:
    """Give a code as it is stored: folded, letters and digits, single blanks or hyphens between.

    "" for None or nothing; Refused `invalid` with `field` otherwise.
    """
    code = folded(value) if isinstance(value, str) else None if value is not None else ""
    if code == "" or (code is not None and len(code) <= MOST and _is_code(code)):
        return code
    raise Refused(
        "invalid", f"A code takes letters and digits, at most {MOST}.", field=field, problem="code"
    )


def _is_code(code: str) -> bool:
    # Vowel signs of Thai and Indic scripts are marks, which \w leaves out.
    letters = "".join("a" if unicodedata.category(c)[0] in "LMN" else c for c in code)
    return _CODE.fullmatch(letters) is not None
