//! What does this page want from a person? A small reader of HTML: forms, buttons, links and the elements whose `id`
//! the pages promise to keep (`username`, `password`, `login`; `approve`, `deny`; `continue`; `signed-out`;
//! `error-code`, `request-id`).
//!
//! It reads our own pages and whatever a bank makes of them: tags are found by their syntax, nesting is not checked,
//! scripts, styles and comments are skipped.

/// A page, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// What it is for.
    pub kind: Kind,
    /// Its title.
    pub title: String,
}

/// What a page is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Asks for name and password.
    SignIn(Form),
    /// Asks whether the client may.
    Consent(Form),
    /// Says that nobody is signed in any more: the element `signed-out`.
    SignedOut,
    /// Sends the browser on by itself: `<meta http-equiv="refresh" content="0;url=…">`, or the link `continue`.
    Leave(String),
    /// Says what went wrong.
    Refused {
        /// The text of `error-code`: the OAuth error code.
        code: String,
        /// The text of `request-id`: what the server's log calls this request.
        request_id: String,
        /// The text of `detail`, which a development server adds for whoever is at the keyboard.
        detail: String,
    },
    /// None of these.
    Unknown,
}

/// A form, as a browser would submit it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Form {
    /// Where to; relative to the page, empty for the page itself.
    pub action: String,
    /// `true` unless `method="get"`: none of our forms is submitted with GET.
    pub post: bool,
    controls: Vec<Control>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Control {
    id: String,
    name: String,
    value: String,
    kind: ControlKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ControlKind {
    /// Travels with its value.
    Field,
    /// A checkbox or radio button that travels when it is ticked.
    Tick { on: bool, radio: bool },
    /// Travels when it is the one that was pressed.
    Button,
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    /// The text up to the next tag.
    text: String,
}

impl Page {
    /// Reads a page.
    pub fn parse(html: &str) -> Page {
        let tags = tags(html);
        let text_of =
            |id: &str| tags.iter().find(|tag| tag.attribute("id") == Some(id)).map(|tag| tag.text.clone());
        let title =
            tags.iter().find(|tag| tag.name == "title").map(|tag| tag.text.clone()).unwrap_or_default();
        let forms = forms(&tags);
        let form_with = |ids: [&str; 2]| forms.iter().find(|form| ids.iter().all(|id| form.has(id))).cloned();

        let kind = if let Some(code) = text_of("error-code") {
            Kind::Refused {
                code,
                request_id: text_of("request-id").unwrap_or_default(),
                detail: text_of("detail").unwrap_or_default(),
            }
        } else if let Some(form) = form_with(["username", "password"]) {
            Kind::SignIn(form)
        } else if let Some(form) = form_with(["approve", "deny"]) {
            Kind::Consent(form)
        } else if text_of("signed-out").is_some() {
            Kind::SignedOut
        } else {
            departure(&tags).map_or(Kind::Unknown, Kind::Leave)
        };
        Page { kind, title }
    }
}

impl Form {
    /// Whether there is a control with this `id`.
    pub fn has(&self, id: &str) -> bool {
        self.controls.iter().any(|control| control.id == id)
    }

    /// The form with this typed into the control with this `id`.
    #[must_use]
    pub fn typed(mut self, id: &str, value: &str) -> Form {
        for control in self.controls.iter_mut().filter(|control| control.id == id) {
            value.clone_into(&mut control.value);
        }
        self
    }

    /// The form with every box ticked: the person agrees to all that is offered. Of radio buttons none is touched.
    #[must_use]
    pub fn all_ticked(mut self) -> Form {
        for control in &mut self.controls {
            if let ControlKind::Tick { on, radio: false } = &mut control.kind {
                *on = true;
            }
        }
        self
    }

    /// What is sent when the button with this `id` is pressed, in the order of the page (HTML, "Constructing the entry
    /// list").
    pub fn pressed(&self, button: &str) -> Vec<(String, String)> {
        let travels = |control: &&Control| {
            !control.name.is_empty()
                && match control.kind {
                    ControlKind::Field => true,
                    ControlKind::Tick { on, .. } => on,
                    ControlKind::Button => control.id == button,
                }
        };
        self.controls.iter().filter(travels).map(|one| (one.name.clone(), one.value.clone())).collect()
    }
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn owned(&self, name: &str) -> String {
        self.attribute(name).unwrap_or_default().to_owned()
    }
}

fn forms(tags: &[Tag]) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut inside = false;
    for tag in tags {
        match tag.name.as_str() {
            "form" => {
                inside = true;
                let post = !tag.attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("get"));
                forms.push(Form { action: tag.owned("action"), post, controls: Vec::new() });
            }
            "/form" => inside = false,
            "input" | "button" | "textarea" if inside && tag.attribute("disabled").is_none() => {
                if let Some(form) = forms.last_mut() {
                    form.controls.push(control(tag));
                }
            }
            _ => {}
        }
    }
    forms
}

