"""Reading of HTML pages in tests."""

from html.parser import HTMLParser

import cv2
import numpy as np


class Page(HTMLParser):
    """What a browser would find: ids, text, and every address it would ask for."""

    VOID = frozenset({"meta", "link", "img", "br", "input"})

    def __init__(self, html):
        super().__init__()
        self.ids, self.addresses, self.words, self.open = set(), [], [], []
        self.feed(html)
        assert self.open == [], f"unclosed elements: {self.open}"

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            if name in {"src", "href", "action", "data", "srcset", "poster"}:
                self.addresses.append(value)
            assert not name.startswith("on"), f"{tag} has the attribute {name}"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def jpeg():
    return cv2.imencode(".jpg", np.full((12, 16, 3), 90, np.uint8))[1].tobytes()
