from typing import Any

import pytest
from hpack import Decoder, Encoder, HPACKDecodingError, HPACKError, NeverIndexedHeaderTuple
from hpack.hpack import decode_integer
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.header_blocks import HeaderBlocks
from tools.line_double.http2_encoding import TABLE_TO_ZERO, encode_integer
from tools.line_double.huffman import decode_huffman

_huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
paths = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=200).map(lambda text: "/" + text)
tokens = st.integers(0, 3).map(lambda number: f"double-{number}-secret")


@given(st.binary(max_size=300))
def test_huffman_text_comes_back(text: bytes) -> None:
    assert decode_huffman(_huffman.encode(text)) == text


@pytest.mark.parametrize("coded", [b"\xff\xff\xff\xff", b"\x00", b"\xff\xff\xff\xfa"])
def test_bytes_that_are_no_huffman_code_are_refused(coded: bytes) -> None:
    with pytest.raises(HPACKDecodingError):
        decode_huffman(coded)


def request_block(encoder: Encoder, path: str, token: str, *, index_path: bool, huffman: bool) -> bytes:
    fields: list[Any] = [
        (":method", "GET"),
        (":path", path) if index_path else NeverIndexedHeaderTuple(":path", path),
        (":scheme", "http"),
        (":authority", "127.0.0.1"),
        ("user-agent", "a client"),
        NeverIndexedHeaderTuple("authorization", f"Bearer {token}"),
    ]
    return bytes(encoder.encode(fields, huffman=huffman))


@given(st.lists(st.tuples(paths, tokens, st.booleans(), st.booleans()), min_size=1, max_size=30), st.booleans())
def test_recognised_blocks_say_what_decoded_ones_say(
    requests: list[tuple[str, str, bool, bool]], shrink_table: bool
) -> None:
    encoder, blocks = Encoder(), HeaderBlocks()
    for number, (path, token, index_path, huffman) in enumerate(requests):
        if shrink_table and number == 2:
            encoder.header_table_size = 0
        fields = blocks.read(request_block(encoder, path, token, index_path=index_path, huffman=huffman))
        assert (fields.method, fields.path, fields.headers.token) == ("GET", path, token)


def test_equal_headers_are_one_object() -> None:
    encoder, blocks = Encoder(), HeaderBlocks()
    read = [
        blocks.read(request_block(encoder, f"/{number}", "double-1-x", index_path=False, huffman=True)).headers
        for number in range(4)
    ]
    assert read[1] is read[2] is read[3]


def test_a_block_cut_short_is_taken_as_the_library_takes_it() -> None:
    encoder = Encoder()
    whole = [request_block(encoder, "/v2/U1", "double-1-x", index_path=False, huffman=True) for _ in range(3)]
    for size in range(len(whole[2])):
        blocks, library = HeaderBlocks(), Decoder()
        for block in whole:
            blocks.read(block)
            library.decode(block)
        cut = whole[2][:size]
        try:
            expected = {str(name): str(value) for name, value in library.decode(cut)}
        except HPACKError:
            with pytest.raises(HPACKError):
                blocks.read(cut)
            continue
        if ":path" not in expected:
            with pytest.raises(ValueError, match=":path"):
                blocks.read(cut)
        else:
            assert blocks.read(cut).path == expected[":path"]


def test_a_block_without_path_is_no_request() -> None:
    with pytest.raises(ValueError, match=":path"):
        HeaderBlocks().read(Encoder().encode([(":method", "GET")]))


@given(st.integers(0, 100_000), st.integers(4, 7))
def test_integers_are_coded_as_hpack_codes_them(value: int, prefix_bits: int) -> None:
    coded = encode_integer(value, prefix_bits, 0)
    assert decode_integer(coded, prefix_bits) == (value, len(coded))


@pytest.mark.parametrize(
    "answer", [answers.NOT_FOUND, answers.RATE_LIMITED, answers.UNAVAILABLE, answers.HTML_400, Answer(200, b"x" * 300)]
)
def test_every_form_of_a_head_decodes_to_the_same_headers(answer: Answer) -> None:
    request_id = b"00000001-0000-4000-8000-000000000001"
    head, decoder = answer.head, Decoder()
    decoder.decode(answers.NOT_FOUND.head.priming.block + request_id)
    forms = [decoder.decode(form.block + request_id) for form in (head.literal, head.indexed)]
    forms.append(Decoder().decode(TABLE_TO_ZERO + head.literal.block + request_id))
    forms.append(Decoder().decode(head.priming.block + request_id))
    for form in forms:
        headers = {str(name): str(value) for name, value in form}
        assert headers == {str(name): str(value) for name, value in forms[0]}
        assert headers[":status"] == str(head.status)
        assert headers["content-length"] == str(len(answer.body))
        assert headers["x-line-request-id"] == request_id.decode()


def test_the_edge_answers_with_216_bytes_of_html() -> None:
    assert len(answers.HTML_400.body) == 216
    assert b"content-type: text/html" in answers.HTML_400.head.keep_1
