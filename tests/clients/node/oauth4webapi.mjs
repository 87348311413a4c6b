// node oauth4webapi.mjs RUN_FILE WORKSPACE CLIENT [WORD...]: see scenario.mjs for the words.
//
// A client with oauth4webapi, the layer below openid-client: every request and every check is a call of its own.
// Between the marks is what docs/clients.md shows.

import { play } from './scenario.mjs'
import { signIn } from './person.mjs'
// docs: setup
import { compactDecrypt } from 'jose'
import * as oauth from 'oauth4webapi'

async function discover({ issuer, clientId, method, key, decryptionKey, fetch }) {
  const options = { [oauth.customFetch]: fetch }
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
  const client = { client_id: clientId, use_mtls_endpoint_aliases: true }
  const authentication = method === 'private_key_jwt' ? oauth.PrivateKeyJwt(key) : oauth.TlsClientAuth()
  if (decryptionKey) {
    options[oauth.jweDecrypt] = async (jwe) =>
      new TextDecoder().decode((await compactDecrypt(jwe, decryptionKey.key)).plaintext)
  }
  return { as, client, authentication, options }
}
// docs: end

// docs: flow
// `hybrid`: `code id_token`; `jarm`: a signed response; else a plain code. `signed`: the request is a JWT; `byValue`: and
// travels with the browser, not from client to server. `dpop`: tokens are bound to a key; else to the certificate.
async function flow(me, { signed, byValue, jarm, hybrid, dpop }) {
  const { as, client, authentication, options } = await discover(me)
  if (dpop) options.DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))

  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  let parameters = new URLSearchParams({
    client_id: me.clientId,
    redirect_uri: me.redirectUri,
    scope: me.scope,
    response_type: hybrid ? 'code id_token' : 'code',
    ...jarm && { response_mode: 'jwt' },
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  if (signed) {
    const request = await oauth.issueRequestObject(as, client, parameters, me.key)
    parameters = new URLSearchParams({ client_id: me.clientId, request })
    // OpenID Connect Core 6.1: also as a parameter, because OAuth 2.0 asks for it.
    if (byValue) {
      parameters.set('response_type', hybrid ? 'code id_token' : 'code')
      parameters.set('scope', me.scope)
    }
  }
  if (!byValue) {
    const push = () => oauth.pushedAuthorizationRequest(as, client, authentication, parameters, options)
    const { request_uri } = await nonceTold(push, async (response) =>
      oauth.processPushedAuthorizationResponse(as, client, response))
    parameters = new URLSearchParams({ client_id: me.clientId, request_uri })
  }

  const back = await signIn(`${as.authorization_endpoint}?${parameters}`, me)
  const answer = hybrid ? await oauth.validateDetachedSignatureResponse(as, client, back, nonce, state, undefined, options)
    : jarm ? await oauth.validateJwtAuthResponse(as, client, back, state, options)
    : oauth.validateAuthResponse(as, client, back, state)

  const redeem = () =>
    oauth.authorizationCodeGrantRequest(as, client, authentication, answer, me.redirectUri, verifier, options)
  const tokens = await nonceTold(redeem, async (response) => {
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, ...options })
    await oauth.validateApplicationLevelSignature(as, response, options)
    return tokens
  })
  return { as, client, authentication, options, tokens }
}

// RFC 9449 8: a server may ask for a nonce of its own in the proof; the library has taken note of it, so asks again.
async function nonceTold(ask, process) {
  try {
    return await process(await ask())
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return process(await ask())
  }
}
// docs: end

await play(async (me, words) => {
  const { as, client, authentication, options, tokens } = await flow(me, words)
  // docs: use
  const userinfo = (subject, token) => nonceTold(
    () => oauth.userInfoRequest(as, client, token, options),
    (response) => oauth.processUserInfoResponse(as, client, subject, response, options))
  const refresh = (token) => nonceTold(
    () => oauth.refreshTokenGrantRequest(as, client, authentication, token, options),
    (response) => oauth.processRefreshTokenResponse(as, client, response, options))
  const revoke = async (token) => oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, authentication, token, options))
  const accounts = (url, token) => nonceTold(
    () => oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, options),
    (response) => response.json())
  // docs: end
  const stranger = () => ({
    userinfo: async (subject, token) => oauth.processUserInfoResponse(as, client, subject,
      await oauth.userInfoRequest(as, client, token, { [oauth.customFetch]: me.fetchWithoutCertificate })),
  })
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)
  return { tokens, subject: sub, userinfo, refresh, revoke, accounts, stranger }
})
