// What every client does here, whichever library it is made with: the arguments, and what is asserted about the tokens.

import assert from 'node:assert/strict'
import { laptop } from './laptop.mjs'

// Arguments: RUN_FILE WORKSPACE CLIENT [WORD...], with words out of
//   signed   the request is a signed request object
//   byValue  it goes through the browser instead of being pushed
//   jarm     the response is a signed JWT
//   hybrid   the response is `code id_token`
//   dpop     tokens are bound to a key that is proved with each request; there is no certificate
// `flow(me, words)` goes from nothing to tokens, and gives them with the calls that use them.
export async function play(flow) {
  const [runFile, workspace, clientId, ...words] = process.argv.slice(2)
  const wants = Object.fromEntries(words.map((word) => [word, true]))
  const me = await laptop(runFile, workspace, clientId)
  if (wants.dpop) me.fetch = me.fetchWithoutCertificate

  const { tokens, subject, userinfo, refresh, accounts, revoke, stranger } = await flow(me, wants)
  assert.equal(tokens.token_type, wants.dpop ? 'dpop' : 'bearer')

  assert.equal((await userinfo(subject, tokens.access_token)).sub, subject)

  const fresh = await refresh(tokens.refresh_token)
  assert.notEqual(fresh.access_token, tokens.access_token)
  if (me.accounts) assert.ok((await accounts(me.accounts, fresh.access_token)).accounts.length > 0)

  // A token is nothing without what it is bound to.
  await assert.rejects(async () => (await stranger()).userinfo(subject, fresh.access_token), { status: 401 })

  await revoke(fresh.refresh_token ?? tokens.refresh_token)
  await assert.rejects(refresh(fresh.refresh_token ?? tokens.refresh_token), { error: 'invalid_grant' })
  console.log(`${subject} has ${tokens.token_type} tokens for ${tokens.scope}`)
}
