// node openid-client.mjs RUN_FILE WORKSPACE CLIENT [WORD...]: see scenario.mjs for the words.
//
// A client with openid-client. Between the marks is what docs/clients.md shows.

import { play } from './scenario.mjs'
import { signIn } from './person.mjs'
// docs: setup
import * as client from 'openid-client'

// `fetch` shows the client's certificate: https://undici.nodejs.org, `new Agent({ connect: { cert, key } })`.
async function configure({ issuer, clientId, method, key, decryptionKey, fetch }, responses) {
  const authentication = method === 'private_key_jwt' ? client.PrivateKeyJwt(key) : client.TlsClientAuth()
  const config = await client.discovery(issuer, clientId, { use_mtls_endpoint_aliases: true }, authentication, {
    [client.customFetch]: fetch,
    execute: [client.enableNonRepudiationChecks, ...responses],
  })
  if (decryptionKey) client.enableDecryptingResponses(config, ['A256GCM'], decryptionKey)
  return config
}
// docs: end

// docs: flow
// `hybrid`: `code id_token`; `jarm`: a signed response; else a plain code. `signed`: the request is a JWT; `byValue`: and
// travels with the browser, not from client to server. `dpop`: tokens are bound to a key; else to the certificate.
// `signIn` stands for the person: from the URL that the browser is sent to, to the one that it comes back with.
async function flow(me, { signed, byValue, jarm, hybrid, dpop }) {
  const config = await configure(me, [
    ...jarm ? [client.useJwtResponseMode] : [],
    ...hybrid ? [client.useCodeIdTokenResponseType, client.enableDetachedSignatureResponseChecks] : [],
  ])
  const DPoP = dpop && client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))

  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const parameters = {
    redirect_uri: me.redirectUri,
    scope: me.scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  }
  let url = signed
    ? await client.buildAuthorizationUrlWithJAR(config, parameters, me.key)
    : client.buildAuthorizationUrl(config, parameters)
  if (!byValue) url = await client.buildAuthorizationUrlWithPAR(config, url.searchParams, { DPoP })

  const back = await signIn(url, me)
  const checks = { pkceCodeVerifier, expectedState, expectedNonce }
  const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, { DPoP })
  return { config, tokens, DPoP }
}
// docs: end

await play(async (me, words) => {
  const { config, tokens, DPoP } = await flow(me, words)
  // docs: use
  const userinfo = (subject, token) => client.fetchUserInfo(config, token, subject, { DPoP })
  const refresh = (token) => client.refreshTokenGrant(config, token, undefined, { DPoP })
  const revoke = (token) => client.tokenRevocation(config, token)
  const accounts = async (url, token) =>
    (await client.fetchProtectedResource(config, token, url, 'GET', undefined, undefined, { DPoP })).json()
  // docs: end
  const stranger = async () => {
    const elsewhere = { [client.customFetch]: me.fetchWithoutCertificate }
    const config = await client.discovery(me.issuer, me.clientId, {}, client.None(), elsewhere)
    return { userinfo: (subject, token) => client.fetchUserInfo(config, token, subject) }
  }
  return { tokens, subject: tokens.claims().sub, userinfo, refresh, revoke, accounts, stranger }
})
