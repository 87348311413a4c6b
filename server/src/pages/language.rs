//! In which language? English and Brazilian Portuguese; a missing word does not compile.

/// Everything that a page says, in one language.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Words {
    pub tag: &'static str,
    pub sign_in: &'static str,
    pub sign_in_for: &'static str,
    pub sign_in_for_consents: &'static str,
    pub username: &'static str,
    pub password: &'static str,
    pub cancel: &'static str,
    pub wrong_credentials: &'static str,
    pub busy: &'static str,
    pub too_many_wrong: &'static str,
    pub never_share: &'static str,
    pub consent_title: &'static str,
    pub asks_for: &'static str,
    pub signed_in_as: &'static str,
    pub answer_goes_to: &'static str,
    pub until: &'static str,
    pub allow: &'static str,
    pub deny: &'static str,
    pub bank_support: &'static str,
    pub bank_policy: &'static str,
    pub bank_terms: &'static str,
    pub website: &'static str,
    pub policy: &'static str,
    pub terms: &'static str,
    pub consents_title: &'static str,
    pub consents_none: &'static str,
    pub consents_more: &'static str,
    pub allowed_to: &'static str,
    pub allowed_for: &'static str,
    pub allowed_since: &'static str,
    pub allowed_until: &'static str,
    pub withdraw: &'static str,
    pub withdraw_hint: &'static str,
    pub withdrawn: &'static str,
    pub going_back: &'static str,
    pub going_back_text: &'static str,
    pub go_on: &'static str,
    pub sign_out: &'static str,
    pub sign_out_title: &'static str,
    pub sign_out_for: &'static str,
    pub stay: &'static str,
    pub signed_out: &'static str,
    pub signed_out_text: &'static str,
    pub still_signed_in: &'static str,
    pub still_signed_in_text: &'static str,
    pub error_title: &'static str,
    pub error_text: &'static str,
    pub request_id: &'static str,
    pub yes: &'static str,
    pub no: &'static str,
    pub nothing: &'static str,
    pub detail_actions: &'static str,
    pub detail_datatypes: &'static str,
    pub detail_identifier: &'static str,
    pub detail_locations: &'static str,
    pub detail_privileges: &'static str,
    pub scope_openid: &'static str,
    pub scope_offline_access: &'static str,
    pub scope_profile: &'static str,
    pub scope_email: &'static str,
    pub scope_address: &'static str,
    pub scope_phone: &'static str,
}

const ENGLISH: Words = Words {
    tag: "en",
    sign_in: "Sign in",
    sign_in_for: "to continue to",
    sign_in_for_consents: "to see which applications you allowed to use your data",
    username: "User name",
    password: "Password",
    cancel: "Cancel",
    wrong_credentials: "The user name or the password is not right. Try again.",
    busy: "Many people are signing in right now. Try again in a moment.",
    too_many_wrong: "Too many wrong attempts. Wait a few minutes, then try again.",
    never_share: "Only enter your password on this page. No other application ever needs it.",
    consent_title: "Allow access?",
    asks_for: "asks for your permission to:",
    signed_in_as: "You are signed in as",
    answer_goes_to: "Your answer goes to",
    until: "This permission ends at the latest on",
    allow: "Allow",
    deny: "Deny",
    bank_support: "Help",
    bank_policy: "How the bank protects your data",
    bank_terms: "Terms of the bank",
    website: "Website of the application",
    policy: "Privacy policy",
    terms: "Terms of service",
    consents_title: "What you allowed",
    consents_none: "No application has access to your data.",
    consents_more: "There is more. It is shown when you have withdrawn some of this.",
    allowed_to: "may:",
    allowed_for: "At",
    allowed_since: "Since",
    allowed_until: "Until, at the latest",
    withdraw: "Withdraw",
    withdraw_hint: "When you withdraw, the application loses access at once. It can ask you again.",
    withdrawn: "Access was withdrawn.",
    going_back: "Going back",
    going_back_text: "You are being taken back to the application.",
    go_on: "Continue",
    sign_out: "Sign out",
    sign_out_title: "Sign out?",
    sign_out_for: "This is asked for by",
    stay: "Stay signed in",
    signed_out: "You are signed out",
    signed_out_text: "Nobody is signed in here any more. Access that you gave to applications goes on until it ends.",
    still_signed_in: "You are still signed in",
    still_signed_in_text: "Nothing has changed. You may close this page.",
    error_title: "This did not work",
    error_text: "Go back to the application and start again. If it happens again, tell the application's support this:",
    request_id: "Request",
    yes: "Yes",
    no: "No",
    nothing: "Nothing",
    detail_actions: "What may be done",
    detail_datatypes: "Kinds of data",
    detail_identifier: "Identifier",
    detail_locations: "Where",
    detail_privileges: "Privileges",
    scope_openid: "Know who you are at this bank, without your name",
    scope_offline_access: "Keep this access while you are away",
    scope_profile: "See your profile: name, date of birth, language",
    scope_email: "See your email address",
    scope_address: "See your postal address",
    scope_phone: "See your phone number",
};

