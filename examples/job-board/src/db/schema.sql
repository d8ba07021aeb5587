-- Times are RFC 3339 text in UTC: they sort as they read.
-- Columns named *_key hold the folded form of their neighbour (trimmed, single spaces, lower case,
-- beyond ASCII too), made by the same function that folds what a request asks for. SQLite's own
-- NOCASE and lower() know ASCII only, and cache keys would then tell apart what SQL does not.

CREATE TABLE users (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    headline   TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

CREATE TABLE follows (
    follower_id INTEGER NOT NULL REFERENCES users (id),
    followed_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (follower_id, followed_id),
    CHECK (follower_id <> followed_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX follows_by_followed ON follows (followed_id);

CREATE TABLE companies (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE jobs (
    id           INTEGER PRIMARY KEY,
    company_id   INTEGER NOT NULL REFERENCES companies (id),
    posted_by    INTEGER NOT NULL REFERENCES users (id),
    title        TEXT NOT NULL,
    description  TEXT NOT NULL,
    location     TEXT NOT NULL,
    location_key TEXT NOT NULL,
    category     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    salary_min   INTEGER NOT NULL,
    salary_max   INTEGER NOT NULL CHECK (salary_max >= salary_min),
    remote       INTEGER NOT NULL CHECK (remote IN (0, 1)),
    status       TEXT NOT NULL,
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

CREATE INDEX jobs_newest      ON jobs (status, created_at DESC, id DESC);
CREATE INDEX jobs_by_location ON jobs (status, location_key, created_at DESC, id DESC);
CREATE INDEX jobs_by_category ON jobs (status, category, created_at DESC, id DESC);
CREATE INDEX jobs_by_company  ON jobs (company_id);

-- The text index keeps words only; the text itself stays in `jobs`.
CREATE VIRTUAL TABLE jobs_text USING fts5 (
    title, description,
    content = 'jobs', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER jobs_text_insert AFTER INSERT ON jobs BEGIN
    INSERT INTO jobs_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;

CREATE TRIGGER jobs_text_delete AFTER DELETE ON jobs BEGIN
    INSERT INTO jobs_text (jobs_text, rowid, title, description)
    VALUES ('delete', old.id, old.title, old.description);
END;

CREATE TRIGGER jobs_text_update AFTER UPDATE OF title, description ON jobs BEGIN
    INSERT INTO jobs_text (jobs_text, rowid, title, description)
    VALUES ('delete', old.id, old.title, old.description);
    INSERT INTO jobs_text (rowid, title, description) VALUES (new.id, new.title, new.description);
END;

CREATE TABLE posts (
    id         INTEGER PRIMARY KEY,
    author_id  INTEGER NOT NULL REFERENCES users (id),
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    published  INTEGER NOT NULL CHECK (published IN (0, 1)),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

CREATE INDEX posts_newest    ON posts (created_at DESC, id DESC);
CREATE INDEX posts_by_author ON posts (author_id, created_at DESC, id DESC);
