//! What stands in a Secret? Redirect URIs, key sets, certificates: read once, and what is wrong said by object, key and line,
//! never by content.

use std::fmt;

use fapi_core::Timestamp;
use fapi_core::certificate::{CertificateFacts, describe_pem};
use fapi_core::redirect::RedirectUri;
use fapi_crds::Reason;
use fapi_jose::{JwkError, JwkSet, JwkSetError};

/// Something that is referred to and cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(reason: Reason, place: &Place<'_>, message: impl fmt::Display) -> Self {
        Self { reason, message: format!("{place}{message}") }
    }

    /// Whether it acts at once. What is merely gone or unreadable may be a slip, and the last good content goes on for a while;
    /// what has expired, is weak, or may not be read is refused now (DESIGN §10).
    pub(super) fn is_immediate(&self) -> bool {
        matches!(
            self.reason,
            Reason::ClientIdConflict
                | Reason::Expired
                | Reason::InvalidClientId
                | Reason::NotAllowedByWorkspace
                | Reason::NotLabelled
                | Reason::WeakKey
        )
    }
}

/// The object and key that something was read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) kind: &'static str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) key: &'a str,
}

/// `Secret auth/app-redirects key redirect-uris `, to be followed by what is wrong.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{} key {} ", self.kind, self.namespace, self.name, self.key)
    }
}

/// The most redirect URIs of one client.
pub(super) const MAX_REDIRECT_URIS: usize = 256;

/// Redirect URIs: a JSON array of strings, or one a line, with blank lines and `#` comments between them.
pub(super) fn redirect_uris(place: &Place<'_>, bytes: &[u8]) -> Result<Vec<RedirectUri>, Problem> {
    let wrong = |message: String| Problem::new(Reason::InvalidRedirectUri, place, message);
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("must be UTF-8 text".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let entries = if text.trim_start().starts_with('[') { array(text).map_err(wrong)? } else { lines(text) };
    if entries.is_empty() {
        return Err(wrong("holds no redirect URI: write a JSON array, or one a line".to_owned()));
    }
    if entries.len() > MAX_REDIRECT_URIS {
        return Err(wrong(format!("holds more than {MAX_REDIRECT_URIS} redirect URIs")));
    }
    let parse = |(line, uri): (usize, String)| {
        RedirectUri::parse(&uri).map_err(|why| wrong(format!("line {line}: {why}")))
    };
    entries.into_iter().map(parse).collect()
}

fn lines(text: &str) -> Vec<(usize, String)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let written = numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    written.map(|(number, line)| (number, line.to_owned())).collect()
}

/// The strings of a JSON array, each with the line that it begins on.
fn array(text: &str) -> Result<Vec<(usize, String)>, String> {
    let value = fapi_jose::json::parse(text.as_bytes())
        .map_err(|error| format!("line {}: is not a JSON array, nor one URI a line", error.line))?;
    let items = value.as_array().ok_or("must be a JSON array of strings, or one URI a line")?;
    let starts = item_lines(text);
    let mut strings = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let line = starts.get(index).copied().unwrap_or(1);
        let uri = item.as_str().ok_or_else(|| format!("line {line}: must be a string"))?;
        strings.push((line, uri.to_owned()));
    }
    Ok(strings)
}

/// The lines on which the items of a well-formed outermost array begin.
fn item_lines(text: &str) -> Vec<usize> {
    let (mut line, mut depth, mut in_string, mut escaped, mut expected) = (1, 0_usize, false, false, false);
    let mut starts = Vec::new();
    for character in text.chars() {
        if expected && !character.is_whitespace() && character != ']' {
            starts.push(line);
            expected = false;
        }
        match character {
            '\n' => line += 1,
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            '[' | '{' => {
                depth += 1;
                expected = depth == 1;
            }
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' => expected = depth == 1,
            _ => {}
        }
    }
    starts
}

