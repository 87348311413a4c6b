// The person and the browser: signs in, allows, and is sent back to the client.

const FORM = /<form\b[^>]*action="([^"]*)"[^>]*>(.*?)<\/form>/s
const CONTROL = /<(?:input|button)\b[^>]*>/g

// From the address that the client sends the browser to, to the address with which the browser comes back.
export async function signIn(start, { redirectUri, person, fetchWithoutCertificate }) {
  const cookies = new Map()
  let url = new URL(start)
  let options = {}
  for (let steps = 0; steps < 12; steps++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const origin = options.body ? { origin: url.origin } : {}
    const response = await fetchWithoutCertificate(url, { ...options, redirect: 'manual', headers: { cookie, ...origin } })
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(';', 1)[0].split(/=(.*)/s)
      cookies.set(name, value)
    }
    const page = await response.text()
    const next = response.headers.get('location') ?? meantFor(page)
    if (next) {
      if (next.startsWith(redirectUri)) return new URL(next)
      ;[url, options] = [new URL(next, url), {}]
      continue
    }
    const [, action, inner] = FORM.exec(page) ?? []
    if (!inner) throw new Error(`the person is stuck (${response.status}): ${page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')}`)
    options = { method: 'POST', body: filled(inner, person) }
    url = new URL(action, url)
  }
  throw new Error(`the person is sent around in circles, lately to ${url.origin}${url.pathname}`)
}

// A page that sends the browser on by itself.
function meantFor(page) {
  const [, next] = /<meta http-equiv="refresh" content="0;url=([^"]*)"/.exec(page) ?? []
  return next && unescaped(next)
}

// The form as a browser sends it when `login` is pressed, or `approve`.
function filled(form, { username, password }) {
  const controls = form.match(CONTROL).map((tag) => (name) => {
    const [, value] = new RegExp(`\\b${name}="([^"]*)"`).exec(tag) ?? []
    return value && unescaped(value)
  })
  const typed = { username, password }
  const pressed = ['login', 'approve']
  const isButton = (control) => control('type') === 'submit'
  return new URLSearchParams(controls
    .filter((control) => control('name') && (!isButton(control) || pressed.includes(control('id'))))
    .map((control) => [control('name'), typed[control('id')] ?? control('value') ?? '']))
}

const unescaped = (text) => text
  .replace(/&#x([0-9a-f]+);/gi, (_, hex) => String.fromCodePoint(parseInt(hex, 16)))
  .replace(/&#(\d+);/g, (_, number) => String.fromCodePoint(number))
  .replace(/&quot;/g, '"').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&')
