"""Text to tokens and back, against the plainest form of each algorithm."""

from itertools import pairwise, product

import pytest
from gguf import TokenType
from hypothesis import given
from hypothesis import strategies as st

from devicemodels.errors import UserError
from sim.checkpoint.tokenizer import BytePairTokenizer, SentencePieceTokenizer, Vocabulary
from sim.checkpoint.tokenizer.byte_pair import _letters
from sim.checkpoint.tokenizer.merging import merge
from sim.checkpoint.tokenizer.pretokenise import split

NORMAL, CONTROL, BYTE = TokenType.NORMAL, TokenType.CONTROL, TokenType.BYTE
SPACE = "\u2581"
WORDS = [SPACE, "a", "b", "c", "ab", "bc", "abc", SPACE + "a", SPACE + SPACE, "é", SPACE + "ab", "cc"]
SCORES = [-9.0, -9.0, -9.0, -9.0, -3.0, -2.0, -1.0, -4.0, -4.0, -9.0, -2.5, -2.0]
# "<" and "s>" are words and "<s>" is a control token, which no text may turn into.
TRAP = ["<", "s", ">", "s>"]


def vocabulary(words, kinds=None, **changes):
    tokens = ("<unk>", "<s>", "</s>", *words)
    kinds = (TokenType.UNKNOWN, CONTROL, CONTROL, *(kinds or [NORMAL] * len(words)))
    return Vocabulary(
        **{"tokens": tokens, "kinds": kinds, "bos": 1, "eos": 2, "unknown": 0, "add_bos": True, **changes}
    )


def sentencepiece(words=WORDS, scores=SCORES, *, fallback=True, kinds=None, prefix=True, **changes):
    """Make a tokenizer of some words, with or without the 256 byte tokens."""
    extra = [f"<0x{byte:02X}>" for byte in range(256)] if fallback else []
    all_kinds = [*(kinds or [NORMAL] * len(words)), *[BYTE] * len(extra)]
    words = vocabulary([*words, *extra], all_kinds, **changes)
    return SentencePieceTokenizer(words, scores=(0.0, 0.0, 0.0, *scores, *[0.0] * len(extra)), add_space_prefix=prefix)


def pieces(tokenizer, text, **options):
    return [tokenizer.vocabulary.tokens[token] for token in tokenizer.encode(text, **options)]


# Merging


def merge_plainly(symbols, priority):
    """Search all pairs for the best, join it, begin again."""
    symbols = list(symbols)
    while True:
        ranks = [(priority(*pair), at) for at, pair in enumerate(pairwise(symbols))]
        ranks = [rank for rank in ranks if rank[0] is not None]
        if not ranks:
            return symbols
        at = min(ranks)[1]
        symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]


def test_the_highest_score_is_joined_first_not_the_longest_or_leftmost():
    assert pieces(sentencepiece(prefix=False), "abcc", bos=False) == ["abc", "c"]
    assert pieces(sentencepiece(prefix=False), "abb", bos=False) == ["ab", "b"]
    assert pieces(sentencepiece(prefix=False), "bcc", bos=False) == ["bc", "c"]  # equal scores: leftmost


MERGEABLE = ["".join(letters) for size in range(2, 6) for letters in product("ab", repeat=size)]


@given(st.text("ab", max_size=40), st.dictionaries(st.sampled_from(MERGEABLE), st.integers(0, 9), min_size=12))
def test_merge_equals_the_plain_search(text, ranks):
    def priority(left, right):
        return ranks.get(left + right)

    assert merge(text, priority) == merge_plainly(text, priority)


# SentencePiece


def test_a_text_begins_with_the_first_token_and_a_space():
    tokenizer = sentencepiece()
    assert pieces(tokenizer, "ab") == ["<s>", SPACE + "ab"]
    assert pieces(tokenizer, "ab", bos=False) == [SPACE + "ab"]
    assert pieces(sentencepiece(prefix=False), "ab") == ["<s>", "ab"]
    assert pieces(sentencepiece(add_bos=False), "ab") == [SPACE + "ab"]
    assert (tokenizer.encode(""), tokenizer.encode("", bos=False)) == ([1], [])


