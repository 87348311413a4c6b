use super::*;

const SIGN_IN: &str = r#"<!doctype html><html lang="en"><head><title>Sign in &amp; go on</title>
<style>a > b { content: "<form>" }</style></head><body>
<!-- <form action="/evil"><input id=username><input id=password></form> -->
<form method="post" action="/login?interaction=a&amp;b=1">
  <input type="hidden" name="csrf" value="x&#x2b;y&#43;z&quot;">
  <label for="username">Name</label><input id="username" name="username" autocomplete=username required>
  <input id='password' name='password' type='password'/>
  <input type="checkbox" name="remember">
  <button id="login" name="action" value="login">Sign in</button>
  <button id="cancel" name="action" value="cancel">Cancel</button>
</form></body></html>"#;

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn a_sign_in_page_is_filled_and_submitted_as_a_browser_does() {
    let page = Page::parse(SIGN_IN);
    assert_eq!(page.title, "Sign in & go on");
    let Kind::SignIn(form) = page.kind else { panic!("{page:?}") };
    assert_eq!(form.action, "/login?interaction=a&b=1");
    assert!(form.post);
    let sent = form.typed("username", "alice").typed("password", "p&w").pressed("login");
    assert_eq!(
        pairs(&sent),
        [("csrf", "x+y+z\""), ("username", "alice"), ("password", "p&w"), ("action", "login")]
    );
}

#[test]
fn the_person_agrees_to_all_or_to_nothing() {
    let page = Page::parse(
        "<FORM METHOD=POST ACTION=/consent><input type=hidden name=csrf value=1><input type=checkbox name=account \
         value=A1><input type=checkbox name=account value=A2 checked><input type=radio name=r value=1>\
         <input name=off disabled value=1><button id=approve name=decision value=approve>Yes</button>\
         <button id=deny name=decision value=deny>No</button></FORM>",
    );
    let Kind::Consent(form) = page.kind else { panic!("{page:?}") };
    assert_eq!(
        pairs(&form.clone().all_ticked().pressed("approve")),
        [("csrf", "1"), ("account", "A1"), ("account", "A2"), ("decision", "approve")]
    );
    assert_eq!(pairs(&form.pressed("deny")), [("csrf", "1"), ("account", "A2"), ("decision", "deny")]);
}

#[test]
fn an_error_page_gives_its_code_and_the_id_of_the_request() {
    let page = Page::parse(
        r#"<h1>Sorry</h1><p>Code: <code id="error-code">invalid_request_uri</code></p>
           <p><span id="request-id">01J&lt;</span></p><pre id="detail">expired
           RFC 9126 4</pre>"#,
    );
    assert_eq!(
        page.kind,
        Kind::Refused {
            code: "invalid_request_uri".to_owned(),
            request_id: "01J<".to_owned(),
            detail: "expired
           RFC 9126 4"
                .to_owned()
        }
    );
}

#[test]
fn the_last_page_says_where_the_browser_goes() {
    let meta = r#"<meta http-equiv="refresh" content="0;url=https://app.example/cb?a=1&amp;response=x.y.z">"#;
    assert_eq!(Page::parse(meta).kind, Kind::Leave("https://app.example/cb?a=1&response=x.y.z".to_owned()));
    let quoted = r#"<meta content="0; URL='https://app.example/cb#code=1'" http-equiv="Refresh">"#;
    assert_eq!(Page::parse(quoted).kind, Kind::Leave("https://app.example/cb#code=1".to_owned()));
    let link = r#"<a class="b" id="continue" href="https://app.example/cb">Continue</a>"#;
    assert_eq!(Page::parse(link).kind, Kind::Leave("https://app.example/cb".to_owned()));
}

#[test]
fn what_only_looks_like_a_form_is_none() {
    for html in [
        "",
        "<",
        "<a",
        "<form",
        "1 < 2 > 1",
        "<!-- <form><input id=username><input id=password></form>",
        "<script>document.write('<form><input id=username><input id=password></form>')</script>",
        "<input id=username><input id=password>",
        "<form></form><input id=username><input id=password>",
        "<form><input id=username></form><form><input id=password></form>",
        "<meta http-equiv=refresh content=5>",
        "<p id=\"é\u{1F600}\" =\"x\"><form =>é</form>",
    ] {
        assert_eq!(Page::parse(html).kind, Kind::Unknown, "{html:?}");
    }
}

#[test]
fn character_references_that_are_none_stay_as_they_are() {
    assert_eq!(
        unescape("a & b &c; &#xZZ; &#0x41; &#1114112; &#65; &"),
        "a & b &c; &#xZZ; &#0x41; &#1114112; A &"
    );
}
