-- A store as schema version 1 left it: tasks in several states, one of them removed. Every later version must bring it forward.
BEGIN TRANSACTION;
CREATE TABLE meta (
  one            INTEGER PRIMARY KEY CHECK (one = 1),
  epoch          INTEGER NOT NULL CHECK (epoch >= 0),
  transactions   INTEGER NOT NULL CHECK (transactions >= 0),
  last_number    INTEGER NOT NULL CHECK (last_number >= 0),
  last_event     INTEGER NOT NULL CHECK (last_event >= 0),
  forgotten_event INTEGER NOT NULL CHECK (forgotten_event >= 0)
);
INSERT INTO meta VALUES(1,3,13,5,9,0);
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
INSERT INTO tasks VALUES(1,'01m7w6c3bwe5j85k07em9rmr1d','queued',1,'process',0,1,NULL,NULL,'01m7w6c3bwe5j85k07em9rmr1d',0,0,NULL,NULL,NULL,NULL,'s1',NULL,'{"v":1,"id":"01m7w6c3bwe5j85k07em9rmr1d","state":"queued","version":1,"attempt":0,"resumes":false,"root":"01m7w6c3bwe5j85k07em9rmr1d","depth":0,"openChildren":0,"limits":{"timeout":"00:10:00"},"adoptions":0,"firstInLine":false,"createdAt":"2026-11-20T10:00:00.123+00:00","paused":"00:00:00","output":{"bytes":0,"errorBytes":0,"droppedBytes":0,"lostBytes":0},"annotations":[],"events":1}');
INSERT INTO tasks VALUES(2,'01m7w6c3bxfr3a3pvn68ftqxsc','running',2,'process',1,2,12884901889,NULL,'01m7w6c3bxfr3a3pvn68ftqxsc',0,0,NULL,NULL,NULL,NULL,NULL,NULL,'{"v":1,"id":"01m7w6c3bxfr3a3pvn68ftqxsc","state":"running","version":2,"attempt":1,"resumes":false,"claim":{"host":"h3","token":12884901889},"root":"01m7w6c3bxfr3a3pvn68ftqxsc","depth":0,"openChildren":0,"limits":{"timeout":"00:10:00"},"adoptions":0,"firstInLine":false,"createdAt":"2026-11-20T10:00:00.123+00:00","startedAt":"2026-11-20T10:00:01.123+00:00","paused":"00:00:00","output":{"bytes":0,"errorBytes":0,"droppedBytes":0,"lostBytes":0},"annotations":[],"events":2}');
INSERT INTO tasks VALUES(4,'01m7w6c3bzfaf9hvxp1s78js9d','stopping',1,'process',3,1,34064771072,'01m7w6c3bwe5j85k07em9rmr1d','01m7w6c3bwe5j85k07em9rmr1d',1,1,17951688001230001,17951688001230003,NULL,NULL,'s''1";','{"":"empty key","empty":"","repo":"x"}','{"v":1,"id":"01m7w6c3bzfaf9hvxp1s78js9d","state":"stopping","version":1,"attempt":3,"resumes":true,"claim":{"host":"h7","token":34064771072},"parent":"01m7w6c3bwe5j85k07em9rmr1d","root":"01m7w6c3bwe5j85k07em9rmr1d","depth":1,"openChildren":2,"outcome":{"kind":"interrupted","cause":"error","reason":"broken off","exit":{"code":7,"signalsSeen":[]},"error":{"type":"E","message":"m"},"result":0,"evidence":["seen"],"leftovers":[{"pid":9,"startTicks":8,"command":"x"}],"resources":{"wall":"00:00:00"},"output":{"bytes":9,"errorBytes":0,"droppedBytes":0,"lostBytes":0}},"stop":{"cause":"inactivity","actor":{"type":"rule","id":"inactivity","via":"watch"},"reason":"silent","requestedAt":"2026-11-20T10:00:00.2464567+00:00","now":true,"measured":{"idleMs":1800321,"limitMs":1800000},"noRetry":true},"question":{"text":"Which branch?","askedAt":"2026-11-20T10:00:00.123+00:00","expiresAt":"2026-11-20T11:00:00.123+00:00","default":"main","answer":{"text":"dev","actor":{"type":"user","id":"uid 1000","via":"cli"},"at":"2026-11-20T10:01:00.123+00:00"}},"limits":{"timeout":"00:00:00.0000001","idleWarning":"10675199.02:48:05.4775807"},"process":{"pid":4711,"commandPid":4712,"bootId":"boot","startTicks":9223372036854775807},"adoptions":4,"firstInLine":true,"notBefore":"2026-11-20T10:00:00.1230001+00:00","createdAt":"2026-11-20T10:00:00.123+00:00","startedAt":"2026-11-20T12:00:00.123+02:00","paused":"-00:00:00.0000077","output":{"bytes":1,"errorBytes":2,"droppedBytes":3,"lostBytes":9223372036854775807},"annotations":[{"at":"2026-11-20T10:00:00.123+00:00","text":"quotes \" and \\ and 日本 and \u0001"},{"at":"2026-11-20T10:00:00.1230001+00:00","text":""}],"events":1}');
INSERT INTO tasks VALUES(5,'01m7w6c3c0fmv9z8104zp4ceth','timed_out',1,'handler',1,1,NULL,'01m7w6c3bwe5j85k07em9rmr1d','01m7w6c3bwe5j85k07em9rmr1d',1,0,NULL,17951688001230003,17951688001230099,'start_deadline','s''1";','{"":"empty key","empty":"","repo":"x"}','{"v":1,"id":"01m7w6c3c0fmv9z8104zp4ceth","state":"timed_out","version":1,"attempt":1,"resumes":false,"parent":"01m7w6c3bwe5j85k07em9rmr1d","root":"01m7w6c3bwe5j85k07em9rmr1d","depth":1,"openChildren":0,"limits":{"timeout":"00:00:00.0000001","idleTimeout":"3000.00:00:00","idleWarning":"00:00:00"},"adoptions":0,"firstInLine":false,"createdAt":"2026-11-20T10:00:00.123+00:00","startedAt":"2026-11-20T10:00:00.123+00:00","endedAt":"2026-11-20T10:00:00.1230099+00:00","paused":"00:00:00","output":{"bytes":0,"errorBytes":0,"droppedBytes":0,"lostBytes":0},"end":{"state":"timed_out","cause":"start_deadline","reason":"late","actor":{"type":"rule","id":"start_deadline"},"measured":{"idleMs":1800321,"limitMs":1800000},"exit":{"code":143,"signal":"TERM","signalsSeen":["TERM","CONT"]},"error":{"type":"System.Exception","message":"no","stack":"at X"},"result":{"a":[1,2.50,"x",null,true]},"evidence":["exit record",""],"leftovers":[{"pid":1,"startTicks":2,"command":"sleep 9"}],"resources":{"wall":"00:00:00.0000003","cpu":"00:00:00.0000004","peakBytes":5}},"annotations":[],"events":1}');
CREATE TABLE specs (
  number INTEGER PRIMARY KEY,
  search TEXT NOT NULL,
  spec   TEXT NOT NULL
);
INSERT INTO specs VALUES(1,replace('build\n/usr/bin/make -j2','\n',char(10)),'{"v":1,"spec":{"name":"build","session":"s1","labels":{},"process":{"argv":["/usr/bin/make","-j2"],"cwd":"/","environment":{"EMPTY":"","PATH":"/bin"},"stdin":{"kind":"none"},"stderr":"merge","outputVia":"pipe","outputPolicy":"stop","leftovers":"keep","stopSignal":"TERM"},"timeout":"00:10:00","stopGrace":"00:00:10","repeatable":false,"refuseWhenFull":false,"detached":false,"children":"wait"}}');
INSERT INTO specs VALUES(2,replace('build\n/bin/true','\n',char(10)),'{"v":1,"spec":{"name":"build","labels":{},"process":{"argv":["/bin/true"],"cwd":"/","environment":{"EMPTY":"","PATH":"/bin"},"stdin":{"kind":"none"},"stderr":"merge","outputVia":"pipe","outputPolicy":"stop","leftovers":"keep","stopSignal":"TERM"},"timeout":"00:10:00","stopGrace":"00:00:10","repeatable":false,"refuseWhenFull":false,"detached":false,"children":"wait"}}');
INSERT INTO specs VALUES(4,replace('full\n/bin/echo  a b 日本 \n','\n',char(10)),'{"v":1,"spec":{"name":"full","session":"s''1\";","group":"nightly","labels":{"":"empty key","empty":"","repo":"x"},"process":{"argv":["/bin/echo","","a b","日本","\n"],"cwd":"/w","environment":{"A":"","Z":"\t","a.b":"=\""},"stdin":{"kind":"text","text":"in\n"},"stderr":"separate","outputVia":"file","outputCap":0,"outputPolicy":"stop","leftovers":"keep","stopSignal":"INT","umask":18,"openFiles":1024},"timeout":"00:00:00.0000001","idleTimeout":"3000.00:00:00","idleWarning":"00:00:00","stopGrace":"00:00:00","startBy":"2026-11-20T10:00:00.1230003+00:00","notBefore":"2026-11-20T10:00:00.1230002+00:00","repeatable":true,"refuseWhenFull":true,"detached":true,"children":"detach","retry":{"max":3,"backoff":"00:00:01","on":"failed, timed_out"}}}');
INSERT INTO specs VALUES(5,replace('full\nsum','\n',char(10)),'{"v":1,"spec":{"name":"full","session":"s''1\";","group":"nightly","labels":{"":"empty key","empty":"","repo":"x"},"handler":"sum","timeout":"00:00:00.0000001","idleTimeout":"3000.00:00:00","idleWarning":"00:00:00","stopGrace":"00:00:00","startBy":"2026-11-20T10:00:00.1230003+00:00","notBefore":"2026-11-20T10:00:00.1230002+00:00","repeatable":true,"refuseWhenFull":true,"detached":true,"children":"detach","retry":{"max":3,"backoff":"00:00:01","on":"failed, timed_out"}}}');
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
INSERT INTO events VALUES(1,'01m7w6c3bwe5j85k07em9rmr1d',1,'task.submitted',17951688001230000,'queued',0,'s1','{"note":"é \" \u0000"}');
INSERT INTO events VALUES(2,'01m7w6c3bxfr3a3pvn68ftqxsc',1,'task.submitted',17951688001230000,'queued',0,NULL,'{"note":"é \" \u0000"}');
INSERT INTO events VALUES(3,'01m7w6c3bxfr3a3pvn68ftqxsc',2,'task.annotated',17951688001230000,'running',1,NULL,'{"note":"é \" \u0000"}');
INSERT INTO events VALUES(4,'01m7w6c3byfw19eywcn8ws7k7x',1,'task.submitted',17951688001230000,'queued',0,NULL,'{"note":"é \" \u0000"}');
INSERT INTO events VALUES(5,'01m7w6c3byfw19eywcn8ws7k7x',2,'task.annotated',17951688001230000,'running',1,NULL,'{"note":"é \" \u0000"}');
INSERT INTO events VALUES(6,'01m7w6c3byfw19eywcn8ws7k7x',3,'task.annotated',17951688001230000,'completed',1,NULL,'{"note":"é \" \u0000"}');
INSERT INTO events VALUES(7,'01m7w6c3bzfaf9hvxp1s78js9d',1,'task.submitted',17951688001230000,'stopping',3,'s''1";','{"note":"é \" \u0000"}');
INSERT INTO events VALUES(8,'01m7w6c3c0fmv9z8104zp4ceth',1,'task.submitted',17951688001230000,'timed_out',1,'s''1";','{"note":"é \" \u0000"}');
INSERT INTO events VALUES(9,'01m7w6c3byfw19eywcn8ws7k7x',4,'task.removed',17977608001230000,'completed',1,NULL,'{"reason":"kept long enough"}');
CREATE TABLE idempotency_keys (
  key       TEXT NOT NULL PRIMARY KEY,
  task      TEXT NOT NULL,
  body_hash TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO idempotency_keys VALUES('build-4711','01m7w6c3byfw19eywcn8ws7k7x','hash');
CREATE TABLE tombstones (
  number     INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE CHECK (length(id) = 26),
  state      TEXT    NOT NULL CHECK (state IN ('completed', 'failed', 'timed_out', 'stopped', 'lost')),
  ended_at   INTEGER NOT NULL,
  removed_at INTEGER NOT NULL,
  reason     TEXT    NOT NULL
);
INSERT INTO tombstones VALUES(3,'01m7w6c3byfw19eywcn8ws7k7x','completed',17951688051230000,17977608001230000,'kept long enough');
CREATE TABLE counts (
  state TEXT NOT NULL PRIMARY KEY,
  tasks INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counts VALUES('completed',0);
INSERT INTO counts VALUES('failed',0);
INSERT INTO counts VALUES('lost',0);
INSERT INTO counts VALUES('queued',1);
INSERT INTO counts VALUES('running',1);
INSERT INTO counts VALUES('stopped',0);
INSERT INTO counts VALUES('stopping',1);
INSERT INTO counts VALUES('timed_out',1);
INSERT INTO counts VALUES('waiting',0);
CREATE TABLE quarantine (
  source TEXT NOT NULL PRIMARY KEY,
  reason TEXT NOT NULL,
  file   TEXT NOT NULL,
  at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE probe (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  filler BLOB
);
CREATE INDEX tasks_by_end ON tasks (ended_at);
CREATE INDEX tasks_by_session ON tasks (session) WHERE session IS NOT NULL;
CREATE INDEX idempotency_keys_by_task ON idempotency_keys (task);
CREATE INDEX tombstones_by_removal ON tombstones (removed_at);
COMMIT;
PRAGMA user_version = 1;
PRAGMA application_id = 1333097580;
