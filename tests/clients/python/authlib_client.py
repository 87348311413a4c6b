"""python authlib_client.py RUN_FILE WORKSPACE CLIENT [WORD...]: see ../node/scenario.mjs for the words.

A client with authlib. Between the marks is what docs/clients.md shows.
"""

import sys

from laptop import laptop
from person import sign_in

# docs: setup
import time
from urllib.parse import parse_qs, urlencode, urlsplit

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken, HybridIDToken
from authlib.oidc.core.util import create_half_hash
from joserfc import jwe, jwt
from joserfc.jwk import KeySet


class Assertion(PrivateKeyJWT):
    """Lasts a minute. Those of authlib last an hour, and the server takes ten minutes at most."""

    def sign(self, auth, token_endpoint):
        self.claims = {"exp": int(time.time()) + 60}
        return super().sign(auth, token_endpoint)


def configure(me):
    """A session that shows the client's certificate with each connection, and the metadata of the server."""
    session = OAuth2Session(
        me.client_id,
        me.key,
        redirect_uri=me.redirect_uri,
        # authlib calls it "none": for `tls_client_auth` only the client_id is sent, and the certificate says the rest.
        token_endpoint_auth_method="private_key_jwt" if me.method == "private_key_jwt" else "none",
        revocation_endpoint_auth_method="private_key_jwt" if me.method == "private_key_jwt" else "none",
    )
    session.cert, session.verify = me.certificate, me.ca
    session.trust_env = False  # otherwise REQUESTS_CA_BUNDLE, where it is set, wins over `verify`
    # FAPI 2.0: the audience of an assertion is the issuer.
    session.register_client_auth_method(Assertion(me.issuer, alg=me.key.alg, headers={"kid": me.key.kid}))
    server = session.get(f"{me.issuer}/.well-known/openid-configuration", withhold_token=True).json()
    assert server["issuer"] == me.issuer
    server |= server["mtls_endpoint_aliases"]
    session.metadata["token_endpoint"] = server["token_endpoint"]
    return session, server
# docs: end


# docs: flow
def flow(me, signed=False, by_value=False, jarm=False, hybrid=False):
    """`hybrid`: `code id_token`; `jarm`: a signed response; else a plain code. `signed`: the request is a JWT; `by_value`:
    and travels with the browser, not from client to server. Tokens are bound to the certificate."""
    session, server = configure(me)
    keys = KeySet.import_key_set(session.get(server["jwks_uri"], withhold_token=True).json())

    verifier, nonce = generate_token(64), generate_token()
    url, state = session.create_authorization_url(
        server["authorization_endpoint"],
        scope=me.scope,
        nonce=nonce,
        response_type="code id_token" if hybrid else "code",
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
        **({"response_mode": "jwt"} if jarm else {}),
    )
    # authlib has no call for JAR (RFC 9101) and PAR (RFC 9126): both are a few lines.
    parameters = {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
    if signed:
        now = int(time.time())
        claims = {"iss": me.client_id, "aud": me.issuer, "iat": now, "nbf": now, "exp": now + 60, "jti": generate_token()}
        header = {"alg": me.key.alg, "kid": me.key.kid, "typ": "oauth-authz-req+jwt"}
        request = jwt.encode(header, parameters | claims, me.key, algorithms=[me.key.alg])
        # OpenID Connect Core 6.1: response_type and scope also outside, because OAuth 2.0 asks for them.
        outside = {name: parameters[name] for name in ("response_type", "scope")} if by_value else {}
        parameters = {"client_id": me.client_id, "request": request} | outside
    if not by_value:
        pushed = session.post(
            server["pushed_authorization_request_endpoint"],
            data={name: value for name, value in parameters.items() if name != "client_id"},
            auth=session.client_auth(session.token_endpoint_auth_method),
            withhold_token=True,
        )
        assert pushed.status_code == 201, pushed.text
        parameters = {"client_id": me.client_id, "request_uri": pushed.json()["request_uri"]}
    back = urlsplit(sign_in(f"{server['authorization_endpoint']}?{urlencode(parameters)}", me))

    answer = {name: value for name, [value] in parse_qs(back.fragment or back.query).items()}
    if jarm:
        answer = verified(answer["response"], me, keys, server["authorization_signing_alg_values_supported"]).claims
        assert answer["aud"] == me.client_id and answer["exp"] > time.time()
    if hybrid:
        vouched = id_token(HybridIDToken, answer["id_token"], me, keys, server, nonce=nonce, code=answer["code"])
        assert vouched["s_hash"] == create_half_hash(state, vouched.header["alg"]).decode()
    else:
        assert answer["iss"] == me.issuer
    assert answer["state"] == state

    session.fetch_token(code=answer["code"], code_verifier=verifier, redirect_uri=me.redirect_uri)
    return session, server, id_token(CodeIDToken, session.token["id_token"], me, keys, server, nonce=nonce)


def verified(token, me, keys, algorithms):
    """A JWT of the server's, decrypted if this client asked for that."""
    if me.decryption_key and token.count(".") == 4:
        opened = jwe.decrypt_compact(token, me.decryption_key, algorithms=[me.decryption_key.alg, "A256GCM"])
        token = opened.plaintext.decode()
    return jwt.decode(token, keys, algorithms=algorithms)


def id_token(kind, token, me, keys, server, **expected):
    """An ID Token with all that OpenID Connect Core 3.1.3.7 (and 3.3.2.12, for a hybrid one) wants checked."""
    read = verified(token, me, keys, server["id_token_signing_alg_values_supported"])
    options = {"iss": {"essential": True, "value": me.issuer}, "aud": {"essential": True, "value": me.client_id}}
    claims = kind(read.claims, read.header, options, {"client_id": me.client_id} | expected)
    claims.validate()
    return claims
# docs: end


run_file, workspace, client_id, *words = sys.argv[1:]
me = laptop(run_file, workspace, client_id)
names = {"signed": "signed", "byValue": "by_value", "jarm": "jarm", "hybrid": "hybrid"}
session, server, claims = flow(me, **{names[word]: True for word in words})

# docs: use
person = session.get(server["userinfo_endpoint"]).json()
fresh = session.refresh_token()
accounts = session.get(me.accounts).json() if me.accounts else None
# docs: end
assert person["sub"] == claims["sub"]
assert accounts is None or accounts["accounts"]

# A token is nothing without what it is bound to.
session.cert = None
session.close()
assert session.get(server["userinfo_endpoint"]).status_code == 401
session.cert = me.certificate
session.close()

session.revoke_token(server["revocation_endpoint"], token=session.token["refresh_token"])
try:
    session.refresh_token()
except session.oauth_error_class as error:
    assert error.error == "invalid_grant", error
else:
    raise AssertionError("a revoked token was refreshed")
print(f"{claims['sub']} has {session.token['token_type']} tokens for {session.token['scope']}")
