//! Claims about the six profiles: `spec/profiles.md` as data.

mod floors;
mod forbidden;
mod narrowing;
mod said;
mod timing;

use super::*;

/// The rules of a profile whose Workspace says this.
fn narrowed(profile: ProfileName, say: impl FnOnce(&mut Overrides)) -> Result<Rules, Vec<Refusal>> {
    let mut overrides = Overrides::default();
    say(&mut overrides);
    narrow(profile.profile(), &overrides)
}

fn rules(profile: ProfileName) -> Rules {
    narrowed(profile, |_| ()).unwrap()
}

/// Every span of time of a profile, by the name of its field.
fn bounds(profile: &Profile) -> [(&'static str, &Bound); 12] {
    let it = &profile.lifetimes;
    [
        ("authorizationCode", &it.authorization_code),
        ("pushedRequest", &it.pushed_request),
        ("interaction", &it.interaction),
        ("requestObject", &it.request_object),
        ("accessToken", &it.access_token),
        ("idToken", &it.id_token),
        ("refreshToken", &it.refresh_token),
        ("grant", &it.grant),
        ("jarm", &it.jarm),
        ("sessionIdle", &it.session_idle),
        ("sessionAbsolute", &it.session_absolute),
        ("jwksMaxAge", &it.jwks_max_age),
    ]
}

/// The spans of time in force, in the order of [`bounds`].
fn spans(lifetimes: &Lifetimes) -> [Lifetime; 12] {
    [
        lifetimes.authorization_code,
        lifetimes.pushed_request,
        lifetimes.interaction,
        lifetimes.request_object,
        lifetimes.access_token,
        lifetimes.id_token,
        lifetimes.refresh_token,
        lifetimes.grant,
        lifetimes.jarm,
        lifetimes.session_idle,
        lifetimes.session_absolute,
        lifetimes.jwks_max_age,
    ]
}
