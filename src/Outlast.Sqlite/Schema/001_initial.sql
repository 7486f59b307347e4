-- One row: whose store this is and how far its numbers have come. The numbers are counted here and not by AUTOINCREMENT,
-- because that would cost one more write a row instead of one a transaction; they are never reused, whatever is removed.
CREATE TABLE meta (
  one            INTEGER PRIMARY KEY CHECK (one = 1),
  epoch          INTEGER NOT NULL CHECK (epoch >= 0),
  transactions   INTEGER NOT NULL CHECK (transactions >= 0),
  last_number    INTEGER NOT NULL CHECK (last_number >= 0),
  last_event     INTEGER NOT NULL CHECK (last_event >= 0),
  forgotten_event INTEGER NOT NULL CHECK (forgotten_event >= 0)
);
INSERT INTO meta VALUES (1, 0, 0, 0, 0, 0);

-- What changes with a task. Times are 100 ns since 1970, so that nothing is rounded and order is the order of numbers.
-- Each row stands in two indexes and no more: the id, and the end, in which the open tasks (no end) come first, in order of number.
-- Only a task with a session stands in a third, which no later change of the task touches.
CREATE TABLE tasks (
  number        INTEGER PRIMARY KEY CHECK (number >= 1),
  id            TEXT    NOT NULL UNIQUE CHECK (length(id) = 26),
  state         TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'stopping', 'completed', 'failed', 'timed_out', 'stopped', 'lost')),
  version       INTEGER NOT NULL CHECK (typeof(version) = 'integer' AND version >= 1),
  kind          TEXT    NOT NULL CHECK (kind IN ('process', 'agent', 'handler')),
  attempt       INTEGER NOT NULL CHECK (typeof(attempt) = 'integer' AND attempt >= 0),
  events        INTEGER NOT NULL CHECK (typeof(events) = 'integer' AND events >= 0),
  token         INTEGER CHECK (token IS NULL OR typeof(token) = 'integer'),
  parent        TEXT    CHECK (parent IS NULL OR length(parent) = 26),
  root          TEXT    NOT NULL CHECK (length(root) = 26),
  detached      INTEGER NOT NULL CHECK (detached IN (0, 1)),
  first_in_line INTEGER NOT NULL CHECK (first_in_line IN (0, 1)),
  not_before    INTEGER CHECK (not_before IS NULL OR typeof(not_before) = 'integer'),
  start_by      INTEGER CHECK (start_by IS NULL OR typeof(start_by) = 'integer'),
  ended_at      INTEGER CHECK (ended_at IS NULL OR (typeof(ended_at) = 'integer' AND ended_at >= 0)),
  cause         TEXT,
  session       TEXT,
  labels        TEXT,
  document      TEXT    NOT NULL,
  CHECK ((ended_at IS NOT NULL) = (state IN ('completed', 'failed', 'timed_out', 'stopped', 'lost'))),
  CHECK ((cause IS NOT NULL) = (ended_at IS NOT NULL)),
  CHECK (token IS NULL OR state IN ('running', 'waiting', 'stopping')),
  CHECK (attempt >= 1 OR state NOT IN ('running', 'waiting')),
  CHECK (token IS NULL OR attempt >= 1),
  CHECK ((parent IS NULL) = (root = id))
);
CREATE INDEX tasks_by_end ON tasks (ended_at);
CREATE INDEX tasks_by_session ON tasks (session) WHERE session IS NOT NULL;

-- What a task was asked to be: written once, and apart, because an update rewrites its whole row and specs carry environments.
CREATE TABLE specs (
  number INTEGER PRIMARY KEY,
  search TEXT NOT NULL,
  spec   TEXT NOT NULL
);

CREATE TABLE events (
  seq      INTEGER PRIMARY KEY CHECK (seq >= 1),
  task     TEXT    CHECK (task IS NULL OR length(task) = 26),
  task_seq INTEGER NOT NULL CHECK ((task_seq >= 1) = (task IS NOT NULL)),
  type     TEXT    NOT NULL,
  at       INTEGER NOT NULL CHECK (typeof(at) = 'integer'),
  state    TEXT,
  attempt  INTEGER,
  session  TEXT,
  data     TEXT,
  UNIQUE (task, task_seq)
);

CREATE TABLE idempotency_keys (
  key       TEXT NOT NULL PRIMARY KEY,
  task      TEXT NOT NULL,
  body_hash TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_task ON idempotency_keys (task);

CREATE TABLE tombstones (
  number     INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE CHECK (length(id) = 26),
  state      TEXT    NOT NULL CHECK (state IN ('completed', 'failed', 'timed_out', 'stopped', 'lost')),
  ended_at   INTEGER NOT NULL,
  removed_at INTEGER NOT NULL,
  reason     TEXT    NOT NULL
);
CREATE INDEX tombstones_by_removal ON tombstones (removed_at);

-- How many records are in each state: kept by the writer, once a transaction.
CREATE TABLE counts (
  state TEXT NOT NULL PRIMARY KEY,
  tasks INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counts VALUES ('queued', 0), ('running', 0), ('waiting', 0), ('stopping', 0), ('completed', 0), ('failed', 0), ('timed_out', 0), ('stopped', 0), ('lost', 0);

-- Rows that could not be read: where their bytes are, and why.
CREATE TABLE quarantine (
  source TEXT NOT NULL PRIMARY KEY,
  reason TEXT NOT NULL,
  file   TEXT NOT NULL,
  at     INTEGER NOT NULL
) WITHOUT ROWID;

-- What a probe writes: enough to need room of its own.
CREATE TABLE probe (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  filler BLOB
);
