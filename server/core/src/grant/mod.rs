//! What has happened to one authorization so far.
//!
//! ```text
//! Pushed ─► Opened ─► Authenticated ─► Consented ─► CodeIssued ─► Redeemed
//!                └────────┴──────► Denied ─► Closed        └──────────┴──► Revoked
//! ```
//!
//! Each stage holds exactly what is true in it, and a transition consumes the grant, so an old stage cannot be used again.
//! The store applies each transition as one conditional write on the stage it came from: of two that race, one wins.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::authorize::AuthorizationRequest;
use crate::details::AuthorizationDetails;
use crate::ids::{ClientId, GrantId, Incarnation, Subject};
use crate::lifetime::Timestamp;
use crate::profile::Rules;
use crate::rejection::{Consequence, ErrorCode, Rejection};
use crate::scope::Scopes;
use crate::secret::Digest;

/// One authorization, from the request to its last refresh token.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Its public name.
    pub id: GrantId,
    /// Whose request it is.
    pub client_id: ClientId,
    /// Which life of that client.
    pub incarnation: Incarnation,
    /// When the request arrived.
    pub created: Timestamp,
    /// What was asked for; never parsed again.
    pub request: AuthorizationRequest,
    /// How far it has come.
    pub stage: Stage,
}

/// How far an authorization has come.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// The request was accepted; nobody has opened it.
    Pushed {
        /// When its `request_uri` ends.
        expires: Timestamp,
    },
    /// Some browser has opened it; it belongs to none yet.
    Opened {
        /// When its `request_uri` ends: a later opening is refused.
        expires: Timestamp,
        /// When the interaction ends.
        until: Timestamp,
    },
    /// A person has signed in, in the browser that now owns the interaction.
    Authenticated {
        /// The cookie of that browser.
        browser: Digest,
        /// Who signed in, how and when.
        person: Person,
        /// When the interaction ends.
        until: Timestamp,
    },
    /// The person agreed.
    Consented {
        /// The browser that may carry the answer.
        browser: Digest,
        /// What was agreed to.
        authorization: Authorization,
        /// When the interaction ends.
        until: Timestamp,
    },
    /// The answer is an error; it has not left yet.
    Denied {
        /// The browser that may carry the answer; none if nobody had signed in.
        browser: Option<Digest>,
        /// The error.
        error: ErrorName,
        /// When the interaction ends.
        until: Timestamp,
    },
    /// The error has left; nothing more can come of it.
    Closed {
        /// When.
        at: Timestamp,
    },
    /// The client was sent a code.
    CodeIssued {
        /// Its digest.
        code: Digest,
        /// When it ends.
        expires: Timestamp,
        /// What it stands for.
        authorization: Authorization,
    },
    /// The code was exchanged for tokens.
    Redeemed {
        /// The code, so that a second use is recognised.
        code: Digest,
        /// When.
        at: Timestamp,
        /// What the tokens stand for.
        authorization: Authorization,
    },
    /// Everything that came of it has ended.
    Revoked {
        /// When.
        at: Timestamp,
    },
}

impl Stage {
    /// Its name, as stored beside the grant and guarded by conditional writes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pushed { .. } => "pushed",
            Self::Opened { .. } => "opened",
            Self::Authenticated { .. } => "authenticated",
            Self::Consented { .. } => "consented",
            Self::Denied { .. } => "denied",
            Self::Closed { .. } => "closed",
            Self::CodeIssued { .. } => "code_issued",
            Self::Redeemed { .. } => "redeemed",
            Self::Revoked { .. } => "revoked",
        }
    }
}

/// The errors a person's answer can end in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorName {
    /// The person said no, or is not the one the request is for.
    AccessDenied,
    /// `prompt=none`.
    ConsentRequired,
    /// `prompt=none`.
    InteractionRequired,
    /// What was asked for is not offered any more (RFC 9396 5).
    InvalidAuthorizationDetails,
    /// `prompt=none`.
    LoginRequired,
    /// An essential `acr` was not reached.
    UnmetAuthenticationRequirements,
}

