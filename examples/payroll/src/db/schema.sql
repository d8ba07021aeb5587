-- Months are `2025-07`: they sort as they read. Money is whole yen.
-- `name_key` is `name` folded (trimmed, single spaces, lower case, beyond ASCII too) by the function that folds what a
-- search asks for; SQLite's own lower() knows ASCII only.

CREATE TABLE factories (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE employees (
    id       INTEGER PRIMARY KEY,
    code     TEXT NOT NULL UNIQUE,
    factory  TEXT NOT NULL REFERENCES factories (code),
    name     TEXT NOT NULL,
    name_key TEXT NOT NULL,
    position TEXT NOT NULL,
    base_pay INTEGER NOT NULL CHECK (base_pay >= 0),
    hired    TEXT NOT NULL,
    history  TEXT NOT NULL
) STRICT;

CREATE INDEX employees_by_factory ON employees (factory);

CREATE TABLE salaries (
    employee_id INTEGER NOT NULL REFERENCES employees (id),
    month       TEXT NOT NULL,
    base        INTEGER NOT NULL,
    overtime    INTEGER NOT NULL,
    deductions  INTEGER NOT NULL,
    PRIMARY KEY (employee_id, month)
) STRICT, WITHOUT ROWID;

CREATE INDEX salaries_by_month ON salaries (month);

CREATE TABLE rates (
    year     INTEGER NOT NULL,
    name     TEXT NOT NULL,
    permille INTEGER NOT NULL,
    PRIMARY KEY (year, name)
) STRICT, WITHOUT ROWID;

-- `session` goes up with every password reset: cookies carry it, and those from before no longer count.
CREATE TABLE users (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    factory TEXT NOT NULL REFERENCES factories (code),
    session INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE role_permissions (
    role       TEXT NOT NULL,
    permission TEXT NOT NULL,
    PRIMARY KEY (role, permission)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_roles (
    user_id INTEGER NOT NULL REFERENCES users (id),
    role    TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;
