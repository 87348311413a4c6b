-- Whom to tell that a person signed out (OpenID Connect Back-Channel Logout 1.0).

-- Clients that have ID Tokens of a sign-in session and want to be told when it ends.
CREATE TABLE session_clients (
  sid         TEXT NOT NULL,
  client_id   TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  subject     TEXT NOT NULL,       -- who signed in
  ends        INTEGER NOT NULL,
  PRIMARY KEY (sid, client_id, incarnation)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_clients_of_client ON session_clients (client_id, incarnation);
CREATE INDEX session_clients_purge ON session_clients (ends);
CREATE INDEX sessions_sid ON sessions (sid);

-- Clients that are still to be told.
CREATE TABLE logout_notices (
  sid         TEXT NOT NULL,
  client_id   TEXT NOT NULL,
  incarnation TEXT NOT NULL,
  subject     TEXT NOT NULL,
  tries       INTEGER NOT NULL,     -- how often somebody has taken it up
  due         INTEGER NOT NULL,     -- when somebody may take it up
  ends        INTEGER NOT NULL,     -- when nobody tries any more
  PRIMARY KEY (sid, client_id, incarnation)
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_notices_due ON logout_notices (due);
CREATE INDEX logout_notices_of_client ON logout_notices (client_id, incarnation);
