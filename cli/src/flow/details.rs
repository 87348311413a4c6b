//! The client asks for authorization details (RFC 9396), sees that every token carries them, and tries to get more.

use serde_json::{Value, json};
use url::Url;

use super::checks::{resource, token};
use super::findings::Findings;
use super::http::{Answer, Request};
use super::journey::{Halt, Journey, Knowledge};

/// A type that no Workspace has.
const UNKNOWN: &str = "urn:fapictl:no-such-type";

impl Journey<'_> {
    /// The answer says what was granted, to the letter.
    pub(super) fn tells_details(&self, grant: &token::Grant, findings: &mut Findings) {
        if let Some(asked) = &self.target.details {
            let told = grant.details.as_ref().and_then(Value::as_array);
            let claim =
                "the answer tells which authorization details were granted: those that were asked for";
            findings.hold(told == Some(asked), claim, "RFC 9396 7");
        }
    }

    /// Introspection tells what the answer told.
    pub(super) async fn introspected_details(
        &self,
        asked: &[Value],
        at: &Url,
        grant: &token::Grant,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let request = || {
            let mut fields = self.credentials()?;
            fields.push(("token", grant.access_token.clone()));
            Ok(Request::form(at, fields))
        };
        let answer = self.own().send(request).await?;
        let body = answer.json().unwrap_or_default();
        findings.hold_or(
            body.get("active") == Some(&json!(true))
                && body.get("authorization_details").and_then(Value::as_array).map(Vec::as_slice)
                    == Some(asked),
            "introspection tells which authorization details were granted",
            "RFC 9396 9.2",
            answer.summary(),
        );
        Ok(())
    }

    /// A refresh may ask for fewer of them.
    pub(super) async fn narrower_details(
        &self,
        asked: &[Value],
        refresh_token: &str,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let fewer = Value::Array(asked.iter().take(1).cloned().collect());
        let answer = self.refresh_for(refresh_token, &fewer, known).await?;
        let told = answer.json().and_then(|body| body.get("authorization_details").cloned());
        findings.hold_or(
            answer.status == 200 && told.as_ref() == Some(&fewer),
            "the first of them alone can be had for the refresh token",
            "RFC 9396 6",
            answer.summary(),
        );
        findings.fact("elements", asked.len());
        Ok(())
    }

    /// More than was granted.
    pub(super) async fn wider_details(
        &self,
        asked: &[Value],
        refresh_token: &str,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let mut more = asked.first().cloned().unwrap_or_default();
        if let Some(members) = more.as_object_mut() {
            members.insert("more_than_was_granted".to_owned(), json!(true));
        }
        let wider = Value::Array(asked.iter().cloned().chain([more]).collect());
        let answer = self.refresh_for(refresh_token, &wider, known).await?;
        let claim =
            "what was not granted cannot be had for the refresh token (invalid_authorization_details)";
        resource::refused_as(&answer, 400, "invalid_authorization_details", claim, "RFC 9396 6", findings);
        Ok(())
    }

    async fn refresh_for(
        &self,
        refresh_token: &str,
        details: &Value,
        known: &Knowledge,
    ) -> Result<Answer, Halt> {
        let details = details.to_string();
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("authorization_details", details.as_str()),
        ];
        self.token_request(self.own(), &fields, known).await
    }

    /// A type that nobody has defined.
    pub(super) async fn unknown_details(
        &self,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let details = json!([{"type": UNKNOWN}]).to_string();
        let answer = self.pushed_answer(&known.metadata, &known.pending, Some(&details), findings).await?;
        let claim = "a type that is not offered is refused (invalid_authorization_details)";
        resource::refused_as(&answer, 400, "invalid_authorization_details", claim, "RFC 9396 5", findings);
        Ok(())
    }
}