def test_characters_without_a_token_become_their_bytes():
    assert pieces(sentencepiece(), "aé☃", bos=False) == [SPACE + "a", "é", "<0xE2>", "<0x98>", "<0x83>"]


def test_without_byte_tokens_a_character_is_unknown_or_refused():
    assert pieces(sentencepiece(fallback=False), "a☃b", bos=False) == [SPACE + "a", "<unk>", "b"]
    with pytest.raises(UserError, match="'☃' is not in the model's vocabulary"):
        sentencepiece(fallback=False, unknown=None).encode("a☃")


def test_no_text_becomes_a_control_token():
    tokenizer = sentencepiece(TRAP, [0.0] * len(TRAP), prefix=False)
    assert pieces(tokenizer, "<s>", bos=False) == ["<", "s>"]


def test_user_defined_tokens_are_cut_out_longest_first():
    kinds = [NORMAL] * len(WORDS) + [TokenType.USER_DEFINED] * 2
    tokenizer = sentencepiece([*WORDS, "ax", "xbb"], [*SCORES, 0.0, 0.0], kinds=kinds)
    assert pieces(tokenizer, "axbbc", bos=False) == [SPACE + "a", "xbb", SPACE, "c"]
    assert pieces(tokenizer, "axax", bos=False) == ["ax", "ax"]


def test_lone_surrogates_are_refused():
    with pytest.raises(UserError, match="not valid Unicode at character 2"):
        sentencepiece().encode("ab\ud800")


