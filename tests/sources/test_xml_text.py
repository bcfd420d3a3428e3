"""XML from elsewhere is read without document types."""

import pytest

from clipit.sources.xml_text import parse_xml

BOMB = """<?xml version="1.0"?>
<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><bomb>&b;</bomb>"""


def test_a_document_is_read() -> None:
    assert [child.attrib for child in parse_xml("<a><b x='1'/><b x='2'/></a>")] == [{"x": "1"}, {"x": "2"}]


@pytest.mark.parametrize(
    "text", [BOMB, BOMB.encode("utf-16"), '<!DOCTYPE a SYSTEM "file:///etc/hostname"><a>&b;</a>', "<!DOCTYPE a><a/>"]
)
def test_a_document_type_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="DOCTYPE"):
        parse_xml(text)


@pytest.mark.parametrize("text", ["", "<a>", "text", b"\xff\xfe\x00", "<a>&undeclared;</a>"])
def test_what_is_not_xml_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="not XML"):
        parse_xml(text)