impl From<ErrorName> for ErrorCode {
    fn from(name: ErrorName) -> Self {
        match name {
            ErrorName::AccessDenied => Self::AccessDenied,
            ErrorName::ConsentRequired => Self::ConsentRequired,
            ErrorName::InteractionRequired => Self::InteractionRequired,
            ErrorName::InvalidAuthorizationDetails => Self::InvalidAuthorizationDetails,
            ErrorName::LoginRequired => Self::LoginRequired,
            ErrorName::UnmetAuthenticationRequirements => Self::UnmetAuthenticationRequirements,
        }
    }
}

/// Who signed in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// As the login names them.
    pub subject: Subject,
    /// When they proved it.
    pub auth_time: Timestamp,
    /// The authentication context class that was reached.
    pub acr: Option<String>,
    /// The session, as it appears in ID Tokens (`sid`).
    pub sid: Option<String>,
}

/// What a person agreed to, and every token that follows stands for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Authorization {
    /// Who agreed.
    pub person: Person,
    /// To which scopes.
    pub scope: Scopes,
    /// To what exactly (RFC 9396).
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub details: AuthorizationDetails,
    /// When.
    pub at: Timestamp,
    /// When the grant as a whole ends.
    pub ends: Timestamp,
}

impl Grant {
    /// A request that was accepted just now; `expires` is when its `request_uri` ends.
    pub fn push(
        id: GrantId,
        client_id: ClientId,
        incarnation: Incarnation,
        request: AuthorizationRequest,
        expires: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self { id, client_id, incarnation, created: now, request, stage: Stage::Pushed { expires } }
    }

