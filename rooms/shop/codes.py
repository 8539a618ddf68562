"""How codes of products and variants are compared with what people write in comments."""

from __future__ import annotations

import unicodedata

from moderation.folding import fold_char

_ALIKE = str.maketrans("\u2010\u2011\u2012\u2013\u2212\u2019", "-----'")


def folded(text: str) -> str:
    """Give the form in which two ways of writing the same are equal: case, width, digits, marks.

    Kana are one, accents and vowel signs go: more than the catalogue folds, whose codes hosts read.
    Unlike the folding of filters and search it keeps what is there twice: XL is not XXL.
    """
    plain = "".join(map(fold_char, unicodedata.normalize("NFKC", text).translate(_ALIKE)))
    return " ".join(plain.split())
