-- What limits and lists ask of open tasks without reading their specs, and of whom a group's end is told.
-- NULL where a task says nothing.
ALTER TABLE tasks ADD COLUMN subject TEXT;
ALTER TABLE tasks ADD COLUMN grp TEXT;
ALTER TABLE tasks ADD COLUMN notify TEXT CHECK (notify IS NULL OR notify = 'last' OR notify = 'failures' OR notify = 'none');
ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (typeof(priority) = 'integer');
ALTER TABLE tasks ADD COLUMN question_expires INTEGER CHECK (question_expires IS NULL OR typeof(question_expires) = 'integer');
UPDATE tasks SET
  subject = (SELECT coalesce(json_extract(spec, '$.spec.handler'), json_extract(spec, '$.spec.agent')) FROM specs WHERE specs.number = tasks.number),
  grp = (SELECT json_extract(spec, '$.spec.group') FROM specs WHERE specs.number = tasks.number)
WHERE number IN (SELECT number FROM specs WHERE (instr(spec, '"group":') > 0 OR instr(spec, '"handler":') > 0 OR instr(spec, '"agent":') > 0) AND json_valid(spec));
CREATE INDEX tasks_by_group ON tasks (grp, session) WHERE grp IS NOT NULL;

-- The journal: what is here has happened and is not run again.
CREATE TABLE steps (
  task    TEXT    NOT NULL CHECK (length(task) = 26),
  name    TEXT    NOT NULL CHECK (length(name) > 0),
  ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  at      INTEGER NOT NULL,
  result  TEXT,
  PRIMARY KEY (task, name)
) WITHOUT ROWID;

-- What sessions are told. Numbers are never reused, so that a cursor means the same for ever.
ALTER TABLE meta ADD COLUMN last_notice INTEGER NOT NULL DEFAULT 0;
CREATE TABLE notices (
  seq        INTEGER PRIMARY KEY CHECK (seq >= 1),
  key        TEXT    NOT NULL UNIQUE,
  kind       TEXT    NOT NULL CHECK (kind = 'ended' OR kind = 'warning' OR kind = 'question' OR kind = 'group'),
  session    TEXT    NOT NULL,
  task       TEXT    NOT NULL CHECK (length(task) = 26),
  number     INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  title      TEXT    NOT NULL,
  text       TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  cause      TEXT,
  grp        TEXT,
  delivery   TEXT    NOT NULL CHECK (delivery = 'queued' OR delivery = 'handed_over' OR delivery = 'acknowledged' OR delivery = 'consumed' OR delivery = 'dropped'),
  open       INTEGER NOT NULL CHECK (open = (delivery = 'queued' OR delivery = 'handed_over')),
  deliveries INTEGER NOT NULL CHECK (deliveries >= 0),
  reason     TEXT    CHECK ((reason IS NOT NULL) = (delivery = 'dropped'))
);
CREATE INDEX notices_open ON notices (session, seq) WHERE open = 1;
CREATE INDEX notices_final ON notices (at) WHERE open = 0;
CREATE INDEX notices_dropped ON notices (session) WHERE delivery = 'dropped';

-- Sessions of which something holds that does not hold of all.
CREATE TABLE sessions (
  name           TEXT NOT NULL PRIMARY KEY,
  policy         TEXT NOT NULL CHECK (policy = 'push' OR policy = 'hold' OR policy = 'never'),
  closed_through INTEGER NOT NULL CHECK (closed_through >= 0)
) WITHOUT ROWID;
