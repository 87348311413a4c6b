use super::*;
use crate::lifetime::CLOCK_SKEW;

/// `spec/profiles.md` 2.2: one set of times fits every profile.
#[test]
fn one_set_of_times_fits_every_profile() {
    for name in ProfileName::ALL {
        let rules = narrowed(name, |say| {
            say.lifetimes = Some(LifetimeOverrides {
                pushed_request: Some(Lifetime::seconds(60)),
                authorization_code: Some(Lifetime::seconds(60)),
                access_token: Some(Lifetime::seconds(300)),
                request_object: Some(Lifetime::seconds(3600)),
                jarm: Some(Lifetime::seconds(300)),
                ..LifetimeOverrides::default()
            });
        });
        assert!(rules.is_ok(), "{name} {rules:?}");
    }
}

/// The same set is what holds when nobody says anything; Brazil's access tokens alone last longer (6.4).
#[test]
fn the_times_by_default_are_those_of_the_table() {
    for name in ProfileName::ALL {
        let it = rules(name).lifetimes;
        assert_eq!(it.pushed_request, Lifetime::seconds(60), "PAR-03 {name}");
        assert_eq!(it.authorization_code, Lifetime::seconds(60), "RSP-15 {name}");
        assert_eq!(it.request_object, Lifetime::minutes(60), "F1-R06, MS-R03 {name}");
        assert_eq!(it.jarm, Lifetime::seconds(300), "RSP-07 {name}");
        let access_token = if name == ProfileName::OpenBankingBrazil { 600 } else { 300 };
        assert_eq!(it.access_token, Lifetime::seconds(access_token), "TOK-10 {name}");
    }
}

/// `F2-R09`: accepts 10 s ahead, refuses more than 60 s.
#[test]
fn the_clocks_of_others_may_differ_by_more_than_ten_and_less_than_sixty_seconds() {
    assert!(CLOCK_SKEW >= Lifetime::seconds(10) && CLOCK_SKEW <= Lifetime::seconds(60));
}

/// `BR-R07`, `AU-R06`, `UK-R08`: a refresh token bound to a consent ends with it, neither sooner nor later.
#[test]
fn refresh_tokens_of_a_consent_last_as_long_as_the_grant() {
    for name in [ProfileName::OpenBankingUK, ProfileName::OpenBankingBrazil, ProfileName::CDRAustralia] {
        let by_default = rules(name).lifetimes;
        assert_eq!(by_default.refresh_token, by_default.grant, "{name}");
        assert!(by_default.grant >= Lifetime::days(365), "{name}: a year of consent");
        let grant = Some(Lifetime::days(7));
        let shorter =
            narrowed(name, |say| say.lifetimes.get_or_insert_default().grant = grant).unwrap().lifetimes;
        assert_eq!(shorter.refresh_token, Lifetime::days(7), "{name}");
    }
    let fintech = rules(ProfileName::Fintech).lifetimes;
    assert_eq!((fintech.refresh_token, fintech.grant), (Lifetime::days(30), Lifetime::days(90)));
}
