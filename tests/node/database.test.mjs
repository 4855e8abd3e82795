// The stack's SQL, and its backup and restore, with a real Postgres.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { PATIENCE_SECONDS, REPOSITORY, until } from './server.mjs';
import { surroundings } from './setup.mjs';

const call = promisify(execFile);
const PROGRAM = process.env.PLANT_CARE_BIN ?? join(REPOSITORY, 'target/debug/plant-care');
const SETUP = join(REPOSITORY, 'observability/postgres');
// The audit trail as an installation may have it from the version before.
const BEFORE = join(REPOSITORY, 'tests/node/audit.before.sql');

suite("the stack's Postgres", () => {
  let folder, programs, address;
  const passwords = { plant_user_password: `it's "one"; --`, plant_monitor_password: 'another' };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plant-care-database-'));
    // Postgres's own user must reach what is in it.
    await chmod(folder, 0o755);
    const script = join(REPOSITORY, 'scripts/postgres');
    programs = (await call(script, ['find'])).stdout.trim();
    const settings = ['shared_preload_libraries=pg_stat_statements', "log_statement='all'"];
    address = new URL((await call(script, ['start', join(folder, 'cluster'), ...settings])).stdout.trim());
    await sql('CREATE ROLE postgres SUPERUSER LOGIN', { user: 'plant_care', database: 'postgres' });
    await sql('CREATE DATABASE plant_care_db', { database: 'postgres' });
    await mkdir(join(folder, 'secrets'));
    for (const [name, value] of Object.entries(passwords)) await writeFile(join(folder, 'secrets', name), value);
  });
  after(async () => {
    if (address) await call(join(REPOSITORY, 'scripts/postgres'), ['stop', join(folder, 'cluster')]);
    if (folder) await rm(folder, { recursive: true });
  });

  const environment = (user = 'postgres', database = 'plant_care_db') => ({
    PATH: `${programs}:${process.env.PATH}`,
    PGHOST: address.hostname,
    PGPORT: address.port,
    PGUSER: user,
    PGDATABASE: database,
  });

  /** The rows of a statement, as objects where it is a query; several are sent one after the other in one session. */
  async function sql(statements, { user, database } = {}) {
    const commands = [statements].flat().flatMap((statement) => ['--command', statement]);
    const { stdout } = await call('psql', ['--no-psqlrc', '--quiet', '--csv', '--set=ON_ERROR_STOP=1', ...commands], {
      env: environment(user, database),
    });
    const [head, ...rows] = stdout.trim().split('\n');
    if (!head) return [];
    const names = head.split(',');
    return rows.map((row) => Object.fromEntries(row.split(',').map((value, index) => [names[index], value])));
  }

  const setup = (settings = {}) =>
    call('sh', [join(SETUP, 'setup.sh')], {
      env: { ...environment(), SETUP_FOLDER: SETUP, SECRETS_FOLDER: join(folder, 'secrets'), ...settings },
    });

  const migrate = (way = ['up'], database = 'plant_care_db') =>
    call(PROGRAM, ['migrate', ...way], {
      cwd: folder,
      env: {
        DATA_DIR: folder,
        DATABASE_URL: `postgres://plant_user@${address.host}/${database}`,
        PATH: process.env.PATH,
      },
    });

  test('roles: neither is a superuser, the watcher reads statistics, and no password is in a log', async () => {
    await setup();
    await setup();
    const roles = await sql(`SELECT rolname, rolsuper, rolcreaterole, rolcanlogin FROM pg_roles
      WHERE rolname IN ('plant_user', 'plant_monitor') ORDER BY rolname`);
    const plain = { rolsuper: 'f', rolcreaterole: 'f', rolcanlogin: 't' };
    assert.deepEqual(roles, [
      { rolname: 'plant_monitor', ...plain },
      { rolname: 'plant_user', ...plain },
    ]);
    // The server's log is only its owner's.
    const log = await call('find', [join(folder, 'cluster/data/server.log'), '-exec', 'cat', '{}', ';']);
    assert.match(log.stdout, /CREATE SCHEMA IF NOT EXISTS monitoring/);
    assert.doesNotMatch(log.stdout, /PASSWORD '/);
    const stored = await sql(
      "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' AS hashed FROM pg_authid WHERE rolname IN ('plant_user', 'plant_monitor')",
    );
    assert.deepEqual(
      stored.map(({ hashed }) => hashed),
      ['t', 't'],
    );
  });

  test("the API's migrations run as its own role", async () => {
    const { stdout } = await migrate();
    assert.match(stdout, /^applied \d+/);
    const owners = await sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'");
    assert.deepEqual(owners, [{ tableowner: 'plant_user' }]);
  });

  test('the views tell of slow queries, bloat and indexes, also to the watcher', async () => {
    await sql('CREATE TABLE bulky (id int PRIMARY KEY, text text); CREATE INDEX bulky_text ON bulky (text)', {
      user: 'plant_user',
    });
    await sql("INSERT INTO bulky SELECT n, repeat('x', 200) FROM generate_series(1, 5000) AS n", {
      user: 'plant_user',
    });
    await sql('DELETE FROM bulky WHERE id > 500; ANALYZE bulky', { user: 'plant_user' });
    for (let count = 0; count < 3; count += 1)
      await sql('SELECT count(*) FROM bulky WHERE id = 7', { user: 'plant_user' });
    // Statistics arrive when a session ends, or a little later.
    const watcher = { user: 'plant_monitor' };
    const rows = (statement) =>
      until(
        async () => {
          const found = await sql(statement, watcher);
          return found.length > 0 ? found : null;
        },
        PATIENCE_SECONDS,
        () => `Nothing came of ${statement}`,
      );
    const [slow] = await rows(`SELECT role, calls, query FROM monitoring.slow_queries
      WHERE query LIKE 'SELECT count(*) FROM bulky WHERE id = $1%'`);
    assert.deepEqual(slow, { role: 'plant_user', calls: '3', query: 'SELECT count(*) FROM bulky WHERE id = $1' });
    const [bloat] = await rows(`SELECT dead_rows, bloat_percent > 70 AS large, bloat_bytes > 500000 AS many
      FROM monitoring.table_bloat WHERE "table" = 'bulky' AND dead_rows > 0`);
    assert.deepEqual(bloat, { dead_rows: '4500', large: 't', many: 't' });
    const indexes = await rows(`SELECT index, scans > 0 AS used, keeps_unique, unused FROM monitoring.index_use
      WHERE "table" = 'bulky' AND EXISTS (SELECT FROM monitoring.index_use WHERE index = 'bulky_pkey' AND scans >= 3)
      ORDER BY index`);
    assert.deepEqual(indexes, [
      { index: 'bulky_pkey', used: 't', keeps_unique: 't', unused: 'f' },
      { index: 'bulky_text', used: 'f', keeps_unique: 'f', unused: 't' },
    ]);
    assert.ok((await rows('SELECT * FROM monitoring.table_scans')).length > 10);
  });

  test("the watcher sees no member's data, and changes nothing", async () => {
    const refused = (statement) =>
      assert.rejects(sql(statement, { user: 'plant_monitor' }), /permission denied|read-only/);
    await refused('SELECT * FROM users');
    await refused('SELECT * FROM audit.changes');
    await refused('CREATE TABLE mine (id int)');
    await refused('SELECT audit.switch_on()');
    await assert.rejects(sql('SELECT * FROM audit.changes', { user: 'plant_user' }), /permission denied/);
    await assert.rejects(sql('SELECT * FROM monitoring.slow_queries', { user: 'plant_user' }), /permission denied/);
  });

  test('the audit trail is off, records rows and columns without values when on, and is off again', async () => {
    const changes = () =>
      sql(`SELECT "table", operation, row_key ->> 'id' AS id, array_to_string(columns, ' ') AS columns, role
      FROM audit.changes ORDER BY changes.id`);
    await sql("INSERT INTO bulky VALUES (10001, 'unseen')", { user: 'plant_user' });
    assert.deepEqual(await changes(), []);

    await setup({ AUDIT_TRAIL: 'on' });
    await setup({ AUDIT_TRAIL: 'keep' });
    await sql("INSERT INTO bulky VALUES (10002, 'a secret')", { user: 'plant_user' });
    await sql("UPDATE bulky SET text = 'another secret' WHERE id = 10002", { user: 'plant_user' });
    await sql('UPDATE bulky SET text = text WHERE id = 10002', { user: 'plant_user' });
    await sql('DELETE FROM bulky WHERE id = 10002', { user: 'plant_user' });
    await sql('CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)', { user: 'plant_user' });
    const by = { role: 'plant_user' };
    const nothing = { id: '', columns: '' };
    assert.deepEqual(await changes(), [
      { table: 'audit.changes', operation: 'SWITCH ON', ...nothing, role: 'postgres' },
      { table: 'bulky', operation: 'INSERT', id: '10002', columns: '', ...by },
      { table: 'bulky', operation: 'UPDATE', id: '10002', columns: 'text', ...by },
      { table: 'bulky', operation: 'DELETE', id: '10002', columns: '', ...by },
      { table: 'later', operation: 'CREATE TABLE', ...nothing, ...by },
      { table: 'later', operation: 'INSERT', id: '1', columns: '', ...by },
    ]);
    assert.deepEqual(
      await sql("SELECT 1 AS found FROM audit.changes AS changes WHERE changes::text LIKE '%secret%'"),
      [],
    );
    await assert.rejects(sql('DELETE FROM audit.changes', { user: 'plant_user' }), /permission denied/);

    await setup({ AUDIT_TRAIL: 'off' });
    await sql('INSERT INTO later VALUES (2); CREATE TABLE even_later (id int); DROP TABLE later, even_later', {
      user: 'plant_user',
    });
    assert.deepEqual((await changes()).slice(6), [
      { table: 'audit.changes', operation: 'SWITCH OFF', ...nothing, role: 'postgres' },
    ]);
    const left = `SELECT tgname AS name FROM pg_trigger WHERE tgname LIKE 'audit%'
      UNION ALL SELECT evtname FROM pg_event_trigger`;
    assert.deepEqual(await sql(left), []);
    await assert.rejects(setup({ AUDIT_TRAIL: 'perhaps' }), /it takes on, off or keep/);
  });

  suite('whom the audit trail watches cannot switch it off', () => {
    const owner = { user: 'plant_user' };
    const refusal = /The audit trail is on: [^]*(SELECT audit\.switch_off\(\)|READ COMMITTED)/;
    let last;

    /** What was recorded since the last look. */
    async function recorded() {
      const rows = await sql(`SELECT changes.id AS number, "table" || ' ' || operation
        || coalesce(' ' || nullif(array_to_string(columns, '+'), ''), '') || coalesce(' #' || (row_key ->> 'id'), '') AS said
        FROM audit.changes WHERE changes.id > ${last} ORDER BY changes.id`);
      if (rows.length > 0) last = rows.at(-1).number;
      return rows.map(({ said }) => said);
    }

    before(async () => {
      await sql(`CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`, owner);
      await setup({ AUDIT_TRAIL: 'on' });
    });
    beforeEach(async () => {
      await sql(
        `DROP TABLE IF EXISTS watched CASCADE; CREATE TABLE watched (id int PRIMARY KEY, text text);
        INSERT INTO watched VALUES (1, 'as it was')`,
        owner,
      );
      [{ last }] = await sql('SELECT coalesce(max(id), 0) AS last FROM audit.changes');
    });

    const refused = {
      'dropping the trigger': 'DROP TRIGGER audit ON watched',
      'disabling it': 'ALTER TABLE watched DISABLE TRIGGER audit',
      'disabling all': 'ALTER TABLE watched DISABLE TRIGGER ALL',
      "disabling the user's": 'ALTER TABLE watched DISABLE TRIGGER USER',
      'disabling it among other things': 'ALTER TABLE watched ADD COLUMN more int, DISABLE TRIGGER audit',
      'having it fire on replicas alone': 'ALTER TABLE watched ENABLE REPLICA TRIGGER audit',
      'renaming it': 'ALTER TRIGGER audit ON watched RENAME TO other',
      'replacing it':
        'CREATE OR REPLACE TRIGGER audit AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION mine()',
      'a table with its own trigger of that name': `CREATE SCHEMA made CREATE TABLE watched (id int)
        CREATE TRIGGER audit AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION mine()`,
      'partitions with such a trigger': `CREATE TABLE parts (id int) PARTITION BY LIST (id);
        CREATE OR REPLACE TRIGGER audit AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION mine()`,
      'letting it go with an extension': `CREATE EXTENSION citext; ALTER TRIGGER audit ON watched DEPENDS ON EXTENSION citext;
        DROP EXTENSION citext`,
      'doing it in a function': `DO $$ BEGIN EXECUTE 'DROP TRIGGER audit ON watched'; END $$`,
      'doing it in a transaction that does not see the table': [
        'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 WHERE false',
        `\\! psql --no-psqlrc --quiet --command 'CREATE TABLE unseen (id int)'`,
        'DROP TRIGGER audit ON unseen; COMMIT',
      ],
    };
    for (const [way, statements] of Object.entries(refused)) {
      test(`${way} is refused`, async () => {
        await assert.rejects(sql(statements, owner), refusal);
        await recorded();
        await sql("UPDATE watched SET text = text || '.'", owner);
        assert.deepEqual(await recorded(), ['watched UPDATE text #1']);
      });
    }

    const seen = {
      'emptying a table': ['TRUNCATE watched', ['watched TRUNCATE']],
      'emptying what refers to another': [
        `CREATE TABLE referring (id int); ALTER TABLE referring ADD FOREIGN KEY (id) REFERENCES watched;
        TRUNCATE watched CASCADE; DROP TABLE referring`,
        [
          'referring CREATE TABLE',
          'referring ALTER TABLE',
          'watched TRUNCATE',
          'referring TRUNCATE',
          'referring DROP TABLE',
        ],
      ],
      'a table of a query': [
        'CREATE TABLE copied AS SELECT 1 AS id; INSERT INTO copied VALUES (2); DROP TABLE copied',
        ['copied CREATE TABLE AS', 'copied INSERT', 'copied DROP TABLE'],
      ],
      'SELECT INTO': [
        'SELECT 1 AS id INTO copied; INSERT INTO copied VALUES (2); DROP TABLE copied',
        ['copied SELECT INTO', 'copied INSERT', 'copied DROP TABLE'],
      ],
      'a table of another schema': [
        `CREATE SCHEMA hidden; CREATE TABLE hidden.first (id int PRIMARY KEY); INSERT INTO hidden.first VALUES (7);
        ALTER TABLE hidden.first RENAME TO second; ALTER TABLE hidden.second SET SCHEMA public;
        DELETE FROM second; DROP TABLE second; DROP SCHEMA hidden`,
        [
          'hidden CREATE SCHEMA',
          'hidden.first CREATE TABLE',
          'hidden.first INSERT #7',
          'hidden.second ALTER TABLE',
          'second ALTER TABLE',
          'second DELETE #7',
          'second DROP TABLE',
          'hidden DROP SCHEMA',
        ],
      ],
      'a schema with its table': [
        `CREATE SCHEMA hidden CREATE TABLE watched (id int); INSERT INTO hidden.watched VALUES (1); DROP SCHEMA hidden CASCADE`,
        [
          'hidden CREATE SCHEMA',
          'hidden.watched CREATE TABLE',
          'hidden.watched INSERT',
          'hidden DROP SCHEMA',
          'hidden.watched DROP TABLE',
        ],
      ],
      'a rule that leads elsewhere': [
        `CREATE SCHEMA hidden; CREATE TABLE hidden.other (id int, text text);
        CREATE RULE elsewhere AS ON INSERT TO watched DO INSTEAD INSERT INTO hidden.other VALUES (NEW.*);
        INSERT INTO watched VALUES (3, 'three'); DROP RULE elsewhere ON watched; DROP TABLE hidden.other; DROP SCHEMA hidden`,
        [
          'hidden CREATE SCHEMA',
          'hidden.other CREATE TABLE',
          'elsewhere on public.watched CREATE RULE',
          'hidden.other INSERT',
          'elsewhere on public.watched DROP RULE',
          'hidden.other DROP TABLE',
          'hidden DROP SCHEMA',
        ],
      ],
      'another primary key': [
        `CREATE TABLE keyed (before int PRIMARY KEY); ALTER TABLE keyed RENAME COLUMN before TO id;
        INSERT INTO keyed VALUES (4); DROP TABLE keyed`,
        ['keyed CREATE TABLE', 'keyed ALTER TABLE id', 'keyed INSERT #4', 'keyed DROP TABLE'],
      ],
      'new values without a change of rows': [
        `CREATE TABLE given (id int, text text); ALTER TABLE given ALTER COLUMN text TYPE text USING 'other' || text;
        ALTER TABLE given DROP COLUMN text; DROP TABLE given`,
        [
          'given CREATE TABLE',
          'given REWRITE',
          'given ALTER TABLE',
          'given ALTER TABLE text',
          'given ALTER TABLE',
          'given DROP TABLE',
        ],
      ],
      'partitions, made and attached': [
        `CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
        CREATE TABLE first_part PARTITION OF parts FOR VALUES IN (1);
        CREATE TABLE second_part (id int PRIMARY KEY); ALTER TABLE parts ATTACH PARTITION second_part FOR VALUES IN (2);
        INSERT INTO parts VALUES (1), (2); ALTER TABLE parts DETACH PARTITION first_part; DELETE FROM first_part;
        TRUNCATE parts; DROP TABLE first_part; DROP TABLE parts`,
        [
          'parts CREATE TABLE',
          'first_part CREATE TABLE',
          'second_part CREATE TABLE',
          'parts ALTER TABLE',
          'first_part INSERT #1',
          'second_part INSERT #2',
          'parts ALTER TABLE',
          'first_part DELETE #1',
          'second_part TRUNCATE',
          'first_part DROP TABLE',
          'parts DROP TABLE',
          'second_part DROP TABLE',
        ],
      ],
      'rebuilding a table': [
        `INSERT INTO watched VALUES (5, 'five'); CREATE TABLE rebuilt (LIKE watched INCLUDING ALL);
        INSERT INTO rebuilt SELECT * FROM watched; DROP TABLE watched; ALTER TABLE rebuilt RENAME TO watched;
        DELETE FROM watched WHERE id = 5`,
        [
          'watched INSERT #5',
          'rebuilt CREATE TABLE',
          'rebuilt INSERT #1',
          'rebuilt INSERT #5',
          'watched DROP TABLE',
          'watched ALTER TABLE',
          'watched DELETE #5',
        ],
      ],
      'a type of its own': [
        `CREATE TYPE colour AS ENUM ('red', 'blue'); CREATE TABLE coloured (id int PRIMARY KEY, "the colour" colour);
        INSERT INTO coloured VALUES (6, NULL); UPDATE coloured SET "the colour" = 'red'; UPDATE coloured SET id = id;
        ALTER TABLE coloured ALTER COLUMN "the colour" TYPE text; UPDATE coloured SET "the colour" = 'blue';
        DROP TABLE coloured; DROP TYPE colour`,
        [
          'public.colour CREATE TYPE',
          'coloured CREATE TABLE',
          'coloured INSERT #6',
          'coloured UPDATE the colour #6',
          'coloured REWRITE',
          'coloured ALTER TABLE',
          'coloured UPDATE the colour #6',
          'coloured DROP TABLE',
          'public.colour DROP TYPE',
        ],
      ],
    };
    for (const [way, [statements, expected]] of Object.entries(seen)) {
      test(`${way} works, and is recorded`, async () => {
        await sql(statements, owner);
        assert.deepEqual(await recorded(), expected);
      });
    }

    test('temporary tables are nobody\'s business', async () => {
      await sql(
        'CREATE TEMPORARY TABLE passing (id int); INSERT INTO passing VALUES (1); ALTER TABLE passing ADD COLUMN more int; DROP TABLE passing',
        owner,
      );
      assert.deepEqual(await recorded(), []);
    });

    test('dropping all that one owns, or the schema with all in it, is recorded, and what comes then is watched', async () => {
      for (const drop of ['DROP OWNED BY plant_user CASCADE', 'DROP SCHEMA public CASCADE']) {
        const rows = await sql(
          `BEGIN; SET ROLE plant_user; ${drop}; RESET ROLE; CREATE SCHEMA IF NOT EXISTS public AUTHORIZATION plant_user;
          SET ROLE plant_user; CREATE TABLE public.watched (id int); INSERT INTO public.watched VALUES (1); RESET ROLE;
          SELECT operation FROM audit.changes WHERE id > ${last} AND "table" = 'watched' ORDER BY id; ROLLBACK`,
        );
        assert.deepEqual(
          rows.map(({ operation }) => operation),
          ['DROP TABLE', 'CREATE TABLE', 'INSERT'],
          drop,
        );
      }
    });

    test('Postgres itself lets nobody else at the trail', async () => {
      for (const statement of [
        'DROP EVENT TRIGGER audit',
        'ALTER EVENT TRIGGER audit DISABLE',
        'ALTER EVENT TRIGGER audit_drop OWNER TO plant_user',
        'DROP FUNCTION audit.record() CASCADE',
        'CREATE OR REPLACE FUNCTION audit.record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
        'DROP SCHEMA audit CASCADE',
        'ALTER SCHEMA audit RENAME TO other',
        'TRUNCATE audit.changes',
        'GRANT ALL ON audit.changes TO plant_user',
        'CREATE TRIGGER mine BEFORE INSERT ON audit.changes FOR EACH ROW EXECUTE FUNCTION mine()',
        'ALTER TABLE watched SET SCHEMA audit',
        'SET session_replication_role = replica',
        'ALTER ROLE plant_user SET session_replication_role = replica',
        'SET event_triggers = off',
        'REASSIGN OWNED BY postgres TO plant_user',
        'SELECT audit.switch_off()',
        "SELECT audit.trim(interval '0')",
        'CREATE TRIGGER other AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION audit.record()',
      ]) {
        await assert.rejects(
          sql(statement, owner),
          /permission denied|must be owner|must be superuser|unrecognized configuration parameter/,
          statement,
        );
      }
    });

    suite('nobody becomes a superuser', () => {
      const become = `IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        ALTER ROLE plant_user SUPERUSER; END IF`;
      const roles = () => sql("SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = 'plant_user'");
      afterEach(() => sql('ALTER ROLE plant_user NOSUPERUSER'));

      test('by a cast of her own type, which is recorded as any other', async () => {
        await sql(
          `CREATE TYPE trap AS ENUM ('open', 'shut');
          CREATE FUNCTION spring(trap) RETURNS json LANGUAGE plpgsql AS $$ BEGIN ${become}; RETURN '1'; END $$;
          CREATE CAST (trap AS json) WITH FUNCTION spring(trap);
          CREATE TABLE trapped (id int PRIMARY KEY, trap trap);
          INSERT INTO trapped VALUES (1, 'open'); UPDATE trapped SET trap = 'shut'`,
          owner,
        );
        assert.deepEqual(await roles(), [{ superuser: 'f' }]);
        assert.deepEqual((await recorded()).slice(-2), ['trapped INSERT #1', 'trapped UPDATE trap #1']);
        await sql('DROP TABLE trapped; DROP TYPE trap CASCADE', owner);
      });

      test('by a function of public that setup.sh would call', async () => {
        await sql(
          ['text', 'name'].map(
            (type) => `CREATE FUNCTION format(text, ${type}) RETURNS text LANGUAGE plpgsql
            AS $$ BEGIN ${become}; RETURN pg_catalog.format($1, VARIADIC ARRAY[$2::text]); END $$`,
          ),
          owner,
        );
        await setup();
        assert.deepEqual(await roles(), [{ superuser: 'f' }]);
        await sql('DROP FUNCTION format(text, name), format(text, text)', owner);
      });
    });

    test('the database and its parameters are the superuser\'s', async () => {
      for (const statement of [
        'ALTER DATABASE plant_care_db SET search_path = public, pg_catalog',
        "ALTER DATABASE plant_care_db SET role = 'plant_user'",
        'ALTER DATABASE plant_care_db RENAME TO other',
        'ALTER DATABASE plant_care_db OWNER TO plant_user',
        'ALTER DATABASE plant_care_db ALLOW_CONNECTIONS false',
        'DROP DATABASE plant_care_db',
      ]) {
        await assert.rejects(sql(statement, { ...owner, database: 'postgres' }), /must be owner/, statement);
      }
    });

    test('old entries are forgotten when a superuser asks for it, and that is said', async () => {
      await assert.rejects(sql("SELECT audit.trim(interval '-1 day')"), /how long to keep/);
      await assert.rejects(sql('SELECT audit.trim(NULL)'), /how long to keep/);
      assert.deepEqual(await sql("SELECT audit.trim(interval '1 day') AS forgotten"), [{ forgotten: '0' }]);
      await recorded();
      await sql(`UPDATE audit.changes SET at = at - interval '2 days' WHERE id <= ${last}`);
      await sql("UPDATE watched SET text = 'new'; INSERT INTO watched VALUES (9, 'nine')", owner);
      const [{ forgotten }] = await sql("SELECT audit.trim(interval '1 day') AS forgotten");
      assert.ok(Number(forgotten) > 20);
      const left = await sql('SELECT "table", operation FROM audit.changes ORDER BY id');
      assert.deepEqual(left.at(-1), { table: 'audit.changes', operation: 'TRIM' });
      assert.ok(left.every(({ operation }) => ['INSERT', 'UPDATE', 'TRIM'].includes(operation)), JSON.stringify(left));
    });

    /** All that setup.sh may have changed in a database. */
    const everything = async (database) => [
      (await call('pg_dump', [], { env: environment('postgres', database), maxBuffer: 1e8 })).stdout.replace(/^\\(un)?restrict .*$/gm, ''),
      await sql('SELECT oid, evtname FROM pg_event_trigger UNION ALL SELECT oid, tgname FROM pg_trigger ORDER BY 1', {
        database,
      }),
      await sql("SELECT datname, datdba, datacl FROM pg_database WHERE datname = current_database()", { database }),
    ];

    test('the migrations go up and down with the trail on, and setting up again changes nothing', async () => {
      const database = 'fresh';
      await sql(`CREATE DATABASE ${database}`, { database: 'postgres' });
      try {
        await setup({ AUDIT_TRAIL: 'on', PGDATABASE: database });
        await migrate(['up'], database);
        const bare = `SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
          WHERE nspname = 'public' AND relkind = 'r' AND (SELECT count(*) FROM pg_trigger
            WHERE tgrelid = pg_class.oid AND tgname IN ('audit', 'audit_truncate') AND tgenabled = 'O') <> 2`;
        assert.deepEqual(await sql(bare, { database }), []);
        const there = await everything(database);
        assert.match(there[0], /CREATE TRIGGER audit_truncate AFTER TRUNCATE ON public\.users /);
        for (const AUDIT_TRAIL of ['on', 'keep']) {
          await setup({ AUDIT_TRAIL, PGDATABASE: database });
          assert.deepEqual(await everything(database), there);
        }
        const [{ count }] = await sql('SELECT count(*) FROM seaql_migrations', { database });
        await migrate(['down', '--steps', count], database);
        assert.deepEqual(
          await sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'seaql_migrations'", {
            database,
          }),
          [],
        );
        const operations = await sql(`SELECT operation FROM audit.changes WHERE "table" = 'users' ORDER BY id`, { database });
        assert.equal(operations.at(0).operation, 'CREATE TABLE');
        assert.equal(operations.at(-1).operation, 'DROP TABLE');
      } finally {
        await sql(`DROP DATABASE ${database} WITH (FORCE)`, { database: 'postgres' });
      }
    });

    test('a trail of the version before that is on stays on, and cannot be switched off any more', async () => {
      const database = 'older';
      const there = { ...owner, database };
      await sql(`CREATE DATABASE ${database} OWNER plant_user`, { database: 'postgres' });
      try {
        await call('psql', ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--file=${BEFORE}`], {
          env: environment('postgres', database),
        });
        await sql(
          `CREATE TABLE watched (id int PRIMARY KEY); CREATE TABLE disabled (id int);
          CREATE TABLE parts (id int) PARTITION BY LIST (id)`,
          there,
        );
        await sql('SELECT audit.switch_on()', { database });
        await sql('INSERT INTO watched VALUES (1); ALTER TABLE disabled DISABLE TRIGGER ALL', there);
        await setup({ PGDATABASE: database });
        await sql(
          `INSERT INTO watched VALUES (2); INSERT INTO disabled VALUES (3);
          CREATE TABLE part PARTITION OF parts FOR VALUES IN (1); INSERT INTO parts VALUES (1)`,
          there,
        );
        const rows = await sql(
          `SELECT "table", operation, row_key ->> 'id' AS id FROM audit.changes ORDER BY changes.id`,
          { database },
        );
        assert.deepEqual(rows, [
          { table: 'watched', operation: 'INSERT', id: '1' },
          { table: 'watched', operation: 'INSERT', id: '2' },
          { table: 'disabled', operation: 'INSERT', id: '' },
          { table: 'part', operation: 'CREATE TABLE', id: '' },
          { table: 'part', operation: 'INSERT', id: '' },
        ]);
        await assert.rejects(sql('DROP TRIGGER audit ON watched', there), refusal);
        const state = await everything(database);
        await setup({ PGDATABASE: database });
        assert.deepEqual(await everything(database), state);
      } finally {
        await sql(`DROP DATABASE ${database} WITH (FORCE)`, { database: 'postgres' });
      }
    });
  });

  /** The script's world, in which Postgres is the real one. */
  async function world() {
    const made = await surroundings();
    const docker = await made.read('docker');
    await made.say(
      'docker',
      docker.replace(
        /^case \$all in$/m,
        `case $all in
    *' exec -T postgres '*)
        while [[ $1 != postgres ]]; do shift; done
        shift
        # The superuser's password is in the container.
        if [[ $1 == psql ]]; then exec "$@" < <(sed "s#/run/secrets#$SECRETS_FOLDER#"); else exec "$@"; fi
        ;;
    *' postgres-setup '*)
        [[ $all =~ \\ PGDATABASE=([a-z_]+) ]] && export PGDATABASE=\${BASH_REMATCH[1]}
        exec sh "$SETUP_FOLDER/setup.sh"
        ;;
esac
case $all in`,
      ),
    );
    const env = {
      ...environment(),
      PATH: `${made.bin}:${programs}:${process.env.PATH}`,
      SETUP_FOLDER: SETUP,
      SECRETS_FOLDER: join(folder, 'secrets'),
    };
    delete env.PGPORT;
    return { ...made, script: (...args) => made.run(args, { env: { ...env, PGPORT: address.port } }) };
  }

  const state = () =>
    sql(`SELECT (SELECT count(*) FROM bulky) AS rows, (SELECT count(*) FROM seaql_migrations) AS migrations,
      (SELECT tableowner FROM pg_tables WHERE tablename = 'bulky') AS owner,
      (SELECT count(*) > 0 FROM monitoring.index_use WHERE index = 'bulky_text') AS watched,
      (SELECT count(*) FROM pg_event_trigger) AS trail`);
  const databases = () =>
    sql(`SELECT datname, pg_get_userbyid(datdba) AS owner, datallowconn AS open FROM pg_database WHERE datname LIKE 'plant%'`, {
      database: 'postgres',
    });
  const ONE = [{ datname: 'plant_care_db', owner: 'postgres', open: 't' }];

  test('what a backup holds comes back, what came later is gone, and a broken backup changes nothing', async (t) => {
    const { repository, script, remove } = await world();
    t.after(remove);
    const well = async (...args) => {
      const { code, output } = await script(...args);
      assert.equal(code, 0, output);
      return output;
    };
    await writeFile(join(folder, 'secrets/postgres_password'), `the "superuser's"`);
    await well('start');
    const [{ set }] = await sql("SELECT rolpassword LIKE 'SCRAM-SHA-256$%' AS set FROM pg_authid WHERE rolname = 'postgres'");
    assert.equal(set, 't');
    const before = await state();
    assert.deepEqual(before[0].owner, 'plant_user');
    assert.equal(before[0].trail, '3');
    await well('backup', 'b');
    await sql('DELETE FROM bulky; CREATE TABLE since (id int)', { user: 'plant_user' });
    const later = await state();
    assert.notDeepEqual(later, before);
    assert.match(await well('restore', '--drill', 'b'), new RegExp(`^ {2}bulky +${before[0].rows}$`, 'm'));
    assert.deepEqual([await state(), await databases()], [later, ONE]);
    await well('restore', 'b', '--yes');
    assert.deepEqual(await state(), before);
    assert.deepEqual(await sql("SELECT 1 AS found FROM pg_tables WHERE tablename = 'since'"), []);
    assert.deepEqual(await databases(), ONE);
    // The API still writes to it, and the schema is the one it knows.
    await sql("INSERT INTO bulky VALUES (20000, 'after')", { user: 'plant_user' });
    assert.deepEqual(await sql(`SELECT row_key ->> 'id' AS id FROM audit.changes ORDER BY changes.id DESC LIMIT 1`), [
      { id: '20000' },
    ]);
    await assert.rejects(sql('DROP TRIGGER audit ON bulky', { user: 'plant_user' }), /The audit trail is on/);
    assert.match((await migrate()).stdout, /nothing to apply/);

    // Its beginning is whole.
    const dump = join(repository, 'b/postgres.dump');
    const bytes = await readFile(dump);
    await writeFile(dump, bytes.subarray(0, bytes.length - 3000));
    await call('sh', ['-c', 'sha256sum key postgres.dump photos.tar.gz grafana.tar.gz >SHA256SUMS'], {
      cwd: join(repository, 'b'),
    });
    const { code, output, steps } = await script('restore', 'b', '--yes');
    assert.equal(code, 1);
    assert.match(output, /pg_restore cannot read it/);
    assert.ok(!steps.some((step) => step.startsWith('stop')));
    assert.equal(Number((await state())[0].rows), Number(before[0].rows) + 1);
  });

  test('a restore that is killed in the exchange of the databases, or in its undoing, leaves the old one', async (t) => {
    const { script, say, remove } = await world();
    t.after(remove);
    await script('start');
    await script('backup', 'b');
    await sql("INSERT INTO bulky VALUES (30000, 'since')", { user: 'plant_user' });
    // Somebody who stays connected, and comes back.
    const before = await state();
    const { calls } = await script('restore', '--drill', 'b');
    assert.ok(calls.length > 20);
    await say('failing', 'exchange api\n');
    const failed = await script('restore', 'b', '--yes');
    assert.equal(failed.code, 1);
    await say('failing', '');
    assert.deepEqual([await state(), await databases()], [before, ONE]);
    const places = failed.calls.flatMap((one, index) => (/ psql /.test(one) ? [index + 1] : []));
    // The spare database, the exchange, the undoing.
    assert.equal(places.length, 3, failed.calls.join('\n'));
    for (const place of places.slice(1)) {
      for (const and of ['lost', 'done']) {
        await say('failing', 'exchange api\n');
        await say('killing', `KILL ${place} ${and}`);
        assert.equal((await script('restore', 'b', '--yes')).signal, 'SIGKILL');
        await say('failing', '');
        await say('killing', '');
        const { code, output } = await script('start');
        assert.equal(code, 0, output);
        assert.deepEqual([await state(), await databases()], [before, ONE], `${place} ${and}`);
      }
    }
  });
});
