//! Overrides that say one thing.

use super::*;

macro_rules! one {
    ($($name:ident($value:ident: $type:ty) => $field:ident = $set:expr;)*) => {
        $(pub(super) fn $name($value: $type) -> Overrides {
            Overrides { $field: Some($set), ..Overrides::default() }
        })*
    };
}

one! {
    methods(values: &[ClientAuth]) => client_authentication = values.to_vec();
    constraints(values: &[SenderConstraint]) => sender_constraints = values.to_vec();
    signing(values: &[Alg]) => signing_algorithms = values.to_vec();
    responses(values: &[Response]) => responses = values.to_vec();
    subjects(values: &[SubjectType]) => subject_types = values.to_vec();
    acr(values: &[&str]) => acr_values = values.iter().map(ToString::to_string).collect();
    delivery(value: RequestDelivery) => request_delivery = value;
    pkce(value: Pkce) => pkce = value;
    id_token(value: Encryption) => id_token_encryption = value;
    jarm(value: Encryption) => jarm_encryption = value;
    rotation(value: bool) => refresh_tokens = RefreshOverrides { rotation: Some(value), ..RefreshOverrides::default() };
    issue(value: RefreshIssue) => refresh_tokens = RefreshOverrides { issue: Some(value), ..RefreshOverrides::default() };
    key_management(value: KeyManagement) => encryption =
        EncryptionOverrides { key_management: Some(vec![value]), content: None };
    content(value: Content) => encryption =
        EncryptionOverrides { key_management: None, content: Some(vec![value]) };
}

macro_rules! time {
    ($($name:ident => $field:ident;)*) => {
        $(pub(super) fn $name(seconds: i64) -> Overrides {
            let lifetimes = LifetimeOverrides { $field: Some(Lifetime::seconds(seconds)), ..LifetimeOverrides::default() };
            Overrides { lifetimes: Some(lifetimes), ..Overrides::default() }
        })*
    };
}

time! {
    access_token => access_token;
    code => authorization_code;
    grant => grant;
    jarm_lifetime => jarm;
    pushed_request => pushed_request;
    refresh_token => refresh_token;
    request_object => request_object;
}
