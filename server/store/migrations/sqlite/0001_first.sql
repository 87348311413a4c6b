-- What one authorization server remembers. Codes, tokens, request URIs and cookies are here as digests only.
-- Times are seconds since 1970. Migrations only ever add: the version before must go on working.

-- One database belongs to one issuer.
CREATE TABLE owner (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  issuer TEXT NOT NULL
) STRICT;

-- Written by the health check.
CREATE TABLE probe (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  written INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, written) VALUES (1, 0);

-- One authorization, from the request to its last refresh token.
CREATE TABLE grants (
  id          TEXT PRIMARY KEY,
  client_id   TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  created     INTEGER NOT NULL,
  request     TEXT NOT NULL,        -- JSON, never changes
  stage       TEXT NOT NULL,        -- the name that conditional writes look at
  state       TEXT NOT NULL,        -- JSON of the stage
  browser     TEXT,                 -- digest of the cookie that owns the interaction
  subject     TEXT,                 -- who signed in
  request_uri TEXT UNIQUE,          -- digest
  code        TEXT UNIQUE,          -- digest; stays, so that a second use is recognised
  awaiting    TEXT,                 -- 'pushed' or 'by_value' while it counts against its client's quota
  purge_after INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_of_client ON grants (client_id, awaiting, purge_after);
CREATE INDEX grants_purge ON grants (purge_after);

CREATE TABLE refresh_tokens (
  id          TEXT PRIMARY KEY,     -- digest
  grant_id    TEXT NOT NULL,
  client_id   TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  scope       TEXT NOT NULL,
  issued      INTEGER NOT NULL,
  expires     INTEGER NOT NULL,
  works_until INTEGER               -- set when another one took its place
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_of_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_of_client ON refresh_tokens (client_id, incarnation);
CREATE INDEX refresh_tokens_purge ON refresh_tokens (expires);

-- What may be used once, and was.
CREATE TABLE replay (
  digest TEXT PRIMARY KEY,
  ends   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX replay_purge ON replay (ends);

-- Sign-in sessions of browsers.
CREATE TABLE sessions (
  id             TEXT PRIMARY KEY,  -- digest of the cookie
  sid            TEXT NOT NULL,
  person         TEXT NOT NULL,     -- JSON
  idle_until     INTEGER NOT NULL,
  absolute_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_idle ON sessions (idle_until);
CREATE INDEX sessions_absolute ON sessions (absolute_until);

-- What a person agreed to within one sign-in session.
CREATE TABLE remembered (
  session     TEXT NOT NULL,
  client_id   TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  scope       TEXT NOT NULL,
  ends        INTEGER NOT NULL,
  PRIMARY KEY (session, client_id, incarnation)
) STRICT, WITHOUT ROWID;
CREATE INDEX remembered_of_client ON remembered (client_id, incarnation);
CREATE INDEX remembered_purge ON remembered (ends);

-- Access tokens and grants that ended before their time.
CREATE TABLE denied_tokens (
  jti  TEXT PRIMARY KEY,
  ends INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX denied_tokens_purge ON denied_tokens (ends);

CREATE TABLE denied_grants (
  grant_id TEXT PRIMARY KEY,
  ends     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX denied_grants_purge ON denied_grants (ends);