fn control(tag: &Tag) -> Control {
    let kind = tag.attribute("type").unwrap_or_default().to_ascii_lowercase();
    let on = tag.attribute("checked").is_some();
    let (kind, default) = match (tag.name.as_str(), kind.as_str()) {
        ("button", _) | (_, "submit" | "image" | "reset" | "button") => (ControlKind::Button, String::new()),
        (_, "checkbox") => (ControlKind::Tick { on, radio: false }, "on".to_owned()),
        (_, "radio") => (ControlKind::Tick { on, radio: true }, "on".to_owned()),
        ("textarea", _) => (ControlKind::Field, tag.text.clone()),
        _ => (ControlKind::Field, String::new()),
    };
    let value = tag.attribute("value").map_or(default, str::to_owned);
    Control { id: tag.owned("id"), name: tag.owned("name"), value, kind }
}

/// Where the page sends the browser, if it does.
fn departure(tags: &[Tag]) -> Option<String> {
    let refresh = tags.iter().find(|tag| {
        tag.name == "meta"
            && tag.attribute("http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("refresh"))
    });
    let from_meta = refresh.and_then(|tag| {
        let (_, after) = tag.attribute("content")?.split_once(';')?;
        let (name, url) = after.split_once('=')?;
        name.trim().eq_ignore_ascii_case("url").then(|| url.trim().trim_matches(['"', '\'']).to_owned())
    });
    from_meta.or_else(|| {
        let link = tags.iter().find(|tag| tag.name == "a" && tag.attribute("id") == Some("continue"))?;
        link.attribute("href").map(str::to_owned)
    })
}

/// Every tag with its attributes and the text that follows it. Of a closing tag the name begins with `/`.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = rest.get(start + 1..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        if !rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/') {
            continue;
        }
        let (tag, after) = tag(rest);
        rest = after;
        if matches!(tag.name.as_str(), "script" | "style") {
            let end = format!("</{}", tag.name);
            rest = rest.find(&end).and_then(|at| rest.get(at..)).unwrap_or_default();
        }
        tags.push(tag);
    }
    tags
}

/// The tag at the start of `input`, after its `<`, and what comes after it.
fn tag(input: &str) -> (Tag, &str) {
    let name_end = input.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(input.len());
    let (name, mut rest) = input.split_at(name_end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            break;
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))
            .unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(end.max(1).min(rest.len()));
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('=') {
            None => ("", after),
            Some(after) => value(after.trim_start()),
        };
        attributes.push((attribute.to_ascii_lowercase(), unescape(value)));
        rest = after;
    }
    let rest = rest.strip_prefix('>').unwrap_or(rest);
    let text = rest.split('<').next().unwrap_or_default();
    let name = name.trim_end_matches('/').to_ascii_lowercase();
    (Tag { name, attributes, text: unescape(text.trim()) }, rest)
}

fn value(input: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = input.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    let end = input.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(input.len());
    input.split_at(end)
}

/// The text without character references: the five of XML, and numbers.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, reference) = rest.split_at(start);
        plain.push_str(before);
        let known = reference.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        let (character, after) = known.unwrap_or(('&', reference.get(1..).unwrap_or_default()));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn character(reference: &str) -> Option<char> {
    match reference {
        "&amp" => Some('&'),
        "&lt" => Some('<'),
        "&gt" => Some('>'),
        "&quot" => Some('"'),
        "&apos" => Some('\''),
        _ => {
            let digits = reference.strip_prefix("&#")?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