const PORTUGUESE: Words = Words {
    tag: "pt-BR",
    sign_in: "Entrar",
    sign_in_for: "para continuar em",
    sign_in_for_consents: "para ver quais aplicativos você autorizou a usar seus dados",
    username: "Usuário",
    password: "Senha",
    cancel: "Cancelar",
    wrong_credentials: "O usuário ou a senha não está correto. Tente novamente.",
    busy: "Muitas pessoas estão entrando agora. Tente novamente em instantes.",
    too_many_wrong: "Tentativas erradas demais. Aguarde alguns minutos e tente novamente.",
    never_share: "Digite sua senha somente nesta página. Nenhum outro aplicativo precisa dela.",
    consent_title: "Permitir acesso?",
    asks_for: "pede sua permissão para:",
    signed_in_as: "Você entrou como",
    answer_goes_to: "Sua resposta será enviada para",
    until: "Esta permissão termina no máximo em",
    allow: "Permitir",
    deny: "Negar",
    bank_support: "Ajuda",
    bank_policy: "Como o banco protege seus dados",
    bank_terms: "Termos do banco",
    website: "Site do aplicativo",
    policy: "Política de privacidade",
    terms: "Termos de serviço",
    consents_title: "O que você autorizou",
    consents_none: "Nenhum aplicativo tem acesso aos seus dados.",
    consents_more: "Há mais. O restante aparece quando você revogar alguns destes acessos.",
    allowed_to: "pode:",
    allowed_for: "Em",
    allowed_since: "Desde",
    allowed_until: "No máximo até",
    withdraw: "Revogar",
    withdraw_hint: "Ao revogar, o aplicativo perde o acesso imediatamente. Ele poderá pedir novamente.",
    withdrawn: "O acesso foi revogado.",
    going_back: "Voltando",
    going_back_text: "Você está sendo levado de volta ao aplicativo.",
    go_on: "Continuar",
    sign_out: "Sair",
    sign_out_title: "Sair?",
    sign_out_for: "Isto foi pedido por",
    stay: "Continuar conectado",
    signed_out: "Você saiu",
    signed_out_text: "Ninguém mais está conectado aqui. O acesso que você deu a aplicativos continua até terminar.",
    still_signed_in: "Você continua conectado",
    still_signed_in_text: "Nada mudou. Você pode fechar esta página.",
    error_title: "Não funcionou",
    error_text: "Volte ao aplicativo e comece de novo. Se acontecer novamente, informe isto ao suporte do aplicativo:",
    request_id: "Solicitação",
    yes: "Sim",
    no: "Não",
    nothing: "Nada",
    detail_actions: "O que pode ser feito",
    detail_datatypes: "Tipos de dados",
    detail_identifier: "Identificador",
    detail_locations: "Onde",
    detail_privileges: "Privilégios",
    scope_openid: "Saber quem você é neste banco, sem o seu nome",
    scope_offline_access: "Manter este acesso enquanto você estiver ausente",
    scope_profile: "Ver seu perfil: nome, data de nascimento, idioma",
    scope_email: "Ver seu endereço de e-mail",
    scope_address: "Ver seu endereço postal",
    scope_phone: "Ver seu número de telefone",
};

/// All languages, the fallback first.
pub(super) const ALL: [&Words; 2] = [&ENGLISH, &PORTUGUESE];

/// The first wished language that we speak; a tag matches by its language, whatever its region (RFC 4647 3.4).
pub(super) fn choose<'a>(wishes: impl Iterator<Item = &'a str>) -> &'static Words {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    for wish in wishes {
        if let Some(words) = ALL.into_iter().find(|words| primary(words.tag) == primary(wish)) {
            return words;
        }
    }
    &ENGLISH
}

impl Words {
    /// What a common member of authorization details means (RFC 9396 2.2).
    pub(super) fn detail(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "actions" => self.detail_actions,
            "datatypes" => self.detail_datatypes,
            "identifier" => self.detail_identifier,
            "locations" => self.detail_locations,
            "privileges" => self.detail_privileges,
            _ => return None,
        })
    }

    /// What a standard scope means (OpenID Connect Core 5.4, 11).
    pub(super) fn scope(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "openid" => self.scope_openid,
            "offline_access" => self.scope_offline_access,
            "profile" => self.scope_profile,
            "email" => self.scope_email,
            "address" => self.scope_address,
            "phone" => self.scope_phone,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_we_speak_wins() {
        assert_eq!(choose(["de", "pt-PT", "en"].into_iter()).tag, "pt-BR");
        assert_eq!(choose(["EN-gb"].into_iter()).tag, "en");
        assert_eq!(choose(["tlh"].into_iter()).tag, "en");
    }
}