/// A client's public keys.
pub(super) fn jwks(place: &Place<'_>, bytes: &[u8]) -> Result<JwkSet, Problem> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let set = JwkSet::parse(bytes).map_err(|error| {
        let reason = match &error {
            JwkSetError::Key { error: JwkError::WeakKey(_), .. } => Reason::WeakKey,
            _ => Reason::InvalidJwks,
        };
        // The kid of a key is content: its position is enough to find it.
        let message = match error {
            JwkSetError::BadJson { line, .. } => {
                format!("line {line}: malformed JSON, a member named twice, or nesting beyond 16 levels")
            }
            JwkSetError::Key { index, error, .. } => format!("keys[{index}]: {error}"),
            JwkSetError::DuplicateKid { index, .. } => {
                format!(
                    "keys[{index}]: another key of the same kind has this kid: give each key a kid of its own"
                )
            }
            other => other.to_string(),
        };
        Problem::new(reason, place, message)
    })?;
    if set.keys().is_empty() {
        return Err(Problem::new(
            Reason::InvalidJwks,
            place,
            "holds no key that can be used: RSA, EC or OKP",
        ));
    }
    Ok(set)
}

/// Certificates, of which at least one can be used now. Those that have expired are left out: when a certificate is renewed, old
/// and new stand side by side for a while.
pub(super) fn certificates(
    place: &Place<'_>,
    bytes: &[u8],
    now: Timestamp,
) -> Result<Vec<CertificateFacts>, Problem> {
    let all = describe_pem(bytes).map_err(|error| Problem::new(Reason::InvalidCertificate, place, error))?;
    if let Some(weak) = all.iter().position(|certificate| certificate.weak) {
        let message = format!(
            "certificate {}: its key or signature algorithm is too weak: use RSA from 2048 bits, P-256, P-384, P-521 or Ed25519",
            weak + 1
        );
        return Err(Problem::new(Reason::WeakKey, place, message));
    }
    let (current, expired): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|certificate| now <= certificate.not_after);
    match (current.is_empty(), expired.iter().map(|certificate| certificate.not_after).max()) {
        (true, Some(last)) => Err(Problem::new(Reason::Expired, place, format!("expired on {last}"))),
        (true, None) => Err(Problem::new(Reason::InvalidCertificate, place, "holds no certificate")),
        (false, _) => Ok(current),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'_> =
        Place { kind: "Secret", namespace: "auth", name: "app-redirects", key: "redirect-uris" };

    fn uris(text: &str) -> Result<Vec<String>, String> {
        redirect_uris(&PLACE, text.as_bytes())
            .map(|uris| uris.iter().map(ToString::to_string).collect())
            .map_err(|problem| problem.message)
    }

    #[test]
    fn redirect_uris_are_read_however_people_write_them() {
        let expected = Ok(vec!["https://a.example/cb".to_owned(), "https://b.example/cb".to_owned()]);
        for text in [
            "https://a.example/cb\nhttps://b.example/cb\n",
            "\u{feff}# production\r\nhttps://a.example/cb\r\n\r\n  https://b.example/cb  ",
            r#"["https://a.example/cb", "https://b.example/cb"]"#,
            "\u{feff}\n[\r\n  \"https://a.example/cb\",\n\"https://b.example/cb\"\n]\n",
        ] {
            assert_eq!(uris(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_wrong_redirect_uri_is_named_by_its_line_and_never_shown() {
        let prefix = "Secret auth/app-redirects key redirect-uris ";
        for (text, said) in [
            ("https://a.example/cb\nhttp://canary.example/cb\n", "line 2: must use https"),
            ("# one\n\nhttps://canary.example/#x", "line 3: must not have a fragment (#…)"),
            ("[\n \"https://a.example/[{,\\\"\",\n\n \"http://canary.example\"]", "line 2: must not contain"),
            ("[\"https://a.example/cb\",\n\n \"http://canary.example\"]", "line 3: must use https"),
            ("[\"https://a.example/cb\",\n 7]", "line 2: must be a string"),
            ("[\"https://canary.example/cb\"\n", "line 2: is not a JSON array"),
            ("# nothing\n", "holds no redirect URI"),
            ("[]", "holds no redirect URI"),
        ] {
            let message = uris(text).unwrap_err();
            assert!(message.starts_with(&format!("{prefix}{said}")), "{text:?}: {message}");
            assert!(!message.contains("canary"), "K-10 {message}");
        }
    }

    #[test]
    fn a_key_set_is_refused_by_position() {
        let place = Place { key: "jwks.json", ..PLACE };
        let said = |text: &str| {
            let problem = jwks(&place, text.as_bytes()).unwrap_err();
            (problem.reason, problem.message)
        };
        let private = r#"{"keys":[{"kty":"EC","kid":"canary","d":"AAAA"}]}"#;
        let (reason, message) = said(private);
        assert_eq!(reason, Reason::InvalidJwks);
        assert!(message.starts_with("Secret auth/app-redirects key jwks.json keys[0]: "), "{message}");
        assert!(!message.contains("canary"), "K-10 {message}");

        let weak = format!(
            r#"{{"keys":[{{"kty":"RSA","e":"AQAB","n":"{}"}}]}}"#,
            fapi_jose::b64::encode([0xff; 128])
        );
        assert_eq!(said(&weak).0, Reason::WeakKey, "KEY-03");
        assert_eq!(
            said("{\"keys\":[\n").1,
            "Secret auth/app-redirects key jwks.json line 2: malformed JSON, a member named twice, or nesting beyond 16 levels"
        );
        assert_eq!(said(r#"{"keys":[]}"#).0, Reason::InvalidJwks);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// K-10, J-25: what a person, or an attacker with a Secret, may have written.
        #[test]
        fn a_list_of_redirect_uris_is_read_whole_or_refused_without_being_shown(
            lines in prop::collection::vec(
                prop_oneof![
                    "https://[a-z]{1,8}\\.example/canary[a-z0-9?=&%]{0,8}",
                    "\\[? ?\"https?://canary[a-z.:/#\\\\\"]{0,12}\"[,\\]]?",
                    Just(String::new()),
                    "# canary.{0,8}",
                    "(canary|[\\[\\]{},:\"\u{feff}\u{0}]){0,12}",
                ],
                0..8,
            ),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let text = lines.join(end);
            match redirect_uris(&PLACE, text.as_bytes()) {
                Ok(read) => {
                    prop_assert!((1..=MAX_REDIRECT_URIS).contains(&read.len()));
                    for uri in &read {
                        prop_assert!(RedirectUri::parse(uri.as_str()).is_ok(), "TLS-08");
                    }
                }
                Err(problem) => prop_assert!(!problem.message.contains("canary"), "K-10 {}", problem.message),
            }
        }

        #[test]
        fn redirect_uris_are_the_same_as_lines_and_as_a_json_array(
            paths in prop::collection::vec("[a-z0-9/?=&-]{0,12}", 1..6),
            indented in any::<bool>(),
        ) {
            let uris: Vec<String> = paths.iter().map(|path| format!("https://app.example/{path}")).collect();
            let array = if indented { serde_json::to_string_pretty(&uris) } else { serde_json::to_string(&uris) };
            let array = array.unwrap();
            let as_lines = redirect_uris(&PLACE, uris.join("\n").as_bytes());
            prop_assert_eq!(&redirect_uris(&PLACE, array.as_bytes()).ok(), &as_lines.clone().ok());
            if let Ok(read) = as_lines {
                prop_assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), uris);
            }
        }

        /// J-18, K-10: a private key in the place of a public one is refused, wherever it stands, and not shown.
        #[test]
        fn a_key_set_with_a_private_member_is_refused_without_being_shown(
            member in prop::sample::select(vec!["d", "p", "q", "dp", "dq", "qi", "oth", "k"]),
            kty in prop::sample::select(vec!["EC", "RSA", "OKP", "oct", "new"]),
            before in 0..4_usize,
        ) {
            let mut keys = vec![serde_json::json!({"kty": "new"}); before];
            keys.push(serde_json::json!({"kty": kty, "kid": "canary", member: "canary"}));
            let text = serde_json::json!({"keys": keys}).to_string();
            let problem = jwks(&PLACE, text.as_bytes()).unwrap_err();
            prop_assert!(problem.message.contains(&format!("keys[{before}]")), "{}", problem.message);
            prop_assert!(!problem.message.contains("canary"), "K-10 {}", problem.message);
        }
    }
}
