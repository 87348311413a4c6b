-- A person is shown what they agreed to, newest first.
CREATE INDEX grants_of_person ON grants (subject, created);