@given(st.text(st.sampled_from("abcé \n☃<s>") | st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back(text):
    tokenizer = sentencepiece()
    wanted = text.replace(SPACE, " ")  # the one character that stands for another
    assert tokenizer.decode(tokenizer.encode(text)) == wanted
    assert tokenizer.decode(tokenizer.encode(text, bos=False)) == wanted
    assert "".join(tokenizer.stream(tokenizer.encode(text), continued=False)) == wanted


@given(st.lists(st.integers(0, 270)), st.booleans())
def test_streamed_pieces_are_the_decoded_text(ids, continued):
    tokenizer = sentencepiece()
    assert "".join(tokenizer.stream(ids, continued=continued)) == tokenizer.decode(ids, continued=continued)


def test_a_stream_holds_back_half_a_character():
    tokenizer = sentencepiece()
    ids = tokenizer.encode("a☃b", bos=False)
    assert list(tokenizer.stream(ids)) == [" a", "", "", "☃", "b", ""]
    assert list(tokenizer.stream(ids[:2])) == [" a", "", "\N{REPLACEMENT CHARACTER}"]


def test_decoding_takes_one_space_from_the_beginning_only():
    tokenizer = sentencepiece()
    ids = tokenizer.encode(" a a")
    assert tokenizer.decode(ids) == " a a"
    assert tokenizer.decode(ids, continued=True) == "  a a"
    assert tokenizer.piece(ids[-1]) == " a"


def test_control_tokens_and_the_unknown_decode_to_nothing():
    tokenizer = sentencepiece()
    assert [tokenizer.piece(token) for token in (0, 1, 2)] == ["", "", ""]


@pytest.mark.parametrize("token", [-1, 271])
def test_numbers_outside_the_vocabulary_are_refused(token):
    with pytest.raises(ValueError, match=f"token {token} is outside the vocabulary of 271"):
        sentencepiece().decode([1, token])


# Byte pairs

MERGES = (("Ġ", "a"), ("a", "b"), ("Ġ", "ab"), ("1", "2"), ("Ã", "©"), ("b", "c"), ("ab", "c"))


def byte_pair(pretokeniser="gpt-2", merges=MERGES, extra=(), kinds=(), **changes):
    words = [*_letters(), *dict.fromkeys(left + right for left, right in merges), *extra]
    all_kinds = [NORMAL] * (len(words) - len(kinds)) + list(kinds)
    options = {"add_bos": False, **changes}
    return BytePairTokenizer(vocabulary(words, all_kinds, **options), merges=merges, pretokeniser=pretokeniser)


def test_bytes_that_do_not_print_are_written_from_u0100_on():
    letters = _letters()
    assert (letters[ord("A")], letters[0], letters[ord(" ")], letters[ord("\n")], letters[0xAD]) == tuple("AĀĠĊŃ")
    assert len(set(letters)) == 256


def test_the_earliest_merge_goes_first():
    tokenizer = byte_pair()
    assert pieces(tokenizer, "abc") == ["abc"]
    assert pieces(tokenizer, " abc") == ["Ġa", "bc"]  # "Ġ a" comes before "a b", then only "b c" is left
    assert pieces(tokenizer, "é12 12") == ["Ã©", "12", "Ġ", "12"]
    assert pieces(byte_pair("smollm"), "12") == ["1", "2"]


def test_of_equal_merges_the_first_counts():
    tokenizer = byte_pair(merges=(("a", "b"), ("b", "c"), ("a", "b")))
    assert pieces(tokenizer, "abc") == ["ab", "c"]


def test_llama3_takes_whole_words_and_begins_with_the_first_token():
    extra = ["abcabc"]
    assert pieces(byte_pair("gpt-2", extra=extra), "abcabc") == ["abc", "abc"]
    assert pieces(byte_pair("llama-bpe", extra=extra, add_bos=True), "abcabc") == ["<s>", "abcabc"]


def test_a_byte_without_a_token_is_left_out():
    letters = [letter for letter in _letters() if letter != "Ā"]
    tokenizer = BytePairTokenizer(vocabulary(letters, add_bos=False), merges=(), pretokeniser="gpt-2")
    assert tokenizer.decode(tokenizer.encode("a\0b")) == "ab"


def test_user_defined_tokens_stand_for_themselves():
    tokenizer = byte_pair(extra=["<é>"], kinds=[TokenType.USER_DEFINED])
    ids = tokenizer.encode("a<é>b")
    assert [tokenizer.piece(token) for token in ids] == ["a", "<é>", "b"]


@pytest.mark.parametrize("pretokeniser", ["gpt-2", "smollm", "llama-bpe", "default"])
@given(text=st.text(st.sampled_from("abc 12'\n\t.é") | st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back_from_byte_pairs(pretokeniser, text):
    tokenizer = byte_pair(pretokeniser)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(split(text, pretokeniser)) == text


@given(st.text("abc12é ", max_size=30))
def test_byte_pairs_equal_the_plain_search(text):
    tokenizer, ranks = byte_pair(), {pair: rank for rank, pair in enumerate(MERGES)}
    words = ["".join(_letters()[byte] for byte in word.encode()) for word in split(text, "gpt-2")]
    wanted = [piece for word in words for piece in merge_plainly(word, lambda *pair: ranks.get(pair))]
    assert pieces(tokenizer, text) == wanted


SPLITS = [
    ("gpt-2", "Don't I'LL", ["Don", "'t", " I", "'", "LL"]),
    ("gpt-2", "a  b\n\nc \n", ["a", " ", " b", "\n", "\n", "c", " \n"]),
    ("gpt-2", "x=12½ ², ⅷé", ["x", "=", "12½", " ²", ",", " ⅷ", "é"]),
    ("gpt-2", "a \x1cb\u3000c \u200bd", ["a", " \x1c", "b", "\u3000", "c", " \u200b", "d"]),
    ("gpt-2", "e\u0301e", ["e", "\u0301", "e"]),
    ("smollm", "in 1984", ["in", " ", "1", "9", "8", "4"]),
    ("llama-bpe", "I'LL (see 12345)\n\n x", ["I", "'LL", " (", "see", " ", "123", "45", ")\n\n", " x"]),
    ("default", "a+b 12345!", ["a", "+", "b", " ", "123", "45", "!"]),
]


@pytest.mark.parametrize(("pretokeniser", "text", "words"), SPLITS)
def test_words(pretokeniser, text, words):
    assert split(text, pretokeniser) == words
