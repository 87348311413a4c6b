// What is served here, and who is this client? `fapictl up` wrote it down.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { importJWK } from 'jose'
import { Agent, fetch } from 'undici'

// One client of one Workspace, as its entry in run.json tells of it.
export async function laptop(runFile, workspaceName, clientId) {
  const workspace = JSON.parse(readFileSync(runFile)).workspaces.find((each) => each.name === workspaceName)
  const me = workspace.clients.find((each) => each.clientId === clientId)
  const user = workspace.users[0]
  const read = (file) => readFileSync(resolve(dirname(runFile), file), 'utf8')
  const [signs, decrypts] = ['sig', 'enc'].map((use) =>
    JSON.parse(read(me.jwksPrivateFile)).keys.find((key) => key.use === use))
  const imported = async (jwk) => jwk && { key: await importJWK(jwk, jwk.alg), kid: jwk.kid, alg: jwk.alg }
  const ca = read(workspace.caFile)
  return {
    issuer: new URL(workspace.issuer),
    clientId: me.clientId,
    method: me.method,
    redirectUri: me.redirectUri,
    scope: me.scopes.join(' '),
    key: await imported(signs),
    decryptionKey: await imported(decrypts),
    accounts: workspace.resource && new URL(workspace.resource.url),
    // What the client calls the server with, and what the person's browser does.
    fetch: trusting({ ca, cert: read(me.certificateFile), key: read(me.keyFile) }),
    fetchWithoutCertificate: trusting({ ca }),
    person: { username: user.username, password: read(user.passwordFile).trim() },
  }
}

// docs: fetch
// A `fetch` that trusts this CA only, and shows this certificate. Names below `localhost` are this machine (RFC 6761 6.3);
// not every resolver knows.
function trusting(tls) {
  const lookup = (host, options, found) =>
    options.all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4)
  const dispatcher = new Agent({ connect: { ...tls, lookup } })
  return (url, options) => fetch(url, { ...options, dispatcher })
}
// docs: end
