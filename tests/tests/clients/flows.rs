//! Which flows are played? The rows of the table in `docs/clients.md`.

use std::fs;

use serde_json::Value;

pub(crate) const QUICKSTART: &str = "00-quickstart";
pub(crate) const FINTECH: &str = "10-fintech-mtls";
pub(crate) const FAPI2: &str = "30-fapi2";

/// One way from nothing to tokens, and what is done with them.
pub(crate) struct Flow {
    pub(crate) example: &'static str,
    pub(crate) workspace: &'static str,
    pub(crate) client: &'static str,
    /// How the client says who it is, and with which algorithm it signs.
    pub(crate) authentication: &'static str,
    pub(crate) algorithm: &'static str,
    /// As `tests/clients/node/scenario.mjs` takes them.
    pub(crate) words: &'static [&'static str],
}

const fn flow(
    place: (&'static str, &'static str, &'static str),
    [authentication, algorithm]: [&'static str; 2],
    words: &'static [&'static str],
) -> Flow {
    let (example, workspace, client) = place;
    Flow { example, workspace, client, authentication, algorithm, words }
}

pub(crate) const FLOWS: &[Flow] = &[
    flow((QUICKSTART, "demo", "demo-app"), [ASSERTION, "PS256"], &["signed", "jarm"]),
    flow((FINTECH, "fintech", "budget"), [ASSERTION, "PS256"], &["signed", "hybrid"]),
    flow((FINTECH, "fintech", "courier"), [ASSERTION, "ES256"], &["signed", "jarm", "byValue"]),
    flow((FINTECH, "fintech", "courier"), [ASSERTION, "ES256"], &["signed", "hybrid"]),
    flow((FINTECH, "fintech", "ledger"), [SUBJECT, "PS256"], &["signed", "jarm"]),
    flow((FINTECH, "fintech", "ledger"), [SUBJECT, "PS256"], &["signed", "hybrid", "byValue"]),
    // Its JARM responses are encrypted.
    flow((FINTECH, "fintech", "wallet"), [CERTIFICATE, "PS256"], &["signed", "jarm"]),
    flow((FINTECH, "fintech", "wallet"), [CERTIFICATE, "PS256"], &["signed", "hybrid"]),
    flow((FAPI2, "fapi2", "wallet"), [ASSERTION, "PS256"], &["dpop"]),
    flow((FAPI2, "fapi2", "ledger"), [SUBJECT, "PS256"], &[]),
    flow((FAPI2, "fapi2", "courier"), [ASSERTION, "ES256"], &[]),
    flow((FAPI2, "fapi2-signed", "treasury"), [ASSERTION, "PS256"], &["signed", "jarm", "dpop"]),
    // openid-client and oauth4webapi call it `Ed25519` (RFC 9864).
    flow((FAPI2, "fapi2-signed", "mint"), [ASSERTION, "EdDSA"], &["signed", "jarm", "dpop"]),
    flow((FAPI2, "fapi2-signed", "vault"), [ASSERTION, "ES256"], &["signed", "jarm"]),
];

pub(crate) const ASSERTION: &str = "private_key_jwt";
pub(crate) const SUBJECT: &str = "tls_client_auth";
pub(crate) const CERTIFICATE: &str = "self_signed_tls_client_auth";

/// A library, and how its client is started.
pub(crate) struct Library {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    /// What none of its flows can have, because the library cannot do it.
    pub(crate) lacks: &'static [&'static str],
}

pub(crate) const OPENID_CLIENT: Library =
    Library { name: "openid-client", file: "node/openid-client.mjs", lacks: &[] };
pub(crate) const OAUTH4WEBAPI: Library =
    Library { name: "oauth4webapi", file: "node/oauth4webapi.mjs", lacks: &[] };
pub(crate) const AUTHLIB: Library =
    Library { name: "authlib", file: "python/authlib_client.py", lacks: &["dpop"] };

impl Library {
    pub(crate) fn can(&self, flow: &Flow) -> bool {
        self.lacks.iter().all(|word| !flow.words.contains(word))
    }
}

impl Flow {
    /// The table says of this client what is true.
    pub(crate) fn is_about(&self, client: &Value) {
        assert_eq!(client["method"], self.authentication, "{}", self.client);
        let keys = fs::read(client["jwksPrivateFile"].as_str().unwrap()).unwrap();
        let keys: Value = serde_json::from_slice(&keys).unwrap();
        assert_eq!(keys["keys"][0]["alg"], self.algorithm, "{}", self.client);
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    /// What the table says of it.
    pub(crate) fn row(&self) -> [&str; 7] {
        let profile = match self.workspace {
            "fapi2" => "FAPI2Security",
            "fapi2-signed" => "FAPI2MessageSigning",
            _ => "Fintech",
        };
        let request = match (self.has("signed"), self.has("byValue")) {
            (true, true) => "signed, by value",
            (true, false) => "signed, pushed",
            (false, _) => "pushed",
        };
        let response = match (self.has("jarm"), self.has("hybrid"), self.client) {
            (true, _, "wallet") => "JARM, encrypted",
            (true, ..) => "JARM",
            (_, true, _) => "`code id_token`",
            _ => "code",
        };
        let binding = if self.has("dpop") { "key (DPoP)" } else { "certificate" };
        [profile, self.client, self.authentication, self.algorithm, request, response, binding]
    }
}
