"""XML from elsewhere."""

from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser


class _NoDoctype(TreeBuilder):
    """A document type is where entities that multiply, or read files, are declared."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a document type (DOCTYPE), which is not read")


def parse_xml(text: str | bytes) -> Element:
    """The root of an XML document without a document type.

    Raises:
        ValueError: it is not XML, or declares a document type.
    """
    parser = XMLParser(target=_NoDoctype())
    try:
        parser.feed(text)
        root: Element = parser.close()
    except ParseError as error:
        raise ValueError(f"it is not XML ({error})") from error
    return root
