//! An authorization, step by step, as `fapi_core` decides it.

use fapi_core::authorize::{AuthorizationRequest, ClaimsRequest, CodeChallenge, Delivery, Prompt};
use fapi_core::details::AuthorizationDetails;
use fapi_core::grant::{ErrorName, Grant, Person};
use fapi_core::ids::{ClientId, GrantId, Incarnation, Subject};
use fapi_core::profile::{Overrides, ProfileName, Response, Rules, narrow};
use fapi_core::redirect::RedirectUri;
use fapi_core::scope::Scopes;
use fapi_core::secret::{Digest, Purpose, Secret};
use fapi_core::token::RefreshToken;
use fapi_core::{Lifetime, Timestamp};

use crate::{Claim, Issuing, Redemption, Store, StoreError};

/// When everything begins.
pub const NOON: Timestamp = Timestamp::from_unix(1_750_000_000);

/// So many seconds after [`NOON`].
pub fn later(seconds: i64) -> Timestamp {
    NOON + Lifetime::seconds(seconds)
}

/// One authorization of one client by one person in one browser, at [`NOON`].
#[derive(Clone, Debug)]
pub struct Journey {
    name: String,
    client: ClientId,
    incarnation: Incarnation,
    delivery: Delivery,
    rules: Rules,
}

impl Journey {
    /// A pushed request of the client `budget-app`. Everything random is made from `name`.
    pub fn new(name: &str) -> Self {
        let rules = narrow(ProfileName::Fintech.profile(), &Overrides::default());
        Self {
            name: name.to_owned(),
            client: ClientId::from_stored("budget-app"),
            incarnation: Incarnation::from_stored("life-1"),
            delivery: Delivery::Pushed,
            rules: rules.expect("a profile without overrides is its own floor"),
        }
    }

    /// The same of another client, or another life of it.
    #[must_use]
    pub fn of(self, client: &str, incarnation: &str) -> Self {
        let (client, incarnation) = (ClientId::from_stored(client), Incarnation::from_stored(incarnation));
        Self { client, incarnation, ..self }
    }

    /// The same by value, with this request object.
    #[must_use]
    pub fn by_value(self, object: &str) -> Self {
        let digest = Digest::of(Purpose::RequestObject, object);
        Self { delivery: Delivery::ByValue { digest, expires: later(300) }, ..self }
    }

    /// What a value of this journey is, in clear: the tests look for it where it must not be.
    pub fn secret(&self, purpose: Purpose) -> Secret {
        Secret::presented(format!("canary-{purpose:?}-{}", self.name))
    }

    /// What is stored in its place.
    pub fn digest(&self, purpose: Purpose) -> Digest {
        self.secret(purpose).digest(purpose)
    }

    /// Its client.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// Which life of the client.
    pub fn incarnation(&self) -> &Incarnation {
        &self.incarnation
    }

    /// Who signs in.
    pub fn person(&self, subject: &str) -> Person {
        let (acr, sid) = (Some("urn:openbanking:psd2:sca".into()), Some("sid-1".into()));
        Person { subject: Subject::from_stored(subject), auth_time: NOON, acr, sid }
    }

