-- A long-lived agent at the vendor is a session everywhere else.
ALTER TABLE threads RENAME COLUMN living TO session;
