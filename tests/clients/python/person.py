"""The person and the browser: signs in, allows, and is sent back to the client."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests


def sign_in(start, me):
    """From the address that the client sends the browser to, to the address with which the browser comes back."""
    with requests.Session() as browser:
        browser.verify, browser.trust_env = me.ca, False
        response = browser.get(start, allow_redirects=False)
        for _ in range(12):
            page = Page(response.text)
            onward = response.headers.get("Location") or page.onward
            if onward and onward.startswith(me.redirect_uri):
                return onward
            if onward:
                response = browser.get(urljoin(response.url, onward), allow_redirects=False)
                continue
            if page.action is None:
                raise RuntimeError(f"the person is stuck ({response.status_code}): {' '.join(page.words)}")
            action = urljoin(response.url, page.action)
            origin = "://".join(urlsplit(action)[:2])
            form = page.filled({"username": me.username, "password": me.password}, pressed=("login", "approve"))
            response = browser.post(action, data=form, headers={"Origin": origin}, allow_redirects=False)
        raise RuntimeError(f"the person is sent around in circles, lately to {response.url.partition('?')[0]}")


class Page(HTMLParser):
    """A page, as far as a person has to do something about it."""

    def __init__(self, html):
        super().__init__()
        self.action = self.onward = None
        self.controls, self.words = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes.get("action")
        elif tag in ("input", "button"):
            self.controls.append(attributes)
        elif tag == "meta" and attributes.get("http-equiv") == "refresh":
            self.onward = attributes["content"].partition("url=")[2]

    def handle_data(self, data):
        self.words += data.split()

    def filled(self, typed, pressed):
        """The form as a browser sends it when one of these buttons is pressed."""
        travels = lambda one: "name" in one and (one.get("type") != "submit" or one.get("id") in pressed)
        return {
            one["name"]: typed.get(one.get("id"), one.get("value", "")) for one in self.controls if travels(one)
        }