    /// Just accepted; its `request_uri` lasts 60 seconds.
    pub fn pushed(&self) -> Grant {
        let request = AuthorizationRequest {
            response: Response::CodeJarm,
            redirect_uri: RedirectUri::parse("https://budget.example/cb").expect("an https URL"),
            scope: Scopes::parse("openid accounts").expect("two scopes"),
            details: AuthorizationDetails::parse(r#"[{"type":"t","amount":1.5,"to":["a",null]}]"#)
                .expect("an array"),
            state: Some("s\"\u{0}ü".into()),
            nonce: Some("n".into()),
            code_challenge: CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            dpop_jkt: None,
            prompt: Prompt::default(),
            max_age: Some(300),
            acr_values: vec!["urn:openbanking:psd2:sca".into()],
            claims: ClaimsRequest::default(),
            login_hint: None,
            ui_locales: vec!["pt-BR".into()],
            resource: None,
            delivery: self.delivery.clone(),
        };
        let id = GrantId::from_stored(format!("grant-{}", self.name));
        Grant::push(id, self.client.clone(), self.incarnation.clone(), request, later(60), NOON)
    }

    /// Opened.
    pub fn opened(&self) -> Grant {
        self.pushed().open(&self.rules, NOON).expect("a fresh request opens")
    }

    /// Signed in, in this browser.
    pub fn authenticated(&self, browser: &Digest, subject: &str) -> Grant {
        let person = self.person(subject);
        self.opened().authenticate(browser.clone(), person, NOON).expect("an opened request can be claimed")
    }

    /// Agreed.
    pub fn consented(&self, browser: &Digest, subject: &str) -> Grant {
        let grant = self.authenticated(browser, subject);
        let scope = grant.request.scope.clone();
        grant.consent(browser, &scope, &self.rules, NOON).expect("who signed in may agree")
    }

    /// Refused by the person.
    pub fn denied(&self, browser: &Digest, subject: &str) -> Grant {
        let grant = self.authenticated(browser, subject);
        grant.deny(Some(browser), ErrorName::AccessDenied, NOON).expect("who signed in may refuse")
    }

    /// With its code.
    pub fn code_issued(&self) -> Grant {
        let (browser, code) = (self.digest(Purpose::Browser), self.digest(Purpose::Code));
        self.consented(&browser, "alice")
            .issue_code(&browser, code, &self.rules, NOON)
            .expect("a consent leads to a code")
    }

    /// The code exchanged.
    pub fn redeemed(&self) -> Grant {
        let code = self.digest(Purpose::Code);
        self.code_issued().redeem(&code, NOON).expect("a fresh code can be exchanged").0
    }

    /// The refresh token that comes of it; it lasts 90 days.
    pub fn refresh_token(&self) -> RefreshToken {
        RefreshToken {
            replaced: None,
            id: self.digest(Purpose::RefreshToken),
            grant: self.pushed().id,
            client_id: self.client.clone(),
            incarnation: self.incarnation.clone(),
            scope: Scopes::parse("openid accounts").expect("two scopes"),
            issued: NOON,
            expires: NOON + Lifetime::days(90),
        }
    }

    fn request_uri(&self) -> Option<Digest> {
        matches!(self.delivery, Delivery::Pushed).then(|| self.digest(Purpose::RequestUri))
    }

    /// Stores it as pushed.
    pub async fn push(&self, store: &Store) -> Result<(), StoreError> {
        store.push(&self.pushed(), self.request_uri().as_ref()).await
    }

    /// Stores it as opened.
    pub async fn open(&self, store: &Store) -> Result<(), StoreError> {
        self.push(store).await?;
        assert_eq!(store.open_grant(&self.opened()).await?, Some(self.opened()));
        Ok(())
    }

    /// Stores it as agreed to by alice.
    pub async fn consent(&self, store: &Store) -> Result<(), StoreError> {
        let browser = self.digest(Purpose::Browser);
        self.open(store).await?;
        assert_eq!(store.authenticate(&self.authenticated(&browser, "alice")).await?, Claim::Won);
        assert_eq!(store.consent(&self.consented(&browser, "alice")).await?, Claim::Won);
        Ok(())
    }

    /// Stores it with its code.
    pub async fn issue_code(&self, store: &Store) -> Result<(), StoreError> {
        self.consent(store).await?;
        assert_eq!(store.issue_code(&self.code_issued()).await?, Issuing::Issued);
        Ok(())
    }

    /// Stores it as redeemed, with its refresh token.
    pub async fn redeem(&self, store: &Store) -> Result<(), StoreError> {
        self.issue_code(store).await?;
        let won =
            store.redeem(&self.redeemed(), &self.digest(Purpose::Code), Some(&self.refresh_token())).await?;
        assert_eq!(won, Redemption::Won);
        Ok(())
    }
}