    fn with(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    /// A browser opens the request. Its expiry is judged here and nowhere else (`PAR-08`); opening twice is fine (`PAR-10`).
    ///
    /// # Errors
    /// `invalid_request_uri` when it has ended, or when an answer has left already (`PAR-09`, `INV-16`).
    pub fn open(self, rules: &Rules, now: Timestamp) -> Result<Self, Rejection> {
        match self.stage {
            Stage::Pushed { expires } | Stage::Opened { expires, .. } if now > expires => {
                Err(Rejection::invalid_request_uri("the request_uri has expired", "RFC 9126 4"))
            }
            Stage::Pushed { expires } => {
                let until = now + rules.lifetimes.interaction;
                Ok(self.with(Stage::Opened { expires, until }))
            }
            Stage::Opened { until, .. }
            | Stage::Authenticated { until, .. }
            | Stage::Consented { until, .. }
            | Stage::Denied { until, .. }
                if now <= until =>
            {
                Ok(self)
            }
            _ => Err(Rejection::invalid_request_uri("the request_uri has been used", "RFC 9126 7.3")),
        }
    }

    /// Somebody signed in: from now on the interaction belongs to their browser. Signing in again in the same browser replaces
    /// who signed in.
    ///
    /// # Errors
    /// `access_denied` when another browser owns it, or it is over.
    pub fn authenticate(self, browser: Digest, person: Person, now: Timestamp) -> Result<Self, Rejection> {
        let until = match &self.stage {
            Stage::Opened { until, .. } if now <= *until => *until,
            Stage::Authenticated { browser: owner, until, .. }
                if now <= *until && owner.matches(&browser) =>
            {
                *until
            }
            _ => return Err(over()),
        };
        Ok(self.with(Stage::Authenticated { browser, person, until }))
    }

    /// The person agreed to `scope`, which is at most what was asked (`P-24`), and to all details: a part of a payment is another
    /// payment.
    ///
    /// # Errors
    /// `access_denied` when this browser does not own the interaction, or it is over.
    pub fn consent(
        self,
        browser: &Digest,
        scope: &Scopes,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        match &self.stage {
            Stage::Authenticated { browser: owner, person, until }
                if now <= *until && owner.matches(browser) =>
            {
                let authorization = Authorization {
                    person: person.clone(),
                    scope: self.request.scope.intersection(scope),
                    details: self.request.details.clone(),
                    at: now,
                    ends: now + rules.lifetimes.grant,
                };
                let stage = Stage::Consented { browser: owner.clone(), authorization, until: *until };
                Ok(self.with(stage))
            }
            _ => Err(over()),
        }
    }

    /// The person, or the request itself, ends it with an error.
    ///
    /// # Errors
    /// `access_denied` when another browser owns the interaction, or it is over.
    pub fn deny(self, browser: Option<&Digest>, error: ErrorName, now: Timestamp) -> Result<Self, Rejection> {
        let (owner, until) = match &self.stage {
            Stage::Opened { until, .. } if now <= *until => (browser.cloned(), *until),
            Stage::Authenticated { browser: owner, until, .. }
                if now <= *until && browser.is_some_and(|browser| owner.matches(browser)) =>
            {
                (Some(owner.clone()), *until)
            }
            _ => return Err(over()),
        };
        Ok(self.with(Stage::Denied { browser: owner, error, until }))
    }

    /// The answer is about to leave with a code.
    ///
    /// # Errors
    /// `access_denied` when this browser does not own the interaction, or it is over.
    pub fn issue_code(
        self,
        browser: &Digest,
        code: Digest,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        match &self.stage {
            Stage::Consented { browser: owner, authorization, until }
                if now <= *until && owner.matches(browser) =>
            {
                let expires = now + rules.lifetimes.authorization_code;
                let stage = Stage::CodeIssued { code, expires, authorization: authorization.clone() };
                Ok(self.with(stage))
            }
            _ => Err(over()),
        }
    }

    /// The error has left.
    #[must_use]
    pub fn close(self, now: Timestamp) -> Self {
        self.with(Stage::Closed { at: now })
    }

    /// The code is exchanged. Everything about the caller was checked before; this judges the code's own state, expiry last.
    ///
    /// # Errors
    /// `invalid_grant`; with [`Consequence::RevokeGrant`] when the code was used before (`TOK-03`).
    pub fn redeem(self, code: &Digest, now: Timestamp) -> Result<(Self, Authorization), Rejection> {
        match &self.stage {
            Stage::CodeIssued { code: issued, expires, authorization } if issued.matches(code) => {
                if now > *expires {
                    return Err(Rejection::invalid_grant("the code has expired", "RFC 6749 4.1.2"));
                }
                let authorization = authorization.clone();
                let stage =
                    Stage::Redeemed { code: code.clone(), at: now, authorization: authorization.clone() };
                Ok((self.with(stage), authorization))
            }
            Stage::Redeemed { .. } => Err(self.replayed()),
            _ => Err(Rejection::invalid_grant("the code is not valid", "RFC 6749 5.2")),
        }
    }

    /// What a second use of the code comes to: refused, and everything it produced is revoked.
    pub fn replayed(&self) -> Rejection {
        Rejection::invalid_grant("the code has been used", "RFC 6749 4.1.2")
            .consequence(Consequence::RevokeGrant { grant: self.id.clone(), client: self.client_id.clone() })
    }

    /// What the tokens of this grant stand for, while it lasts.
    pub fn authorization(&self, now: Timestamp) -> Option<&Authorization> {
        match &self.stage {
            Stage::Redeemed { authorization, .. } if now <= authorization.ends => Some(authorization),
            _ => None,
        }
    }

    /// Until when the interaction lasts, where there is one.
    pub fn interaction_until(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Opened { until, .. }
            | Stage::Authenticated { until, .. }
            | Stage::Consented { until, .. }
            | Stage::Denied { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// After this the grant is of no use to anybody and may be purged.
    pub fn purge_after(&self) -> Timestamp {
        match &self.stage {
            Stage::Pushed { expires } => *expires,
            Stage::Opened { expires, until } => (*expires).max(*until),
            Stage::Authenticated { until, .. }
            | Stage::Consented { until, .. }
            | Stage::Denied { until, .. } => *until,
            Stage::CodeIssued { authorization, .. } | Stage::Redeemed { authorization, .. } => {
                authorization.ends
            }
            // Long enough that a late code or reload still meets an answer that says why.
            Stage::Closed { at } | Stage::Revoked { at } => *at + crate::lifetime::Lifetime::days(1),
        }
    }
}

fn over() -> Rejection {
    Rejection::access_denied(
        "this sign-in is over or belongs to another browser: start again",
        "RFC 9700 4.7",
    )
}
