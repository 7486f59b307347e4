-- For a list of more than two values in a CHECK SQLite builds a table of them, anew for each row that is written: four such tables cost more than the row itself.
-- The same constraints, as comparisons. What is stored stays as it is, so that only their text changes: at once, however many tasks there are.
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(replace(replace(replace(sql,
  'CHECK (state IN (''queued'', ''running'', ''waiting'', ''stopping'', ''completed'', ''failed'', ''timed_out'', ''stopped'', ''lost''))',
  'CHECK (state = ''queued'' OR state = ''running'' OR state = ''completed'' OR state = ''stopping'' OR state = ''failed'' OR state = ''waiting'' OR state = ''stopped'' OR state = ''timed_out'' OR state = ''lost'')'),
  'CHECK (kind IN (''process'', ''agent'', ''handler''))',
  'CHECK (kind = ''process'' OR kind = ''agent'' OR kind = ''handler'')'),
  '(state IN (''completed'', ''failed'', ''timed_out'', ''stopped'', ''lost''))',
  '(state = ''completed'' OR state = ''failed'' OR state = ''stopped'' OR state = ''timed_out'' OR state = ''lost'')'),
  'token IS NULL OR state IN (''running'', ''waiting'', ''stopping'')',
  'token IS NULL OR state = ''running'' OR state = ''waiting'' OR state = ''stopping''')
WHERE type = 'table' AND name = 'tasks';
PRAGMA writable_schema = RESET;
-- A change of schema that other connections notice.
DROP INDEX tasks_by_session;
CREATE INDEX tasks_by_session ON tasks (session) WHERE session IS NOT NULL;
