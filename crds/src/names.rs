//! What are things called? Every name that people, pods and other tools write down, in one place.

/// API group of the three kinds.
pub const GROUP: &str = "fapi.rs";
/// Version of the three kinds.
pub const VERSION: &str = "v1alpha1";
/// Group and version as written in `apiVersion`.
pub const API_VERSION: &str = "fapi.rs/v1alpha1";
/// Category of the three kinds: `kubectl get fapi`.
pub const CATEGORY: &str = "fapi";

/// Labels.
pub mod label {
    /// On a Secret: `"true"` lets Clients of its namespace refer to it. Secrets without it are never read for a Client.
    pub const CLIENT_CREDENTIALS: &str = "fapi.rs/client-credentials";
    /// On every child: the name of the Workspace it belongs to.
    pub const WORKSPACE: &str = "fapi.rs/workspace";
    /// On every child: the uid of the Workspace it belongs to. The inventory that pruning goes by.
    pub const WORKSPACE_UID: &str = "fapi.rs/workspace-uid";
    /// On the Secrets of a key: the SigningKey it belongs to.
    pub const SIGNING_KEY: &str = "fapi.rs/signing-key";
    /// On the Secrets of a key: its state, for example `Active`.
    pub const KEY_STATE: &str = "fapi.rs/key-state";
}

/// Annotations.
pub mod annotation {
    /// On every child: the hash of the object as it was rendered.
    pub const HASH: &str = "fapi.rs/hash";
    /// On a Pod: the revision last published. Touching it makes the kubelet refresh the mounted document.
    pub const REVISION: &str = "fapi.rs/revision";
    /// On a Pod: which certificates of the internal port it was last told of. Touching it does the same for them.
    pub const INTERNAL: &str = "fapi.rs/internal";
    /// On `<ws>-seal` and `<ws>-internal-ca`: another text than before rotates what is in it now.
    pub const ROTATE: &str = "fapi.rs/rotate";
    /// On the Secrets of a key: its RFC 7638 thumbprint, which is its `kid`. (Base64url may begin with `-`: no label value.)
    pub const KID: &str = "fapi.rs/kid";
    /// On a Secret manifest without data: what `fapictl` puts into it for development. The operator never reads it.
    pub const DEV_GENERATE: &str = "fapi.rs/dev-generate";
    /// On a Workspace: the Client that `fapictl up` runs the sample bank as, at its default resource. The operator never reads it.
    pub const DEV_BANK: &str = "fapi.rs/dev-bank";
    /// On a Client: the `status.registrationDigest` that somebody approved.
    pub const APPROVED_DIGEST: &str = "fapi.rs/approved-digest";
}

/// Values of the annotation [`annotation::DEV_GENERATE`].
pub mod dev_generate {
    /// People with passwords, for `login.users`.
    pub const USERS: &str = "users";
    /// A JWKS; the private half stays in the state directory.
    pub const JWKS: &str = "jwks";
    /// A client certificate; the private key stays in the state directory.
    pub const CERTIFICATE: &str = "certificate";
    /// A certificate authority; its private key stays in the state directory.
    pub const CA: &str = "ca";
    /// The redirect URIs of the development flow.
    pub const REDIRECT_URIS: &str = "redirect-uris";
    /// A database URL.
    pub const DATABASE: &str = "database";
    /// All of them.
    pub const ALL: [&str; 6] = [USERS, JWKS, CERTIFICATE, CA, REDIRECT_URIS, DATABASE];
}

/// Finalizers. The operator adds none; it removes this one where a person has put it.
pub mod finalizer {
    /// On a Client: `kubectl delete` waits until every pod refuses it.
    pub const REVOCATION: &str = "fapi.rs/revocation";
}

/// Verbs that are not the API server's own.
pub mod verb {
    /// On a Workspace: may set [`super::annotation::APPROVED_DIGEST`] on its Clients.
    pub const APPROVE: &str = "approve";
}
