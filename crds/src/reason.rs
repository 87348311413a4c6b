//! Why is a condition as it is? One closed list for the conditions of all kinds.

use crate::condition::UnknownWord;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// Why a condition is as it is.
    Reason {
        /// The spec is valid and fits the profile.
        Accepted,
        /// A child object could not be written; the operator tries again.
        ApplyFailed,
        /// Somebody has to approve the registration as it is now; the one that was approved last is served until then.
        ApprovalPending,
        /// Approval is Manual, and the admission policy that guards it is not in force, so no approval counts.
        ApprovalUnavailable,
        /// The registration as it is now is approved, or needs no approval.
        Approved,
        /// Enough pods are ready to serve.
        Available,
        /// More Clients than the Workspace's document can hold.
        CapacityExceeded,
        /// A certificate expires soon; put its successor beside it.
        CertificateExpiring,
        /// No certificate expires soon.
        CertificatesValid,
        /// Another Client has this client id: the one that is already published, or else the oldest.
        ClientIdConflict,
        /// The clock of a pod and of the operator differ by more than tokens tolerate.
        ClockSkewed,
        /// The clocks of the pods and of the operator agree.
        ClocksAgree,
        /// The ConfigMap referred to does not exist.
        ConfigMapNotFound,
        /// The Client is switched off by `enabled: false` and is refused.
        Disabled,
        /// Storage that dies with the pod: every restart forgets all grants.
        Ephemeral,
        /// The certificate or key has expired.
        Expired,
        /// The material could not be fetched from the URI that names it.
        FetchFailed,
        /// The operator writes no format of the document that every pod reads: nothing new is published.
        FormatNotShared,
        /// Something is configured that is for trying things out, not for customers.
        Insecure,
        /// The certificate cannot be parsed, or does not say what the spec asks for.
        InvalidCertificate,
        /// The client id is too long, or claims another namespace's prefix.
        InvalidClientId,
        /// The data has been read and is not what this field expects.
        InvalidData,
        /// The issuer is not an https URL of a host and perhaps a port.
        InvalidIssuer,
        /// The JWKS cannot be parsed, holds a private key, or lacks a key that is needed.
        InvalidJwks,
        /// A redirect URI is not https, has a fragment, or cannot be parsed.
        InvalidRedirectUri,
        /// The spec is contradictory in a way the API server could not see.
        InvalidSpec,
        /// The private key of a published key is gone; a new key takes its place.
        KeyLost,
        /// The Secret or ConfigMap exists, but has no such key.
        KeyNotFound,
        /// A key is on its way, and not active yet.
        KeyPending,
        /// A key of every algorithm in force is active, and every serving pod signs with it.
        KeysReady,
        /// The cluster lacks a kind that the spec asks for, or the operator was not told to use it.
        KindUnavailable,
        /// No serving pod is there to load the document.
        NoServingPods,
        /// The Workspace does not admit Clients of this namespace.
        NotAllowedByWorkspace,
        /// The Secret lacks the label `fapi.rs/client-credentials: "true"`, so it is not read for a Client.
        NotLabelled,
        /// The field exists so that it need not be added later; using it is refused until it has an effect.
        NotYetSupported,
        /// Rotation goes as planned.
        OnSchedule,
        /// The rotation that was due has not happened.
        Overdue,
        /// Waiting for something that is on its way.
        Pending,
        /// The database or volume outlives the pods.
        Persistent,
        /// Some serving pods have not loaded the published document.
        PodsPending,
        /// The admission policy that does this is not installed, so nothing does it.
        PolicyNotInstalled,
        /// The Workspace's policy does not allow it.
        PolicyViolation,
        /// The profile does not allow it; the message names the rule.
        ProfileViolation,
        /// Every serving pod has loaded it.
        Programmed,
        /// The admission policy refuses to delete it.
        Protected,
        /// The key is in the JWKS of every serving pod.
        Published,
        /// All is well.
        Ready,
        /// The operator is bringing the cluster to what the spec asks for.
        Reconciling,
        /// Everything referred to was found and understood.
        Resolved,
        /// Every serving pod refuses what was revoked.
        RevocationsConfirmed,
        /// Some serving pods may not know of a revocation yet.
        RevocationsPending,
        /// The Secret referred to does not exist.
        SecretNotFound,
        /// Nothing is configured that is only for trying things out.
        Secure,
        /// The Secret is gone or unreadable; its last good content is used until the grace ends.
        StaleSecret,
        /// The operator cannot go on until somebody changes something; the message says what.
        Stalled,
        /// The database belongs to another issuer.
        StorageInUse,
        /// Changes are suspended by `suspend: true`.
        Suspended,
        /// Every serving pod has loaded the published document.
        Synced,
        /// Too few pods are ready to serve.
        Unavailable,
        /// The next key waits for an activation window.
        WaitingForWindow,
        /// The key is shorter or weaker than FAPI allows.
        WeakKey,
        /// The Workspace referred to does not exist.
        WorkspaceNotFound,
        /// The Workspace itself is not accepted, so nothing of it is.
        WorkspaceNotReady,
    }
}
