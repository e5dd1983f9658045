"""Texts to words: the rule against Python's own regular expressions, the hash against zlib, counts against scikit-learn."""

from __future__ import annotations

import re
import unicodedata
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from logreg_dist.staging.words import WordDictionary, hashed, listed, word_counts

TEXTS = [
    "To be, or NOT to be: that is the question!",
    "",
    "  ...  ",
    "Ärger über STRASSE, naïve café_2 x86-64",
    "中文 слова ١٢٣ №5 a_b",
    None,
    "be be be",
]


def words_of(text: str | None) -> list[str]:
    """Runs of what Python calls letters and digits."""
    return re.findall(r"[^\W_]+", (text or "").lower())


def counted(texts, values="counts"):
    dictionary = WordDictionary(1000)
    rows = word_counts(pa.array(texts, pa.string()), dictionary.codes_of, values)
    names = list(dictionary.numbers)
    found = []
    for start, stop in zip(rows.starts[:-1], rows.starts[1:], strict=True):
        columns = rows.columns[start:stop]
        assert (np.diff(columns) > 0).all()
        found.append({names[k]: v for k, v in zip(columns, rows.values[start:stop], strict=True)})
    return found


def test_words_are_runs_of_letters_and_digits_in_lower_case():
    expected = [{w: float(words_of(t).count(w)) for w in words_of(t)} for t in TEXTS]
    assert counted(TEXTS) == expected


# Of letters whose lower case Python makes of several characters, or by their place in the word, the rule has one.
# Letters that Unicode gained later are letters in one table and not yet in the other.
PLAIN = st.characters(max_codepoint=0xFFFF, exclude_characters="İΣ", exclude_categories=["Cs"]).filter(
    lambda c: unicodedata.ucd_3_2_0.category(c) != "Cn"
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(PLAIN, max_size=12), min_size=1, max_size=4))
def test_the_rule_is_that_of_python_for_any_text(texts):
    for found, text in zip(counted(texts), texts, strict=True):
        assert found == {w: float(words_of(text).count(w)) for w in words_of(text)}


@pytest.mark.parametrize(("values", "expected"), [("binary", 1.0), ("log", np.log(4.0)), ("counts", 3.0)])
def test_a_word_that_is_there_three_times_counts_as_asked(values, expected):
    assert counted(["be be be"], values) == [{"be": pytest.approx(expected, rel=1e-15)}]


def test_counts_are_those_of_scikit_learn():
    vectorizer = CountVectorizer(token_pattern=r"[^\W_]+")
    texts = [t or "" for t in TEXTS]
    expected = vectorizer.fit_transform(texts).toarray()
    rows = word_counts(pa.array(texts), listed(vectorizer.vocabulary_), "counts")
    found = np.zeros_like(expected, dtype=float)
    found[rows.rows(), rows.columns] = rows.values
    np.testing.assert_array_equal(found, expected)


def test_a_bucket_is_the_crc32_of_the_word_and_shared_buckets_add_up():
    words = sorted({w for t in TEXTS for w in words_of(t)})
    for n_buckets in (2, 8, 2**20):
        expected = [zlib.crc32(w.encode("utf-8")) % n_buckets for w in words]
        assert hashed(n_buckets)(words).tolist() == expected
    rows = word_counts(pa.array(["a b c d e f g h"]), hashed(2), "counts")
    assert rows.values.sum() == 8
    assert len(rows.columns) == 2


def test_words_that_are_not_listed_have_no_entry():
    rows = word_counts(pa.array(["new old new", "new"]), listed({"old": 4}), "counts")
    assert (rows.starts.tolist(), rows.columns.tolist()) == ([0, 1, 1], [4])


def test_a_dictionary_that_is_full_says_so_and_keeps_what_it_has():
    dictionary = WordDictionary(2)
    assert dictionary.codes_of(["a", "b"]).tolist() == [0, 1]
    assert not dictionary.overflowed
    assert dictionary.codes_of(["b", "c", "a"]).tolist() == [1, -1, 0]
    assert dictionary.overflowed


def test_a_slice_of_texts_has_the_words_of_its_rows():
    whole = pa.array(TEXTS, pa.string())
    part = word_counts(whole.slice(3, 2), hashed(2**16), "counts")
    alone = word_counts(pa.array(TEXTS[3:5]), hashed(2**16), "counts")
    assert part.columns.tolist() == alone.columns.tolist()
    assert part.starts.tolist() == alone.starts.tolist()


def test_a_full_dictionary_is_not_too_full_for_a_text_that_ends_between_words():
    dictionary = WordDictionary(2)
    assert dictionary.codes_of(["a", "b"]).tolist() == [0, 1]
    assert dictionary.codes_of(["", "a"]).tolist() == [-1, 0]
    assert not dictionary.overflowed
    assert dictionary.codes_of(["c"]).tolist() == [-1]
    assert dictionary.overflowed
